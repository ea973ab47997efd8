//go:build linux

package sources

import (
	"cmp"
	"context"
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
func (n Names) Stamp(ctx context.Context) Stamp {
	var all Stamp
	for _, name := range n.List {
		s, err := await(ctx, name, n.Patience, func(func(phase)) (Stamp, error) { return stampOf(name), nil })
		if err != nil { // of a disk that does not answer: Read says so
			s.Files = name + "\n"
		}
		all.Files += s.Files
		all.Odd = cmp.Or(s.Odd, all.Odd)
		if s.Latest.After(all.Latest) {
			all.Latest = s.Latest
		}
	}
	return all
}

// stampOf looks at what one name stands for.
func stampOf(name string) (s Stamp) {
	var b strings.Builder
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
	s.Files = b.String()
	return s
}
