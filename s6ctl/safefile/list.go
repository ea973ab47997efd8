//go:build linux

package safefile

import (
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

// AtOnce lists the entries of a folder that has so few that they come in one answer of the kernel:
// what was there at one moment. It is false for a folder that has more.
func (d *Dir) AtOnce() (names []string, all bool, err error) {
	if d.read.Swap(true) {
		if _, err := unix.Seek(d.FD(), 0, io.SeekStart); err != nil {
			return nil, false, d.fail("seek", ".", err)
		}
	}
	buf := buffers.Get().(*[listBuffer]byte)
	defer buffers.Put(buf)
	n, err := d.entries(buf[:])
	if err != nil {
		return nil, false, err
	}
	_, _, names = unix.ParseDirent(buf[:n], -1, nil)
	if n, err = d.entries(buf[:]); err != nil || n > 0 {
		return nil, false, err
	}
	return names, true, nil
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
