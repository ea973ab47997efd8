// Package discover reads what is there before a manifest is, the homes of Hermes profiles or a
// scandir, and says it as the draft of a manifest.
//
// Home and Scandir are the entry points. They only read, and nothing that they read can hold them
// up: no FIFO is waited for, no file is read beyond a limit, no symlink leads out of the folder.
// What they find and a manifest cannot say stands in the comments of the draft.
//
// The files:
//
//	home.go     a HERMES_HOME: profiles by their folders
//	scandir.go  a scandir: services by their markers, or by their scripts
//	foreign.go  what a service directory of another program says, and what an adoption loses
//	shell.go    a run script, read and not run, as far as it is plain
//	words.go    words of a script with their variables filled in
//	drop.go     programs that make a script another user
package discover

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/writing"
	"hermes-reconcile/s6ctl/safefile"
)

// Found is what there is, as a manifest, and what the user should know at once: it stands in the
// draft, too.
type Found struct {
	Draft    writing.Draft
	Warnings []string // a sentence each
}

// AdviseSecrets names the variables with such names, since their values hardly belong in a file that
// people share.
func (f *Found) AdviseSecrets(secret *regexp.Regexp) {
	var names []string
	for _, p := range f.Draft.Manifest.Profiles {
		for _, v := range p.Env {
			if secret.MatchString(v.Name) {
				names = append(names, v.Name)
			}
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	advice := fmt.Sprintf(
		"values that look secret are in the manifest: %s (better each in a file that `secrets` names)",
		strings.Join(slices.Compact(names), ", "),
	)
	f.Draft.Head = append(f.Draft.Head, advice)
	f.Warnings = append(f.Warnings, advice)
}

const (
	// maxFile is the largest file that is read, in bytes. A run script has a few kB, a config.yaml
	// a few dozen.
	maxFile = 4 << 20

	// maxEntries is how many names of a folder are looked at; an s6-svscan takes 1000 services by
	// default.
	maxEntries = 50_000
)

// ErrNoFolder is returned for a path that is no folder.
var ErrNoFolder = safefile.ErrNoFolder

// Errors that are about a file and stand in a comment.
var (
	errIrregular = errors.New("is not a regular file")
	errTooLarge  = fmt.Errorf("has more than %d MiB", maxFile>>20)
)

// folder is an opened folder. Symlinks in it are followed as long as they stay in it.
type folder struct{ tree *safefile.Tree }

// open opens a folder through the door for what others can write.
func open(dir string) (folder, error) {
	tree, err := safefile.OpenTree(dir)
	if err != nil {
		return folder{}, fmt.Errorf("cannot open %q: %w", dir, cause(err))
	}
	return folder{tree}, nil
}

// close ends its use; nothing was written, so no error matters.
func (f folder) close() { _ = f.tree.Close() }

// read reads a file, of a name with slashes.
func (f folder) read(name string) ([]byte, error) {
	data, _, err := f.tree.Read(name, maxFile)
	large := (*safefile.TooLargeError)(nil)
	switch {
	case errors.Is(err, safefile.ErrIrregular):
		return nil, errIrregular
	case errors.As(err, &large):
		return nil, errTooLarge
	case err != nil:
		return nil, cause(err)
	}
	return data, nil
}

// readAny is read for a file that need not be there: then there is nothing to read and no error.
func (f folder) readAny(name string) (data []byte, there bool, err error) {
	data, err = f.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	return data, err == nil, err
}

// entries lists a folder by name; one that is not there is empty.
func (f folder) entries(name string) ([]fs.DirEntry, error) {
	list, err := f.tree.Entries(name, maxEntries)
	many := (*safefile.TooManyError)(nil)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, safefile.ErrNoFolder):
		return nil, nil
	case errors.As(err, &many):
		return nil, fmt.Errorf("more than %d entries", maxEntries)
	case err != nil:
		return nil, cause(err)
	}
	return list, nil
}

// cause is an error without the path, which the message has already.
func cause(err error) error { return safefile.Cause(err) }

// book collects what will be a draft.
type book struct {
	manifest *manifest.Manifest
	notes    map[string][]string
	head     []string
	warnings []string
	ports    map[int]string // to the profile that has it
}

// begin opens a folder and starts with a manifest that says nothing of its own.
func begin(dir string) (folder, *book, error) {
	m, err := manifest.Parse(
		[]manifest.Source{{Name: "builtin", Data: []byte("version: 1\nprofiles:\n")}})
	if err != nil {
		return folder{}, nil, err
	}
	f, err := open(dir)
	return f, &book{manifest: m, notes: map[string][]string{}, ports: map[int]string{}}, err
}

// say puts a comment at the top of the draft.
func (b *book) say(format string, args ...any) {
	b.head = append(b.head, fmt.Sprintf(format, args...))
}

// warn is say for what cannot wait until the draft is read.
func (b *book) warn(format string, args ...any) {
	b.say(format, args...)
	b.warnings = append(b.warnings, fmt.Sprintf(format, args...))
}

// note puts a comment above a profile of the draft.
func (b *book) note(profile, format string, args ...any) {
	b.notes[profile] = append(b.notes[profile], fmt.Sprintf(format, args...))
}

// add takes a profile in. A port that another has already is left out: no manifest may have it
// twice.
func (b *book) add(p manifest.Profile) {
	if other, taken := b.ports[p.Port]; taken {
		b.note(p.Name, "its port %d is that of %s, too: give it one of its own", p.Port, other)
		p.Port, p.Ready = 0, nil
	}
	if p.Port != 0 {
		b.ports[p.Port] = p.Name
	}
	b.manifest.Profiles = append(b.manifest.Profiles, p)
}

// found is what the book holds in the end: the draft, and what cannot wait until it is read.
func (b *book) found() Found {
	slices.SortFunc(b.manifest.Profiles,
		func(x, y manifest.Profile) int { return strings.Compare(x.Name, y.Name) })
	return Found{writing.Draft{Manifest: b.manifest, Head: b.head, Notes: b.notes}, b.warnings}
}

// setPath takes a folder of this system for a path of the manifest, which is one of a container:
// absolute, with slashes.
func setPath(to *string, dir string) bool {
	clean := path.Clean(dir)
	if !path.IsAbs(dir) || strings.ContainsAny(clean, "\x00\n") {
		return false
	}
	*to = clean
	return true
}

// quote is a text of others in a comment or a warning.
func quote(s string) string { return strconv.Quote(s) }

// short is a piece of a file for a comment, which must not become longer than a line.
func short(s string) string {
	const most = 120
	if s = strings.Join(strings.Fields(s), " "); len(s) > most {
		return s[:most] + "..."
	}
	return s
}
