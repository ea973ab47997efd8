package render

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

// Content is what a file of a service directory holds. That of a script is put together when it is
// asked for: a thousand profiles have 10 MB of scripts, which differ in a few words. It does not
// change. nil is that of an empty file.
type Content struct {
	bytes   []byte
	stencil *stencil // nil: bytes are all of it
	texts   []string // that go into the stencil
	digest  string   // empty: it is not known yet
}

// Text is content that is there as bytes. They must not change any more.
func Text(b []byte) *Content { return &Content{bytes: b} }

// digested is content with its digest, for many to ask for.
func digested(b []byte) *Content { return &Content{bytes: b, digest: Digest(b)} }

// filled is the content that comes out of a stencil.
func filled(s *stencil, texts []string) *Content {
	b := scratch.Get().(*[]byte)
	defer scratch.Put(b)
	*b = s.fill((*b)[:0], texts)
	return &Content{stencil: s, texts: texts, digest: Digest(*b)}
}

// scratch are buffers for what is not kept.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// Bytes are all of it. Callers must not change them.
func (c *Content) Bytes() []byte {
	switch {
	case c == nil:
		return nil
	case c.stencil != nil:
		return c.stencil.fill(nil, c.texts)
	}
	return c.bytes
}

// Use calls do with all of it, which it must neither change nor keep.
func (c *Content) Use(do func(data []byte) error) error {
	if c == nil || c.stencil == nil {
		return do(c.Bytes())
	}
	b := scratch.Get().(*[]byte)
	defer scratch.Put(b)
	*b = c.stencil.fill((*b)[:0], c.texts)
	return do(*b)
}

// Is reports whether these bytes are all of it.
func (c *Content) Is(data []byte) bool {
	if c == nil || c.stencil == nil {
		return bytes.Equal(c.Bytes(), data)
	}
	return c.stencil.gives(data, c.texts)
}

// Equal reports whether two are the same.
func (c *Content) Equal(other *Content) bool {
	if c == nil || other == nil || c.digest == "" || other.digest == "" {
		return c == other || c.Is(other.Bytes())
	}
	return c.digest == other.digest
}

// Digest is the digest of all of it.
func (c *Content) Digest() string {
	if c != nil && c.digest != "" {
		return c.digest
	}
	return Digest(c.Bytes())
}

// Digest is the lower-case hexadecimal SHA-256 of data.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	var text [2 * len(sum)]byte
	hex.Encode(text[:], sum[:])
	return string(text[:])
}
