// Package sources reads what the user names as a manifest: files, folders of them, standard input.
// A manifest of the user's own is opened here and nowhere else; s6ctl/safefile opens what others
// can write.
//
//	sources.go   a list of names to the texts that they mean
//	parse.go     those texts to a manifest, and to what it renders
//	wait.go      what may keep a read waiting, and for how long
//	checkout.go  names of files as annotations of GitHub want them
//	stamp.go     whether the files have changed, without reading them
//	memory.go    the first collection of garbage waits for a large manifest
package sources

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/s6ctl/safefile"
)

// Default is the manifest that is read where the user names none.
const Default = "profiles.yaml"

// How a name says standard input, and how errors name it.
const (
	Dash  = "-"
	Stdin = "<stdin>"
)

const (
	other  = "profiles.yml" // is not read unasked
	maxOne = 4 << 20        // bytes; the parser refuses more
	maxAll = 32 << 20       // bytes of all files together: twice what 20,000 profiles take with every key set
)

// Names are what the user has named: files, folders, and Dash for standard input.
type Names struct {
	List  []string
	Stdin func() io.Reader // nil: standard input cannot be read here
	// Patience is for how long what is read may give nothing; zero: as long as is usual for its kind.
	Patience time.Duration
}

// Times is how often a name is in the list.
func (n Names) Times(name string) (times int) {
	for _, one := range n.List {
		if one == name {
			times++
		}
	}
	return times
}

// Read gives the texts of all names together: many files in a folder are one manifest, and bounded
// as one. It ends with ctx, and when what is read gives nothing for too long. Its other errors are
// those of usage, but for one of standard input.
func (n Names) Read(ctx context.Context) ([]manifest.Source, error) {
	if dash := n.Times(Dash); dash > 1 {
		return nil, usage.Errorf("-f - is given %d times (want it once: standard input ends)", dash)
	}
	var sources []manifest.Source
	room := maxAll
	for _, name := range n.List {
		found, err := await(ctx, name, n.Patience, func(now func(phase)) ([]manifest.Source, error) {
			return n.read(name, room, now)
		})
		if err != nil {
			return nil, late(name, err)
		}
		for _, source := range found {
			room -= len(source.Data)
		}
		sources = append(sources, found...)
	}
	collectLate(maxAll - room)
	return sources, nil
}

// read reads what one name stands for, and no more than there is room for.
func (n Names) read(name string, room int, now func(phase)) ([]manifest.Source, error) {
	if name == Dash {
		source, err := n.readStdin(now)
		if err == nil && len(source.Data) > room {
			err = tooMuch(source)
		}
		return []manifest.Source{source}, err
	}
	files, err := expand(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	var sources []manifest.Source
	for _, file := range files {
		data, err := readLimited(file, now)
		if err != nil {
			return nil, unreadable(file, err)
		}
		source := manifest.Source{Name: file, Data: data}
		if room -= len(data); room < 0 {
			return nil, tooMuch(source)
		}
		sources = append(sources, source)
	}
	return sources, nil
}

// tooMuch says with which file it is too much.
func tooMuch(last manifest.Source) error {
	return usage.WithHint(
		usage.Errorf("the manifest files up to %q have more than %d MiB in all", last.Name, maxAll>>20),
		"name fewer with -f FILE",
	)
}

// readStdin reads a manifest from standard input.
func (n Names) readStdin(now func(phase)) (manifest.Source, error) {
	source := manifest.Source{Name: Stdin}
	if n.Stdin == nil {
		return source, usage.Errorf("standard input cannot be read here (want a file)")
	}
	in := n.Stdin()
	data, err := readMost(in, stdinPhase(in), now)
	if err != nil {
		return source, fmt.Errorf("cannot read standard input: %w", err)
	}
	source.Data = data
	return source, nil
}

// Places are the absolute paths of the files, each behind its folder: a user who can add a file can
// do as much as one who can change a file, or make one that is not there yet.
func (n Names) Places() []string {
	var places []string
	for _, name := range n.List {
		if name == Dash {
			continue
		}
		files, _ := expand(name) // none of a folder that cannot be read
		for _, file := range append([]string{name}, files...) {
			if path, err := filepath.Abs(file); err == nil {
				places = append(places, path)
			}
		}
	}
	return slices.Compact(places)
}

// unreadable names what to type next, which depends on what else is there.
func unreadable(name string, err error) error {
	hint := "name the manifest with -f FILE"
	switch _, missing := os.Lstat(other); {
	case errors.Is(err, fs.ErrPermission):
		hint = "run it as a user who may read the manifest, or name another one with -f FILE"
	case !errors.Is(err, fs.ErrNotExist):
	case name == Default && missing == nil:
		hint = "name the manifest with -f " + other
	default:
		hint += ", or write one for what is there with hermes-reconcile init"
	}
	return usage.WithHint(
		usage.Errorf("cannot read manifest %q: %w", name, safefile.Cause(err)), "%s", hint)
}

// expand gives the files that a name stands for: itself, or the *.yaml and *.yml files of a folder
// in name order.
func expand(name string) ([]string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if IsManifest(e.Name()) {
			files = append(files, inFolder(name, e.Name(), os.IsPathSeparator))
		}
	}
	if len(files) == 0 {
		return nil, errors.New("the folder has no *.yaml or *.yml file")
	}
	return files, nil
}

// IsManifest reports whether a file with that name is one of a manifest, in a folder of them.
func IsManifest(name string) bool {
	ending := strings.ToLower(filepath.Ext(name)) // a file that is not read would remove its gateways
	return (ending == ".yaml" || ending == ".yml") && name[0] != '.'
}

// LooksNamed reports whether a word is more likely the path of a manifest than a profile.
func LooksNamed(word string) bool {
	return IsManifest(word) || strings.Contains(word, "/")
}

// inFolder is the path of a file in a folder, with the folder as the user wrote it: errors name
// files by it, and editors and CI annotations find them so. A slash does on every system.
func inFolder(folder, name string, isSeparator func(uint8) bool) string {
	if isSeparator(folder[len(folder)-1]) {
		return folder + name
	}
	return folder + "/" + name
}

// readLimited reads a file or a pipe, but no more of it than the parser needs to refuse it. To open
// something else may do something, and what it gives may have no end.
func readLimited(name string, now func(phase)) ([]byte, error) {
	gives := disk.of(name)
	now(gives)
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	switch mode := info.Mode(); {
	case mode&fs.ModeSocket != 0:
		return nil, errors.New("it is a socket (want a file, a folder or a pipe)")
	case mode&fs.ModeDevice != 0:
		return nil, errors.New("it is a device (want a file, a folder or a pipe; -f - is standard input)")
	case mode&fs.ModeNamedPipe != 0:
		now(opening.of(name))
		gives = pipe.of(name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readMost(f, gives, now)
}

// readMost reads to the end, or as much as the parser needs to refuse it.
func readMost(from io.Reader, gives phase, now func(phase)) ([]byte, error) {
	return io.ReadAll(io.LimitReader(telling{from, func() { now(gives) }}, maxOne+1))
}

// telling tells before each read that the one before has come to its end.
type telling struct {
	from io.Reader
	tell func()
}

func (t telling) Read(b []byte) (int, error) {
	t.tell()
	return t.from.Read(b)
}
