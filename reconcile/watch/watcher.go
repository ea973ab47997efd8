//go:build linux

package watch

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"hermes-reconcile/reconcile/pace"
)

// watcher tells when something changes at its paths. It watches folders, since a file that is
// replaced is another one, and all folders on the way there in which a symlink or a missing name
// could change what a path means.
type watcher struct {
	paths  []string
	notify *fsnotify.Watcher
	armed  watchSet
	walks  atomic.Bool // a walk along the paths is under way
}

// watchSet are the folders to watch, by path.
type watchSet map[string]watchedFolder

// watchedFolder is one by its device and inode: a folder that was put in the place of another has
// the same path.
type watchedFolder struct {
	dev, ino uint64
	names    map[string]bool // that matter; nil: all
}

// maxLinks is how many symlinks a path may lead through, as for the kernel.
const maxLinks = 40

// arm makes the watcher watch what its paths mean now. What happens after it returns is seen.
func (w *watcher) arm(ctx context.Context) (err error) {
	const tries = 5 // a path may change its meaning while it is looked at
	for range tries {
		var set watchSet
		if set, err = w.meaning(ctx); err != nil {
			return err
		}
		if w.notify != nil && set.equal(w.armed) {
			return nil
		}
		if err = w.watch(set); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// errSilent says that the disk which the paths are on was asked before, and has not answered yet.
var errSilent = errors.New("its disk does not answer")

// meaning is what the paths mean now. A disk that does not answer holds nothing up: the walk is then
// left to itself, and there is no other one before it ends.
func (w *watcher) meaning(ctx context.Context) (watchSet, error) {
	if !w.walks.CompareAndSwap(false, true) {
		return nil, errSilent
	}
	return pace.WithinLimit(ctx, func() (watchSet, error) {
		defer w.walks.Store(false)
		set := watchSet{}
		for _, p := range w.paths {
			set.add(p)
		}
		return set, nil
	})
}

// watch replaces what is watched. The new watch is there before the old one ends.
func (w *watcher) watch(set watchSet) error {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	for folder := range set {
		if err = notify.Add(folder); err != nil {
			break // it is gone, or the system has no room for another watch
		}
	}
	w.close()
	w.notify, w.armed = notify, set
	if err != nil {
		w.armed = nil // so that the next pass tries again
	}
	return err
}

// close is for a watcher of none, too: where inotify has no room, looks follow the interval alone.
func (w *watcher) close() {
	if w.notify != nil {
		w.notify.Close()
	}
}

// events is nil without a watch. A receive from nil never returns, so the loop needs no case for
// it.
func (w *watcher) events() <-chan fsnotify.Event {
	if w.notify == nil {
		return nil
	}
	return w.notify.Events
}

func (w *watcher) errors() <-chan error {
	if w.notify == nil {
		return nil
	}
	return w.notify.Errors
}

// concerns reports whether an event may change what is read at the paths.
func (w *watcher) concerns(event fsnotify.Event) bool {
	if _, self := w.armed[event.Name]; self {
		return true
	}
	folder, watched := w.armed[filepath.Dir(event.Name)]
	return watched && (folder.names == nil || folder.names[filepath.Base(event.Name)])
}

// settle waits until nothing that matters has happened for a while.
func (w *watcher) settle(ctx context.Context) Trigger {
	most := time.NewTimer(settleMost)
	defer most.Stop()
	quiet := time.NewTimer(settleTime)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return ""
		case <-most.C:
			return Changed
		case <-quiet.C:
			return Changed
		case event, ok := <-w.events():
			if !ok {
				return Changed
			}
			if w.concerns(event) {
				quiet.Reset(settleTime)
			}
		}
	}
}

// add adds what has to be watched for one path.
func (set watchSet) add(path string) {
	final := set.walk(path)
	if final == "" {
		return
	}
	entries, err := os.ReadDir(final)
	if err != nil {
		return
	}
	set.note(final, "")
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink != 0 {
			set.walk(filepath.Join(final, e.Name()))
		}
	}
}

// walk follows a path to its end and notes, for each folder in which its meaning may change, the
// name that matters there. It returns the folder at its end, if it is one.
func (set watchSet) walk(path string) (folder string) {
	at, rest := "/", strings.Split(strings.Trim(filepath.Clean(path), "/"), "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		switch {
		case err != nil:
			set.note(at, name)
			return ""
		case info.Mode()&fs.ModeSymlink != 0:
			set.note(at, name)
			target, err := os.Readlink(next)
			if links++; err != nil || links > maxLinks {
				return ""
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(at, target)
			}
			at, rest = "/", append(
				strings.Split(strings.Trim(filepath.Clean(target), "/"), "/"),
				rest...)
		case info.IsDir():
			at = next
		default:
			set.note(at, name)
			return ""
		}
	}
	return at
}

// note notes a name that matters in a folder; an empty one stands for all.
func (set watchSet) note(folder, name string) {
	f, found := set[folder]
	if !found {
		info, err := os.Stat(folder)
		if err != nil {
			return
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return
		}
		f = watchedFolder{dev: st.Dev, ino: st.Ino, names: map[string]bool{}}
	}
	if name == "" {
		f.names = nil
	} else if f.names != nil {
		f.names[name] = true
	}
	set[folder] = f
}

// equal reports whether a new watch would see the same, so that it need not be made: between two
// watches a change could be lost.
func (set watchSet) equal(other watchSet) bool {
	return maps.EqualFunc(set, other, func(a, b watchedFolder) bool {
		return a.dev == b.dev && a.ino == b.ino && (a.names == nil) == (b.names == nil) &&
			slices.Equal(slices.Sorted(maps.Keys(a.names)), slices.Sorted(maps.Keys(b.names)))
	})
}
