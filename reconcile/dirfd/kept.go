//go:build linux

package dirfd

import (
	"io/fs"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// What is made. A filesystem may treat each kind in its own way, and a folder inherits the set-group-ID
// bit.
const (
	file = iota
	folder
	fifo
	kinds
)

// kept are the permission bits that new entries of each kind are known to keep: umask and default
// ACL only take bits away, each by itself, so a mode within these bits comes out exact. The bit altered
// stands there once a mode did not.
type kept [kinds]atomic.Uint32

// altered is no permission: some mode of the kind has come out as another one.
const altered = 1 << 31

// LearnModes has d, and the folders opened in it from now on, note which modes come out exact, which
// saves a call for each file. It is right for a folder that only we fill: its default ACL must stay.
func (d *Dir) LearnModes() { d.kept = new(kept) }

// settle gives a new entry exactly its mode, by chmod where it may have another one. The state tells
// once for each mode.
func (k *kept) settle(
	kind int, mode fs.FileMode, state func() (unix.Stat_t, error), chmod func() error,
) error {
	want := uint32(mode.Perm())
	if k == nil {
		return retry(chmod)
	}
	known := k[kind].Load()
	if want&^known == 0 {
		return nil
	}
	if known&altered == 0 {
		st, err := state()
		if err == nil && st.Mode&^ModeType == want {
			k[kind].Or(want)
			return nil
		}
		k[kind].Or(altered)
	}
	return retry(chmod)
}
