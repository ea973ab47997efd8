//go:build e2e

package e2e

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
)

// entry is what a snapshot holds of a file, a directory or a link.
type entry struct {
	Path   string
	Inode  uint64
	Mode   fs.FileMode
	Size   int64
	Mtime  int64 // ns
	Digest string
}

// byScripts is what rendered scripts write in a service directory, or what is written for them.
var byScripts = []string{"data/pgid", "data/draining", "data/liveness", "log/last", "log/held"}

// runtimeState is what s6 and the gateways write in a scandir by themselves.
func runtimeState(rel string) bool {
	base := filepath.Base(rel)
	written := func(name string) bool { return strings.HasSuffix(rel, "/"+name) }
	return base == "supervise" || base == "event" || rel == ".s6-svscan" || slices.ContainsFunc(byScripts, written)
}

// snapshotOf lists everything below root but what s6 and the gateways write by themselves.
func snapshotOf(t testing.TB, root string) []entry {
	t.Helper()
	var found []entry
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if runtimeState(rel) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		e, err := newEntry(path, rel)
		found = append(found, e)
		return err
	})
	require.NoError(t, err)
	return found
}

func newEntry(path, rel string) (entry, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return entry{}, err
	}
	e := entry{
		Path: rel, Inode: info.Sys().(*syscall.Stat_t).Ino,
		Mode: info.Mode(), Size: info.Size(), Mtime: info.ModTime().UnixNano(),
	}
	switch {
	case info.Mode().IsRegular():
		data, err := os.ReadFile(path)
		if err != nil {
			return entry{}, err
		}
		e.Digest = fmt.Sprintf("%x", sha256.Sum256(data))
	case info.Mode()&fs.ModeSymlink != 0:
		e.Digest, err = os.Readlink(path)
	case filepath.Base(rel) == "data" || filepath.Base(rel) == "log":
		e.Size, e.Mtime = 0, 0 // what scripts write there comes and goes
	}
	return e, err
}

func (tr *tree) snapshot() []entry {
	tr.t.Helper()
	return snapshotOf(tr.t, tr.scandir)
}

// sameSnapshot fails the test if anything in the scandir differs.
func (tr *tree) sameSnapshot(before []entry) {
	tr.t.Helper()
	noDiff(tr.t, cmp.Diff(before, tr.snapshot()), "the scandir changed (-before +after)")
}

// noDiff fails the test if there is a difference, and shows some of it.
func noDiff(t testing.TB, diff string, what ...any) {
	t.Helper()
	if diff == "" {
		return
	}
	why := ""
	if len(what) > 0 {
		why = fmt.Sprintf(what[0].(string), what[1:]...)
	}
	require.FailNow(t, "they differ: "+kit.Clip(why, maxLines), "%s", kit.Clip(diff, maxLines))
}

// inode of a path in the scandir; 0: nothing there.
func (tr *tree) inode(name string) uint64 {
	info, err := os.Lstat(filepath.Join(tr.scandir, name))
	if err != nil {
		return 0
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// hidden lists the run scripts below the dot directory: staged or removed services that no apply
// cleared away.
func (tr *tree) hidden() []string {
	var found []string
	_ = filepath.WalkDir(filepath.Join(tr.scandir, ".hermes-reconcile"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "run" {
			found = append(found, path)
		}
		return nil
	})
	return found
}

// listing is for a human who looks at a failed test.
func (tr *tree) listing() []string {
	var lines []string
	_ = filepath.WalkDir(tr.scandir, func(path string, d fs.DirEntry, err error) error {
		if info, err := os.Lstat(path); err == nil {
			lines = append(lines, fmt.Sprintf("%v %s", info.Mode(), strings.TrimPrefix(path, tr.scandir)))
		}
		return nil
	})
	return lines
}
