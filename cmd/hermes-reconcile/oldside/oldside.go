// Package oldside reads what a manifest can be compared with in the place of a scandir: another
// manifest, one that was applied earlier, or the service directories that render wrote.
package oldside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/placed"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/servicetree"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/safefile"
)

// Side is what a manifest is compared with.
type Side struct {
	Kind     string           // as a report names it
	Actual   reconcile.Actual // what would be there
	Manifest *placed.Manifest // nil: it is none
	Unknown  []string         // what only a live scandir could tell
}

// Options say which side is meant, and by what.
type Options struct {
	// Against names a manifest, a folder of them or of service directories, sources.Dash, or, behind
	// History, the number of a manifest that was applied earlier.
	Against string
	Stdin   io.Reader
	Fresh   *manifest.Manifest  // that is compared with it
	Dirs    []render.Servicedir // the same, rendered
	// Earlier gives the files of a manifest that was applied earlier.
	Earlier func(number int) ([]manifest.Source, error)
	// Moved is told of a manifest that is of another scandir.
	Moved func(old, fresh string)
}

// Read reads the old side. What the user has named and is not there, or is wrong, is an error of
// usage.
func Read(ctx context.Context, o Options) (Side, error) {
	side := Side{
		Kind:    explain.AgainstManifest,
		Unknown: []string{"which gateways are up", "what an interrupted apply owes", "services of others"},
	}
	if number, is := strings.CutPrefix(o.Against, History); is {
		err := o.entry(number, &side)
		return side, err
	}
	tree, err := isTree(o.Against)
	switch {
	case err != nil:
		return side, o.unreadable(err)
	case tree:
		side.Kind = explain.AgainstTree
		side.Actual, err = servicetree.ReadTree(o.Against)
		if errors.Is(err, servicetree.ErrNoTree) {
			err = o.unreadable(fmt.Errorf("%w and no *.yaml or *.yml file", servicetree.ErrNoTree))
		}
		if errors.Is(err, servicetree.ErrLargeTree) {
			err = usage.New(err)
		}
		return side, err
	}
	old, err := sources.Names{
		List: []string{o.Against}, Stdin: func() io.Reader { return o.Stdin },
	}.LoadPlaced(ctx)
	if err != nil {
		return side, o.hint(err)
	}
	err = o.assume(old, &side)
	return side, err
}

// entry is the side of a manifest that was applied earlier.
func (o Options) entry(number string, side *Side) error {
	n, err := EntryNumber(number)
	if err != nil {
		return err
	}
	files, err := o.Earlier(n)
	if err != nil {
		return err
	}
	for i := range files { // a file of that name may be another one now
		files[i].Name = o.Against + ":" + files[i].Name
	}
	old, err := placed.Parse(files)
	if err != nil {
		return o.hint(usage.New(err))
	}
	return o.assume(old, side)
}

// assume is the side of another manifest: all is as that wants it.
func (o Options) assume(old *placed.Manifest, side *Side) error {
	if old.Scandir != o.Fresh.Scandir {
		o.Moved(old.Scandir, o.Fresh.Scandir)
	}
	dirs, err := render.All(old.Manifest)
	if err != nil {
		return fmt.Errorf("cannot render %q: %w", o.Against, err)
	}
	shareFiles(dirs, o.Dirs)
	side.Actual, side.Manifest = reconcile.Assume(dirs), old
	return nil
}

// Plan is what would make the old side be as the manifest says. An obstacle has the kind of error that
// it has in a scandir.
func (s Side) Plan(dirs []render.Servicedir, prune reconcile.Prune) (reconcile.Plan, error) {
	plan, err := reconcile.Diff(dirs, s.Actual, prune)
	if err != nil {
		return reconcile.Plan{}, &reconcile.ObstacleError{Err: err}
	}
	return plan, nil
}

// unreadable is a fault of the command line: the user named a side that is not there.
func (o Options) unreadable(err error) error {
	return usage.WithHint(usage.Errorf("cannot compare with %q: %w", o.Against, safefile.Cause(err)),
		"name a manifest, or a folder that render --out wrote, with --against")
}

// hint says which of the two manifests is wrong.
func (o Options) hint(err error) error {
	return usage.WithHint(err, "that is the old side, --against %s", o.Against)
}

// History begins a name of Options that means a manifest which was applied earlier.
const History = "history:"

// EntryNumber reads the number of an entry of the history, with an error of usage.
func EntryNumber(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, usage.WithHint(usage.Errorf("%q is not a number of the history (want 1 or more)", text),
			"hermes-reconcile history")
	}
	return n, nil
}

// shareFiles makes files of the same content on both sides be one in memory: most are, of thousands
// of profiles.
func shareFiles(old, fresh []render.Servicedir) {
	now := make(map[string]render.Servicedir, len(fresh))
	for _, d := range fresh {
		now[d.Name] = d
	}
	for _, d := range old {
		beside := now[d.Name]
		for i, f := range d.Files {
			if same := beside.File(f.Path); same != nil && f.Data.Equal(same.Data) {
				d.Files[i].Data = same.Data
			}
		}
	}
}

// isTree tells a folder of service directories from a manifest and from a folder of manifests.
func isTree(name string) (bool, error) {
	if name == sources.Dash {
		return false, nil
	}
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() {
		return false, err
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return false, err
	}
	services, manifests := false, false
	for _, e := range entries {
		services = services || strings.HasPrefix(e.Name(), render.Prefix) && e.IsDir()
		manifests = manifests || sources.IsManifest(e.Name())
	}
	if services && manifests { // to pick one would compare with what was not meant
		return false, errors.New("it holds both service directories and *.yaml or *.yml files")
	}
	return !manifests, nil // an empty folder is a scandir without gateways
}
