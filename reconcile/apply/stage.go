//go:build linux

package apply

import (
	"context"
	"path"
	"slices"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/servicetree"
	"hermes-reconcile/render"
	"hermes-reconcile/render/parallel"
)

// stage writes what the plan needs, out of s6-svscan's sight: whole directories for what comes,
// single files for what changes. All processors are at it: no directory concerns another one.
func (r *applier) stage(context.Context) error {
	var staged []*job
	for _, j := range r.jobs {
		if j.appears() || len(j.Files) > 0 && !(j.drains() && j.stopsFirst()) {
			staged = append(staged, j)
		}
	}
	if len(staged) == 0 {
		return nil
	}
	err := parallel.Each(len(staged), func(i int) error {
		defer r.Pace.Moved()
		return r.stageJob(staged[i])
	})
	if err != nil {
		return err
	}
	return r.Staging.Sync()
}

// stageJob writes what one change needs. A directory that comes gets its control FIFO here, too:
// s6-supervise takes the one that it finds.
func (r *applier) stageJob(j *job) error {
	if err := servicetree.Make(r.Staging, j.Service, j.staged()); err != nil || !j.appears() {
		return err
	}
	return r.makeControls(j)
}

// staged are the files that a change needs written.
func (j *job) staged() []render.File {
	if j.appears() {
		files := j.Desired.Files
		if j.startsAfterPort() || j.WantsDown() && j.Desired.Last {
			files = append(slices.Clone(files), render.File{Path: render.DownPath, Mode: 0o644})
		}
		return files
	}
	var files []render.File
	for _, f := range j.Files {
		if f.After != nil {
			files = append(files, render.File{Path: f.Path, Mode: f.After.Mode, Data: f.After.Data})
		}
	}
	return files
}

// replaceFiles renames the staged files of a change into the live directory, one by one, and
// removes those that are not rendered. The directory keeps its inode. The marker comes last: until
// then a crash leaves digests that do not fit, which the next apply reads as a difference.
func (r *applier) replaceFiles(c *reconcile.Change) error {
	if len(c.Files) == 0 {
		return nil
	}
	top, err := r.Dir.Open(c.Service)
	if err != nil {
		return err
	}
	live := dirfd.NewTree(top, reconcile.ModeServicedir)
	defer live.Close()
	top, err = r.Staging.Open(c.Service)
	if err != nil {
		return err
	}
	staged := dirfd.NewTree(top, reconcile.ModeServicedir)
	defer staged.Close()
	files := slices.Clone(c.Files)
	slices.SortStableFunc(files,
		func(a, b reconcile.FileChange) int { return isMarker(a) - isMarker(b) })
	for _, f := range files {
		if err := replaceFile(staged, live, f); err != nil {
			return err
		}
	}
	return live.Top.Sync()
}

// isMarker is 1 for the marker: it sorts behind all other files.
func isMarker(f reconcile.FileChange) int {
	if f.Path == render.MarkerPath {
		return 1
	}
	return 0
}

// replaceFile renames one staged file into a live directory, or removes one there.
func replaceFile(staged, live *dirfd.Tree, f reconcile.FileChange) error {
	to, err := live.Parent(f.Path)
	if err != nil {
		return err
	}
	name := path.Base(f.Path)
	if f.After == nil || (f.Before != nil && f.Before.Irregular) {
		// A folder at a file's name would not give way to a rename.
		if err := to.RemoveAll(name); err != nil {
			return err
		}
	}
	if f.After == nil {
		return nil
	}
	from, err := staged.Parent(f.Path)
	if err != nil {
		return err
	}
	return dirfd.Rename(from, name, to, name)
}
