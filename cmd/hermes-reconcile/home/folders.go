//go:build linux

package home

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"hermes-reconcile/s6ctl/safefile"
)

// profilesFolder is where hermes keeps profiles that have a name, in HERMES_HOME.
const profilesFolder = "profiles"

// lookFor notes that a profile has no folder. A home in which nothing is of hermes is one that it
// has not made yet: then it is not known which profiles there will be.
func (s *server) lookFor(profile string) {
	_, err := safefile.StatOwn(s.path(profile, ""))
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return
	}
	home := s.homeOf(profile)
	for _, name := range [...]string{profilesFolder, "config.yaml", "SOUL.md", ".env"} {
		if isThere(filepath.Join(home, name)) {
			s.answer.Absent = append(s.answer.Absent, profile)
			if _, known := s.answer.Others[home]; !known {
				s.answer.Others[home] = folders(filepath.Join(home, profilesFolder))
			}
			return
		}
	}
}

// folders are the names of folders in a folder, some of them where there are many.
func folders(dir string) []string {
	d, err := safefile.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, err := d.Some(MaxOthers)
	if err != nil {
		return nil
	}
	var found []string
	for _, name := range names {
		if info, err := safefile.StatOwn(filepath.Join(dir, name)); err == nil && info.IsDir() {
			found = append(found, name)
		}
	}
	return found
}
