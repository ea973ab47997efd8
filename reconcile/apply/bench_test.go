//go:build linux

package apply

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/liveness"
	"hermes-reconcile/reconcile/scandir"
	"hermes-reconcile/reconcile/servicetree"
	"hermes-reconcile/reconcile/testkit"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/seen"
)

// benchSizes show whether a cost grows with the number of profiles or faster.
var benchSizes = []int{10, 100, 1000}

func benchProfiles(n int) []manifest.Profile {
	var all []manifest.Profile
	for i := range n {
		all = append(all, testkit.OnPort(testkit.Profile(fmt.Sprintf("p%04d", i), "1"), 10000+i))
	}
	return all
}

// idle is an s6 that supervises everything and is told nothing.
type idle struct {
	inTheirPlaces
	b *testing.B
}

func (i idle) Listening() (bool, error) { return true, nil }
func (i idle) Rescan(context.Context, bool) error {
	i.b.Error("a rescan")
	return nil
}
func (i idle) Control(_ context.Context, dir, letters string) error {
	i.b.Errorf("-%s %s", letters, dir)
	return nil
}
func (i idle) StatusIn(seen.Opened, string, uint32) (reconcile.Status, error) {
	return i.Status("")
}
func (i idle) Status(string) (reconcile.Status, error) {
	return reconcile.Status{Supervised: true, PID: 1, WantUp: true}, nil
}
func (i idle) Phase(string, int) reconcile.Phase            { return "" }
func (i idle) Lives(string) (bool, error)                   { return true, nil }
func (idle) Liveness(string, int) liveness.State            { return liveness.State{} }
func (i idle) Pause(string, int) time.Duration              { return 0 }
func (i idle) Deaths(string) []reconcile.Death              { return nil }
func (i idle) Room(context.Context) (reconcile.Room, error) { return reconcile.Room{}, nil }
func (i idle) Holders(string) []string                      { return nil }

// benchScandir is an empty scandir on tmpfs.
func benchScandir(b *testing.B, sup reconcile.Supervisor) *scandir.Scandir {
	b.Helper()
	root, err := os.MkdirTemp("/dev/shm", "bench")
	require.NoError(b, err)
	b.Cleanup(func() { os.RemoveAll(root) })
	s, err := scandir.Open(root, sup)
	require.NoError(b, err)
	b.Cleanup(s.Close)
	return s
}

// BenchmarkUnchanged is an apply that finds nothing to do: render, read, compare. It fails if that
// tells s6 anything.
func BenchmarkUnchanged(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := benchScandir(b, idle{b: b})
			profiles := benchProfiles(n)
			for _, d := range testkit.Servicedirs(b, profiles...) {
				require.NoError(b, servicetree.Make(s.Dir, d.Name, d.Files))
			}
			b.ResetTimer()
			for b.Loop() {
				lock, err := s.Lock(b.Context(), 0)
				require.NoError(b, err)
				actual, err := s.Read()
				require.NoError(b, err)
				plan, err := reconcile.Diff(testkit.Servicedirs(b, profiles...), actual, reconcile.PruneOwned)
				require.NoError(b, err)
				require.True(b, plan.Empty())
				_, err = Apply(b.Context(), s, lock, plan, Options{})
				require.NoError(b, err)
				lock.Unlock()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/profile")
		})
	}
}

// BenchmarkStage renders, compares and stages new profiles, and then makes the same system calls in
// a plain loop. The metric is the ratio of the two; the times themselves are those of one machine
// on one day.
func BenchmarkStage(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := benchScandir(b, idle{b: b})
			profiles := benchProfiles(n)
			var ours, plain time.Duration
			for b.Loop() {
				lock, err := s.Lock(b.Context(), 0)
				require.NoError(b, err)
				start := time.Now()
				dirs := stageAll(b, s, lock, profiles)
				ours += time.Since(start)
				require.NoError(b, lock.ClearStaging())
				start = time.Now()
				plainly(b, filepath.Join(s.Dir.Path(), journal.Dir, journal.StagingDir), dirs)
				plain += time.Since(start)
				require.NoError(b, lock.ClearStaging())
				lock.Unlock()
			}
			b.ReportMetric(float64(ours)/float64(plain), "x-plain")
			b.ReportMetric(float64(ours.Microseconds())/float64(b.N)/float64(n), "µs/profile")
		})
	}
}

