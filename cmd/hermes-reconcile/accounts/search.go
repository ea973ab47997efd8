//go:build linux

package accounts

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"hermes-reconcile/s6ctl/route"
	"hermes-reconcile/s6ctl/safefile"
	"hermes-reconcile/s6ctl/start"
)

// Searched is a folder on the PATH of programs that run as one user, and that another can change.
type Searched struct {
	Folder string
	Whose  string // PATH: "the PATH here, of s6-svscan"
	// At: the folder or symlink on the way there that can be changed; empty: that is the working
	// directory.
	At   string
	Who  string // can change it
	Rest string // the PATH without such folders
}

// SearchedFolders are the folders on these PATHs that users besides root and the owner can change,
// and the folders where that is not known, each with the reason. Each PATH comes behind words that
// say which one it is: "of s6-svscan".
func SearchedFolders(owner uint32, paths [][2]string) (found []Searched, unknown []string) {
	at := map[string]int{} // of what is found, by folder
	for _, each := range paths {
		whose, path := "the PATH "+each[0], each[1]
		var rest []string
		var bad []Searched
		for _, folder := range start.PathFolders(path) {
			f := Searched{Folder: folder, Whose: whose}
			if filepath.IsAbs(folder) {
				exposed, err := route.Expose(folder, owner)
				closed := errors.Is(err, fs.ErrPermission) && owner == uint32(syscall.Geteuid())
				// Where we cannot look, our own shell cannot search.
				if err != nil && !closed {
					unknown = append(
						unknown,
						fmt.Sprintf("cannot find out who can change %q, on %s: %v", folder, whose,
							safefile.Cause(err)),
					)
					continue
				}
				if exposed == nil {
					rest = append(rest, folder)
					continue
				}
				f.At, f.Who = exposed.At, exposed.Who
			}
			bad = append(bad, f)
		}
		for _, f := range bad {
			f.Rest = cmp.Or(strings.Join(rest, ":"), standardPath)
			if i, known := at[f.Folder]; known {
				found[i].Whose += " " + each[0]
				continue
			}
			at[f.Folder] = len(found)
			found = append(found, f)
		}
	}
	return found, unknown
}

// standardPath is root's where nothing else is known.
const standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
