//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// stamp tells one state of the manifest's files from another, without reading them.
type stamp struct {
	files  string
	latest time.Time // change of any of them: of its content, its name or its mode
	odd    string    // one that is not a regular file: reading it may never end
}

// stamp is made of names, sizes and times, so that watch can look often without reading. What
// cannot be looked at is part of it: an error that comes or goes is a change.
func (f *manifestFlags) stamp() stamp {
	var b strings.Builder
	var s stamp
	for _, name := range f.names() {
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
				s.odd = file
			}
			changed := time.Unix(st.Ctim.Unix())
			fmt.Fprintln(&b, file, st.Dev, st.Ino, st.Size, changed.UnixNano())
			if changed.After(s.latest) {
				s.latest = changed
			}
		}
	}
	s.files = b.String()
	return s
}
