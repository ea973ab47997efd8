package main

import (
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

// oldSide is what the manifest is compared with.
type oldSide struct {
	kind     string
	actual   reconcile.Actual
	manifest *placed.Manifest // nil: it is none
	unknown  []string         // what only a live scandir could tell
}

// old reads what --against names: a manifest, a folder of them, one of the history, or a rendered
// tree.
func (f *diffFlags) old(
	u ui,
	stdin io.Reader,
	m *manifest.Manifest,
	fresh []render.Servicedir,
) (oldSide, error) {
	side := oldSide{
		kind: explain.AgainstManifest,
		unknown: []string{
			"which gateways are up",
			"what an interrupted apply owes",
			"services of others",
		},
	}
	if number, is := strings.CutPrefix(f.against, historySide); is {
		err := f.oldEntry(u, number, m, fresh, &side)
		return side, err
	}
	tree, err := isTree(f.against)
	if err != nil {
		return side, unreadableOld(f.against, err)
	}
	if tree {
		side.kind = explain.AgainstTree
		side.actual, err = servicetree.ReadTree(f.against)
		if errors.Is(err, servicetree.ErrNoTree) {
			err = unreadableOld(f.against,
				fmt.Errorf("%w and no *.yaml or *.yml file", servicetree.ErrNoTree))
		}
		if errors.Is(err, servicetree.ErrLargeTree) {
			err = usage.New(err)
		}
		return side, err
	}
	old, err := readOld(f.against, stdin)
	if err != nil {
		return side, err
	}
	err = f.oldManifest(u, old, m, fresh, &side)
	return side, err
}

// oldEntry is the side of a manifest that was applied earlier.
func (f *diffFlags) oldEntry(
	u ui, number string, m *manifest.Manifest, fresh []render.Servicedir, side *oldSide,
) error {
	n, err := entryNumber(number)
	if err != nil {
		return err
	}
	sources, err := f.earlierManifest(m.Scandir, n)
	if err != nil {
		return err
	}
	for i := range sources { // a file of that name may be another one now
		sources[i].Name = f.against + ":" + sources[i].Name
	}
	old, err := placed.Parse(sources)
	if err != nil {
		return oldSideHint(f.against, usage.New(err))
	}
	return f.oldManifest(u, old, m, fresh, side)
}

// oldManifest is the side of another manifest.
func (f *diffFlags) oldManifest(
	u ui, old *placed.Manifest, m *manifest.Manifest, fresh []render.Servicedir, side *oldSide,
) error {
	if old.Scandir != m.Scandir {
		u.warning(explain.WarnOtherScandir,
			"scandir changes from %q to %q: apply looks at the new one only, and gateways in the old one keep running",
			old.Scandir,
			m.Scandir,
		)
	}
	dirs, err := render.All(old.Manifest)
	if err != nil {
		return fmt.Errorf("cannot render %q: %w", f.against, err)
	}
	shareFiles(dirs, fresh)
	side.actual, side.manifest = reconcile.Assume(dirs), old
	return nil
}

// historySide begins the value of --against that means a manifest which was applied earlier.
const historySide = "history:"

// entryNumber reads the number of an entry.
func entryNumber(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, withHint(usagef("%q is not a number of the history (want 1 or more)", text),
			"%s history", program)
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
		for i, f := range d.Files {
			if same := now[d.Name].File(f.Path); same != nil && f.Data.Equal(same.Data) {
				d.Files[i].Data = same.Data
			}
		}
	}
}

// unreadableOld is a fault of the command line: the user named a side that is not there.
func unreadableOld(name string, err error) error {
	return withHint(usagef("cannot compare with %q: %w", name, safefile.Cause(err)),
		"name a manifest, or a folder that render --out wrote, with --against")
}

// readOld reads the manifest that --against names.
func readOld(name string, stdin io.Reader) (*placed.Manifest, error) {
	m, err := sources.Names{List: []string{name}, Stdin: func() io.Reader { return stdin }}.LoadPlaced()
	return m, oldSideHint(name, err)
}

// oldSideHint says which of the two manifests is wrong.
func oldSideHint(name string, err error) error {
	if err == nil {
		return nil
	}
	return withHint(err, "that is the old side, --against %s", name)
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
