package table

import (
	"sync/atomic"

	"hermes-reconcile/manifest/values"
)

// Flow writes the map that PutAll puts, as text of flow style, for several goroutines at once. Most
// profiles of a manifest say the same of most keys: what is written of a key is kept for the next
// that says the same, since nodes for all of it take longer than all else that is written.
type Flow[S, P any] struct {
	keys  []Key[S, P] // those that are written
	below *P
	last  []atomic.Pointer[written[P]] // by key
}

// written is a key with its value as text, or no text, as Put puts it for p.
type written[P any] struct {
	p    *P
	text []byte
}

// NewFlow prepares to write what differs from below.
func NewFlow[S, P any](keys []Key[S, P], below *P) *Flow[S, P] {
	f := &Flow[S, P]{below: below}
	for _, k := range keys {
		if k.Put != nil && k.refused == "" {
			f.keys = append(f.keys, k)
		}
	}
	f.last = make([]atomic.Pointer[written[P]], len(f.keys))
	return f
}

// Append appends the map for p, which must not change any more, and tells which keys it has. It is
// false for what yaml.v3 has to write.
func (f *Flow[S, P]) Append(b []byte, p *P, has func(key string)) (_ []byte, ok bool) {
	b = append(b, '{')
	first := len(b)
	for i := range f.keys {
		before := len(b)
		if before > first {
			b = append(b, ", "...)
		}
		start := len(b)
		if b, ok = f.appendKey(b, i, p); !ok {
			return b, false
		}
		if len(b) == start {
			b = b[:before]
			continue
		}
		has(f.keys[i].Name)
	}
	return append(b, '}'), true
}

// appendKey appends a key with its value, or nothing where Put puts none.
func (f *Flow[S, P]) appendKey(b []byte, i int, p *P) (_ []byte, ok bool) {
	k := &f.keys[i]
	if last := f.last[i].Load(); last != nil && k.Same(p, last.p) {
		return append(b, last.text...), true
	}
	start := len(b)
	if value := k.Put(p, f.below); value != nil {
		values.QuoteTexts(value)
		if b, ok = values.AppendWithin(append(append(b, k.Name...), ": "...), value); !ok {
			return b, false
		}
	}
	if k.Same != nil {
		f.last[i].Store(&written[P]{p, append([]byte(nil), b[start:]...)})
	}
	return b, true
}
