package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/containerenv"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/placed"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/safefile"
)

const (
	defaultManifest = "profiles.yaml"
	otherManifest   = "profiles.yml" // is not read unasked
	fileVariable    = "HERMES_RECONCILE_FILE"
	maxManifest     = 4 << 20  // bytes; the parser refuses more
	maxManifests    = 32 << 20 // bytes of all files together: twice what 20,000 profiles take with every key set
)

// manifestFlags are the flags of commands that read the manifest.
type manifestFlags struct {
	files   []string
	stdin   func() io.Reader  // nil: -f - is not understood
	earlier []manifest.Source // if there are any, these are read in the place of files
}

// add names the flag -f, as most commands do; see addAs.
func (f *manifestFlags) add(cmd *cobra.Command) { f.addAs(cmd, "f") }

// addAs adds them with another short form, or with none.
func (f *manifestFlags) addAs(cmd *cobra.Command, short string) {
	f.stdin = cmd.InOrStdin
	cmd.Flags().StringArrayVarP(&f.files, "file", short, nil,
		"manifest `FILE`, folder of *.yaml and *.yml files, or - for standard input; "+
			"may be given more than once")
	cmd.Flags().Lookup("file").DefValue = "$" + fileVariable + ", else " + defaultManifest
}

// names are the files and folders to read.
func (f *manifestFlags) names() []string {
	if len(f.files) > 0 {
		return f.files
	}
	return []string{cmp.Or(containerenv.Look(fileVariable), defaultManifest)}
}

// named reports whether the user has said which manifest to read.
func (f *manifestFlags) named() bool {
	return len(f.files) > 0 || containerenv.Look(fileVariable) != ""
}

// load reads and checks the manifest. Its errors are all errors of usage.
func (f *manifestFlags) load() (*manifest.Manifest, error) {
	return parseFiles(f.names(), f.stdin)
}

// parseFiles parses the manifest of files and folders, and of standard input where one of them is
// "-".
func parseFiles(names []string, stdin func() io.Reader) (*manifest.Manifest, error) {
	sources, err := readSources(names, stdin)
	if err != nil {
		return nil, err
	}
	m, err := manifest.Parse(sources)
	if err != nil {
		return nil, usage.New(err)
	}
	return m, nil
}

// parsePlaced is parseFiles that also knows where the manifest says what.
func parsePlaced(names []string, stdin func() io.Reader) (*placed.Manifest, error) {
	sources, err := readSources(names, stdin)
	if err != nil {
		return nil, err
	}
	m, err := placed.Parse(sources)
	if err != nil {
		return nil, usage.New(err)
	}
	return m, nil
}

// readSources bounds all sources together: many files in a folder are one manifest.
func readSources(names []string, stdin func() io.Reader) ([]manifest.Source, error) {
	if dash := times(names, standardInputFlag); dash > 1 {
		return nil, usagef("-f - is given %d times (want it once: standard input ends)", dash)
	}
	var sources []manifest.Source
	room := maxManifests
	for _, name := range names {
		found, err := sourcesOf(name, stdin)
		if err != nil {
			return nil, err
		}
		for _, source := range found {
			if room -= len(source.Data); room < 0 {
				return nil, withHint(
					usagef("the manifest files up to %q have more than %d MiB in all", source.Name,
						maxManifests>>20),
					"name fewer with -f FILE",
				)
			}
		}
		sources = append(sources, found...)
	}
	collectLate(maxManifests - room)
	return sources, nil
}

// sources reads the files, or gives what is read in their place.
func (f *manifestFlags) sources() ([]manifest.Source, error) {
	if f.earlier != nil {
		return f.earlier, nil
	}
	return readSources(f.names(), f.stdin)
}

// renderedPlaced is rendered that also knows where the manifest says what.
func (f *manifestFlags) renderedPlaced() (*placed.Manifest, []render.Servicedir, error) {
	m, err := parsePlaced(f.names(), f.stdin)
	if err != nil {
		return nil, nil, err
	}
	dirs, err := render.All(m.Manifest)
	return m, dirs, err
}

// sourcesOf reads what a -f argument stands for.
func sourcesOf(name string, stdin func() io.Reader) ([]manifest.Source, error) {
	if name == standardInputFlag {
		source, err := readStdin(stdin)
		return []manifest.Source{source}, err
	}
	files, err := expand(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	var sources []manifest.Source
	for _, file := range files {
		data, err := readLimited(file)
		if err != nil {
			return nil, unreadable(file, err)
		}
		sources = append(sources, manifest.Source{Name: file, Data: data})
	}
	return sources, nil
}

// times is how often a word is in a list.
func times(words []string, word string) (n int) {
	for _, w := range words {
		if w == word {
			n++
		}
	}
	return n
}

// readStdin reads a manifest from standard input.
func readStdin(stdin func() io.Reader) (manifest.Source, error) {
	source := manifest.Source{Name: standardInput}
	if stdin == nil {
		return source, usagef("standard input cannot be read here (want a file)")
	}
	data, err := io.ReadAll(io.LimitReader(stdin(), maxManifest+1))
	if err != nil {
		return source, fmt.Errorf("cannot read standard input: %w", err)
	}
	source.Data = data
	return source, nil
}

// rendered reads the manifest and renders it.
func (f *manifestFlags) rendered() (*manifest.Manifest, []render.Servicedir, error) {
	m, err := f.load()
	if err != nil {
		return nil, nil, err
	}
	dirs, err := render.All(m)
	return m, dirs, err
}

// unreadable names what to type next, which depends on what else is there.
func unreadable(name string, err error) error {
	hint := "name the manifest with -f FILE"
	switch _, other := os.Lstat(otherManifest); {
	case errors.Is(err, fs.ErrPermission):
		hint = "run it as a user who may read the manifest, or name another one with -f FILE"
	case !errors.Is(err, fs.ErrNotExist):
	case name == defaultManifest && other == nil:
		hint = "name the manifest with -f " + otherManifest
	default:
		hint += ", or write one for what is there with " + program + " init"
	}
	return withHint(usagef("cannot read manifest %q: %w", name, safefile.Cause(err)), "%s", hint)
}

// expand gives the files that a -f argument stands for: itself, or the *.yaml and *.yml files of a
// folder in name order.
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
		if isManifest(e.Name()) {
			files = append(files, inFolder(name, e.Name(), os.IsPathSeparator))
		}
	}
	if len(files) == 0 {
		return nil, errors.New("the folder has no *.yaml or *.yml file")
	}
	return files, nil
}

// inFolder is the path of a file in a folder, with the folder as the user wrote it: errors name
// files by it, and editors and CI annotations find them so. A slash does on every system.
func inFolder(folder, name string, isSeparator func(uint8) bool) string {
	if isSeparator(folder[len(folder)-1]) {
		return folder + name
	}
	return folder + "/" + name
}

// readLimited reads a file, but no more of it than the parser needs to refuse it.
func readLimited(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxManifest+1))
}
