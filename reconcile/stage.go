//go:build linux

package reconcile

import (
	"context"
	"path"
	"slices"

	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/render"
)

// clearStaging deletes all that is staged.
func (s *Session) clearStaging() error {
	names, err := s.staging.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.staging.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// stage writes what the plan needs, out of s6-svscan's sight: whole directories for what comes,
// single files for what changes.
func (r *applier) stage(context.Context) error {
	staged := false
	for _, j := range r.jobs {
		if !j.appears() && len(j.Files) == 0 {
			continue
		}
		if err := r.stageJob(j); err != nil {
			return err
		}
		staged = true
		r.pace.moved()
	}
	if !staged {
		return nil
	}
	return r.staging.Sync()
}

func (r *applier) stageJob(j *job) error {
	if err := writeServicedir(r.staging, j.Service, j.staged()); err != nil || !j.appears() {
		return err
	}
	return r.makeControls(j)
}

// staged are the files that a change needs written.
func (j *job) staged() []render.File {
	if j.appears() {
		files := j.desired.Files
		if j.startsAfterPort() || j.wantsDown() && j.desired.Last {
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

// writeServicedir makes the directory name in parent with these files in it.
func writeServicedir(parent *dirfd.Dir, name string, files []render.File) error {
	if err := parent.Mkdir(name, modeServicedir); err != nil {
		return err
	}
	top, err := parent.Open(name)
	if err != nil {
		return err
	}
	tree := newTree(top)
	defer tree.close()
	for _, f := range files {
		d, err := tree.parent(f.Path)
		if err != nil {
			return err
		}
		if err := d.Write(path.Base(f.Path), f.Mode, f.Data); err != nil {
			return err
		}
	}
	return nil
}

// tree is an opened service directory with the folders in it that were used so far: log/ and data/.
type tree struct {
	top  *dirfd.Dir
	subs map[string]*dirfd.Dir
}

func newTree(top *dirfd.Dir) *tree { return &tree{top, map[string]*dirfd.Dir{}} }

func (t *tree) close() {
	for _, d := range t.subs {
		d.Close()
	}
	t.top.Close()
}

// parent is the folder that holds the file at p. It is made if it is missing.
func (t *tree) parent(p string) (*dirfd.Dir, error) {
	name := path.Dir(p)
	if name == "." {
		return t.top, nil
	}
	if d, found := t.subs[name]; found {
		return d, nil
	}
	d, err := t.top.Ensure(name, modeServicedir)
	if err == nil {
		t.subs[name] = d
	}
	return d, err
}

// replaceFiles renames the staged files of a change into the live directory, one by one, and
// removes those that are not rendered. The directory keeps its inode. The marker comes last: until
// then a crash leaves digests that do not fit, which the next apply reads as a difference.
func (s *Session) replaceFiles(c *Change) error {
	if len(c.Files) == 0 {
		return nil
	}
	top, err := s.dir.Open(c.Service)
	if err != nil {
		return err
	}
	live := newTree(top)
	defer live.close()
	top, err = s.staging.Open(c.Service)
	if err != nil {
		return err
	}
	staged := newTree(top)
	defer staged.close()
	files := slices.Clone(c.Files)
	slices.SortStableFunc(files, func(a, b FileChange) int { return isMarker(a) - isMarker(b) })
	for _, f := range files {
		if err := replaceFile(staged, live, f); err != nil {
			return err
		}
	}
	return live.top.Sync()
}

// mend takes what others could change out of their hands: folders change their owner, the files of
// scripts go.
func (s *Session) mend(c *Change) error {
	if len(c.Mend) == 0 {
		return nil
	}
	top, err := s.dir.Open(c.Service)
	if err != nil {
		return err
	}
	live := newTree(top)
	defer live.close()
	for _, name := range c.Mend { // the directory itself is the first, so that no user can swap what is in it
		d, err := live.parent(path.Join(name, "x"))
		if scriptFiles[name] {
			if d, err = live.parent(name); err == nil {
				err = d.RemoveAll(path.Base(name))
			}
		} else if err == nil {
			err = d.Give(s.owner, modeServicedir)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func isMarker(f FileChange) int {
	if f.Path == render.MarkerPath {
		return 1
	}
	return 0
}

func replaceFile(staged, live *tree, f FileChange) error {
	to, err := live.parent(f.Path)
	if err != nil {
		return err
	}
	name := path.Base(f.Path)
	if f.After == nil || (f.Before != nil && f.Before.Irregular) {
		if err := to.RemoveAll(name); err != nil { // a folder at a file's name would not give way to a rename
			return err
		}
	}
	if f.After == nil {
		return nil
	}
	from, err := staged.parent(f.Path)
	if err != nil {
		return err
	}
	return dirfd.Rename(from, name, to, name)
}
