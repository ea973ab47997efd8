//go:build linux

package start

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"hermes-reconcile/s6ctl/route"
)

// ErrNotFound says that a program is in no folder that may be searched.
var ErrNotFound = errors.New("not found")

// Find returns the absolute path of a program: in the first of these folders, or of those on our
// PATH, that has it. As root it searches no folder, and takes no program, that another user can
// change: what is planted there would run as root.
func Find(name string, folders ...string) (string, error) {
	folders = slices.DeleteFunc(append(folders, PathFolders(os.Getenv("PATH"))...),
		func(folder string) bool {
			return !filepath.IsAbs(folder) // what the working directory holds is not what anybody means
		})
	for _, folder := range folders { // most have none, and need no further look
		if path := filepath.Join(folder, name); executable(path) && distrustIn(folder, path) == "" {
			return path, nil
		}
	}
	var skipped []string
	for _, folder := range folders {
		why := distrustIn(folder, filepath.Join(folder, name))
		if why != "" && !slices.Contains(skipped, why) {
			skipped = append(skipped, why)
		}
	}
	if len(skipped) > 0 {
		return "", fmt.Errorf("%w (not searched: %s)", ErrNotFound, strings.Join(skipped, "; "))
	}
	return "", ErrNotFound
}

// distrustIn says why root must not search a folder, or not run the program in it at a path.
func distrustIn(folder, path string) string {
	if why := distrust(folder); why != "" {
		return why
	}
	return distrust(path)
}

// Runnable says why not to run the program at an absolute path, or is nil. As root it takes none that
// another user can change, even where it is to run as that user: what it is was told to root.
func Runnable(path string) error {
	if why := distrust(path); why != "" {
		return errors.New(why)
	}
	if !executable(path) {
		return fmt.Errorf("%q is not a program that this user may run", path)
	}
	return nil
}

// PathFolders are the folders that a PATH names, each once.
func PathFolders(path string) []string {
	var folders []string
	for _, folder := range filepath.SplitList(path) {
		if !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}

// distrust says why root must not run what is at a path. What another user runs is that user's own
// affair.
func distrust(path string) string {
	if os.Geteuid() != 0 {
		return ""
	}
	exposed, err := route.Expose(path, 0)
	switch {
	case err != nil:
		return fmt.Sprintf("%q: cannot find out who can change it: %v", path, err)
	case exposed != nil:
		return exposed.String()
	}
	return ""
}

// executable reports whether a path leads to a file that we may execute.
func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && unix.Access(path, unix.X_OK) == nil
}
