//go:build linux

package sources

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// Stamp tells one state of the manifest's files from another, without reading them.
type Stamp struct {
	Files  string
	Latest time.Time // change of any of them: of its content, its name or its mode
	Odd    string    // one that is not a regular file: reading it may never end
}

// Stamp is made of names, sizes and times, so that watch can look often without reading. What
// cannot be looked at is part of it: an error that comes or goes is a change.
func (n Names) Stamp() Stamp {
	var b strings.Builder
	var s Stamp
	for _, name := range n.List {
		files, err := expand(name)
		if err != nil {
			fmt.Fprintln(&b, err)
		}
		for _, file := range files {
			info, err := os.Stat(file)
			if err != nil {
				fmt.Fprintln(&b, err)
				continue
			}
			st, ok := info.Sys().(*syscall.Stat_t)
			if !ok {
				continue
			}
			if !info.Mode().IsRegular() {
				s.Odd = file
			}
			changed := time.Unix(st.Ctim.Unix())
			fmt.Fprintln(&b, file, st.Dev, st.Ino, st.Size, changed.UnixNano())
			if changed.After(s.Latest) {
				s.Latest = changed
			}
		}
	}
	s.Files = b.String()
	return s
}
