//go:build linux

package s6ctl

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"hermes-reconcile/s6ctl/process"
	"hermes-reconcile/s6ctl/safefile"
)

// Listening reports whether an s6-svscan runs on the scandir. Where its control directory is closed
// to us, the processes are searched for an s6-svscan whose arguments name the scandir.
func Listening(h process.Host, scandir string) (bool, error) {
	pid, err := svscanPID(h, scandir)
	return pid != 0, err
}

// svscanPID is the process of the s6-svscan on a scandir; 0 if there is none, -1 if it is outside
// our process namespace.
func svscanPID(h process.Host, scandir string) (int, error) {
	control, err := openFolder(scandir, ".s6-svscan")
	if safefile.IsAbsent(err) {
		return 0, nil
	}
	if err == nil {
		defer control.Close()
		var found daemon
		if found, err = daemonIn(control, false); err == nil {
			return found.pid, nil
		}
	}
	if errors.Is(err, fs.ErrPermission) {
		return svscanOn(h, scandir), nil
	}
	return 0, fmt.Errorf("cannot see whether s6-svscan runs: %w", err)
}

// svscanOn searches the processes for an s6-svscan with this scandir as an argument, and gives its
// pid, or 0.
func svscanOn(h process.Host, scandir string) int {
	for _, pid := range h.PIDs() {
		if h.Comm(pid) != "s6-svscan" {
			continue
		}
		if names(h.Cmdline(pid), scandir) {
			return pid
		}
	}
	return 0
}

// names reports whether one of the arguments is path. Arguments are relative to a folder that we
// may not be allowed to know, so a relative one counts when path ends in it.
func names(args []string, path string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		a := filepath.Clean(arg)
		return a == path || (!filepath.IsAbs(a) && a != "." && strings.HasSuffix(path, "/"+a))
	})
}