func stageAll(b *testing.B, s *scandir.Scandir, lock *journal.Lock, profiles []manifest.Profile) []render.Servicedir {
	b.Helper()
	dirs := testkit.Servicedirs(b, profiles...)
	actual, err := s.Read()
	require.NoError(b, err)
	plan, err := reconcile.Diff(dirs, actual, reconcile.PruneOwned)
	require.NoError(b, err)
	r, err := newApplier(s, lock, plan, Options{})
	require.NoError(b, err)
	require.NoError(b, r.stage(b.Context()))
	return dirs
}

// plainly makes the system calls that staging makes, and does nothing else.
func plainly(b *testing.B, root string, dirs []render.Servicedir) {
	b.Helper()
	top, err := unix.Open(root, unix.O_DIRECTORY|unix.O_RDONLY, 0)
	require.NoError(b, err)
	defer unix.Close(top)
	for _, d := range dirs {
		service := plainMkdir(b, top, d.Name)
		subs := map[string]int{".": service}
		for _, f := range d.Files {
			sub, found := subs[path.Dir(f.Path)]
			if !found {
				if _, err := unix.Openat(service, path.Dir(f.Path), unix.O_DIRECTORY|unix.O_RDONLY, 0); err == nil {
					b.Fatal("exists")
				}
				sub = plainMkdir(b, service, path.Dir(f.Path))
				subs[path.Dir(f.Path)] = sub
			}
			fd, err := unix.Openat(sub, path.Base(f.Path), unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, uint32(f.Mode))
			if err != nil || unix.Fchmod(fd, uint32(f.Mode)) != nil {
				b.Fatal(err)
			}
			if _, err := unix.Write(fd, f.Data.Bytes()); err != nil {
				b.Fatal(err)
			}
			unix.Close(fd)
		}
		plainControl(b, service)
		plainControl(b, subs["log"])
		for _, fd := range subs {
			unix.Close(fd)
		}
	}
}

// plainControl makes what s6-supervise is told through.
func plainControl(b *testing.B, service int) {
	if _, err := unix.Openat(service, "supervise", unix.O_DIRECTORY|unix.O_RDONLY, 0); err == nil {
		b.Fatal("exists")
	}
	d := plainMkdir(b, service, "supervise")
	defer unix.Close(d)
	if unix.Mkfifoat(d, "control", 0o600) != nil || unix.Fchmodat(d, "control", 0o600, 0) != nil {
		b.Fatal("cannot make a FIFO")
	}
}

func plainMkdir(b *testing.B, parent int, name string) int {
	if err := unix.Mkdirat(parent, name, reconcile.ModeServicedir); err != nil {
		b.Fatal(err)
	}
	if err := unix.Fchmodat(parent, name, reconcile.ModeServicedir, 0); err != nil {
		b.Fatal(err)
	}
	fd, err := unix.Openat(parent, name, unix.O_DIRECTORY|unix.O_RDONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	return fd
}

// BenchmarkReadAndDiff are the two halves of a plan: what is, and how that differs from what should
// be.
func BenchmarkReadAndDiff(b *testing.B) {
	s := benchScandir(b, idle{b: b})
	dirs := testkit.Servicedirs(b, benchProfiles(1000)...)
	for _, d := range dirs {
		require.NoError(b, servicetree.Make(s.Dir, d.Name, d.Files))
	}
	actual, err := s.ReadBeside(dirs)
	require.NoError(b, err)
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := s.ReadBeside(dirs)
			require.NoError(b, err)
		}
	})
	b.Run("diff", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			plan, err := reconcile.Diff(dirs, actual, reconcile.PruneOwned)
			require.NoError(b, err)
			require.True(b, plan.Empty())
		}
	})
}
