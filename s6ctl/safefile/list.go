//go:build linux

package safefile

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// listBuffer is how many bytes of a folder's entries are asked for at a time: some hundred names. A
// folder of ours fits in it whole, and is then seen as it was at one moment.
const listBuffer = 16 << 10

var buffers = sync.Pool{New: func() any { return new([listBuffer]byte) }}

// Names lists the entries of the folder, at most so many, in no order.
func (d *Dir) Names(most int) ([]string, error) {
	names, err := d.Some(most + 1)
	if err != nil {
		return nil, err
	}
	if len(names) > most {
		return nil, d.fail("read", ".", &TooManyError{most})
	}
	return names, nil
}

// Some lists entries of the folder, at most so many, from its beginning.
func (d *Dir) Some(most int) (names []string, err error) {
	err = d.Each(func(name string) bool {
		if len(names) < most {
			names = append(names, name)
		}
		return len(names) < most
	})
	return names, err
}

// Each calls do with the name of each entry, in no order, until that wants no more. It keeps some
// hundred of them at a time.
func (d *Dir) Each(do func(name string) bool) error {
	if d.read.Swap(true) {
		if _, err := unix.Seek(d.FD(), 0, io.SeekStart); err != nil {
			return d.fail("seek", ".", err)
		}
	}
	buf := buffers.Get().(*[listBuffer]byte)
	defer buffers.Put(buf)
	var names []string
	for {
		n, err := d.entries(buf[:])
		if err != nil || n == 0 {
			return err
		}
		for rest := buf[:n]; len(rest) > 0; {
			var used int
			used, _, names = unix.ParseDirent(rest, -1, names[:0])
			rest = rest[used:]
			for _, name := range names {
				if !do(name) {
					return nil
				}
			}
		}
	}
}

// AtOnce tells which of these names, at most 64, are in a folder that has so few entries that they
// come in one answer of the kernel: what was there at one moment. It is false for a folder that has
// more.
func (d *Dir) AtOnce(known []string) (there Names, all bool, err error) {
	if d.read.Swap(true) {
		if _, err := unix.Seek(d.FD(), 0, io.SeekStart); err != nil {
			return 0, false, d.fail("seek", ".", err)
		}
	}
	buf := buffers.Get().(*[listBuffer]byte)
	defer buffers.Put(buf)
	n, err := d.entries(buf[:])
	if err != nil {
		return 0, false, err
	}
	there = among(buf[:n], known)
	if n, err = d.entries(buf[:]); err != nil || n > 0 {
		return 0, false, err
	}
	return there, true, nil
}

// Names are some of a list of names: a bit for each.
type Names uint64

// Has reports whether the name at this place of the list is one of them.
func (n Names) Has(i int) bool { return n&(1<<i) != 0 }

// among finds names in entries as the kernel has them (getdents64(2)). No text is made of those that
// are not looked for.
func among(entries []byte, known []string) (found Names) {
	const length, start = 16, 19 // where an entry has its length, and its name
	for len(entries) > start {
		size := int(binary.NativeEndian.Uint16(entries[length:]))
		if size < start || size > len(entries) {
			break
		}
		name := entries[start:size]
		if end := bytes.IndexByte(name, 0); end >= 0 {
			name = name[:end]
		}
		for i := range known {
			if string(name) == known[i] {
				found |= 1 << i
			}
		}
		entries = entries[size:]
	}
	return found
}

// entries reads some entries, in the kernel's form. None is the end.
func (d *Dir) entries(buf []byte) (int, error) {
	for {
		n, err := unix.ReadDirent(d.FD(), buf)
		if err == nil {
			return n, nil
		}
		if err != unix.EINTR {
			return 0, d.fail("readdirent", ".", err)
		}
	}
}
