//go:build linux

// Package content looks at files that gateways read when they start, without passing on what they
// hold: it gives keyed digests, and when that may have changed last. It looks as whatever user it
// runs as.
package content

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"hermes-reconcile/reconcile/inputs"
	"hermes-reconcile/s6ctl/route"
	"hermes-reconcile/s6ctl/safefile"
)

// The largest that is looked at. A secret reaches a program as one NAME=value, which is shorter.
const (
	maxSecret = 128 << 10 // bytes
	maxFile   = 1 << 20   // bytes
	maxFolder = 1000      // files
	maxNames  = 10000     // entries of a folder, those with a dot included
)

// KeyOf is a key for one use. It tells nothing of the key that it is made from.
func KeyOf(key []byte, use string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(use))
	return mac.Sum(nil)
}

// Own looks at a file that a gateway reads itself, if it is there. Where it is missing, that may be
// since whenever. Its folder is the gateway's, which changes it all the time: that means nothing.
func Own(key []byte, name string) inputs.Look {
	data, _, err := safefile.ReadOwn(name, maxFile)
	switch {
	case safefile.IsAbsent(err):
		return inputs.Look{Digest: inputs.Absent, Moved: time.Now()}
	case err != nil:
		return fault(err)
	}
	look := seen(digest(key, data), name)
	look.Moved = look.Changed
	return look
}

// Variables looks at a file of variables, without which a gateway does not start: one that is not
// there is a fault. All of it counts, comments, too.
func Variables(key []byte, name string) inputs.Look {
	data, _, err := safefile.ReadOwn(name, maxFile)
	if err != nil {
		return fault(absence(err))
	}
	return seen(digest(key, data), name)
}

// Secret looks at a file that is a variable. Its digest is that of the value as ./run passes it on,
// so that another line end is no change.
func Secret(key []byte, name string) inputs.Look {
	value, err := secret(name)
	if err != nil {
		return fault(err)
	}
	return seen(digest(key, value), name)
}

// Folder looks at a folder with a secret in each file. As for ./run, names that begin with a dot are
// none.
func Folder(key []byte, name string) inputs.Look {
	files, err := list(name)
	if err != nil {
		return fault(err)
	}
	paths := []string{name}
	mac := hmac.New(sha256.New, key)
	for _, file := range files {
		paths = append(paths, path.Join(name, file))
		value, err := secret(path.Join(name, file))
		if err != nil {
			return inputs.Look{Fault: fmt.Sprintf("%q: %v", file, safefile.Cause(err))}
		}
		fmt.Fprintf(mac, "%d %s %d ", len(file), file, len(value))
		mac.Write(value)
	}
	return seen(hex.EncodeToString(mac.Sum(nil)), paths...)
}

// list are the names of the secrets of a folder, sorted.
func list(name string) ([]string, error) {
	folder, err := safefile.Open(name)
	if err != nil {
		return nil, absence(err)
	}
	defer folder.Close()
	names, err := folder.Names(maxNames)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, ".") })
	if len(names) > maxFolder {
		return nil, &safefile.TooManyError{Max: maxFolder}
	}
	slices.Sort(names)
	return names, nil
}

// secret is what ./run makes of a file: without a byte order mark and one line end. What it refuses
// is an error here: a file is often empty for a moment while it is written.
func secret(name string) ([]byte, error) {
	data, _, err := safefile.ReadOwn(name, maxSecret)
	if err != nil {
		return nil, absence(err)
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if line, ends := bytes.CutSuffix(data, []byte("\n")); ends {
		data = bytes.TrimSuffix(line, []byte("\r"))
	}
	switch {
	case len(data) == 0:
		return nil, errors.New("it is empty")
	case bytes.IndexByte(data, 0) >= 0:
		return nil, errors.New("it holds a NUL")
	}
	return data, nil
}

// absence says of a file that is not there that it is not.
func absence(err error) error {
	if safefile.IsAbsent(err) {
		return errors.New("it is missing")
	}
	return err
}

// fault is a look that has shown nothing.
func fault(err error) inputs.Look { return inputs.Look{Fault: safefile.Cause(err).Error()} }

// digest is what tells a content from others, for those that have the key.
func digest(key, data []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(data)
	return hex.EncodeToString(mac.Sum(nil))
}

// seen adds to a digest when what leads to the content has changed. It is asked for after the content
// was read: what changes in between is then taken for a change.
func seen(digest string, paths ...string) inputs.Look {
	var changed, moved int64
	foreign := false
	for i, name := range paths {
		hops, err := route.Follow(name)
		if err != nil || len(hops) < 2 {
			return inputs.Look{Fault: "what leads to it cannot be seen"}
		}
		for _, hop := range hops {
			changed = max(changed, hop.LinkChanged)
		}
		last := hops[len(hops)-1]
		changed = max(changed, last.Changed)
		moved = max(moved, hops[len(hops)-2].Changed)
		foreign = foreign || i == 0 && last.Foreign()
	}
	return inputs.Look{
		Digest: digest, Changed: time.Unix(0, changed), Moved: time.Unix(0, max(changed, moved)),
		Foreign: foreign,
	}
}
