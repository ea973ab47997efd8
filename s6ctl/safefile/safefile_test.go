//go:build linux

package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// both runs a test with openat2 and as on a kernel without it.
func both(t *testing.T, test func(t *testing.T)) {
	t.Run("openat2", test)
	t.Run("old kernel", func(t *testing.T) {
		before := oldKernel.Swap(true)
		defer oldKernel.Store(before)
		test(t)
	})
}

func opened(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// plant puts everything that is not a regular file into a folder: names to what is wrong with them.
func plant(t *testing.T, folder string) []string {
	t.Helper()
	require.NoError(t, unix.Mkfifo(filepath.Join(folder, "fifo"), 0o600))
	f, err := os.OpenFile(filepath.Join(folder, "fifo"), os.O_RDWR, 0) // both ends are open: a reader waits
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	require.NoError(t, os.Mkdir(filepath.Join(folder, "folder"), 0o700))
	require.NoError(t, os.Symlink("regular", filepath.Join(folder, "symlink")))
	require.NoError(t, os.Symlink("none", filepath.Join(folder, "dangling")))
	require.NoError(t, unix.Mknod(filepath.Join(folder, "socket"), unix.S_IFSOCK|0o600, 0))
	names := []string{"fifo", "folder", "symlink", "dangling", "socket"}
	if os.Geteuid() == 0 && unix.Mknod(filepath.Join(folder, "device"), unix.S_IFCHR|0o600, 1<<8|5) == nil {
		names = append(names, "device")
	}
	return names
}

func TestOnlyRegularFilesAreRead(t *testing.T) {
	both(t, func(t *testing.T) {
		folder := t.TempDir()
		require.NoError(t, os.MkdirAll(folder+"/a/b", 0o700))
		require.NoError(t, os.WriteFile(folder+"/a/b/regular", []byte("text"), 0o600))
		for _, name := range plant(t, folder+"/a/b") {
			for _, d := range []struct {
				dir  *Dir
				name string
			}{{opened(t, folder), "a/b/" + name}, {opened(t, folder+"/a/b"), name}} {
				_, _, err := d.dir.Read(d.name, 10)
				require.ErrorIs(t, err, ErrIrregular, d.name)
				_, _, err = d.dir.OpenRegular(d.name)
				require.ErrorIs(t, err, ErrIrregular, d.name)
			}
		}
		data, st, err := opened(t, folder).Read("a/b/regular", 4)
		require.NoError(t, err)
		require.Equal(t, "text", string(data))
		require.EqualValues(t, 4, st.Size)
		for _, room := range []int{0, 3, 4, 5, 100} {
			data, _, err = opened(t, folder).ReadInto(make([]byte, 1, room+1), "a/b/regular", 4)
			require.NoError(t, err)
			require.Equal(t, "text", string(data))
		}
		_, _, err = opened(t, folder).Read("a/b/regular", 3)
		require.ErrorContains(t, err, "it has more than 3 bytes")
		_, _, err = opened(t, folder).Read("a/none/regular", 3)
		require.True(t, IsAbsent(err), "%v", err)
	})
}

func TestNoSymlinkIsFollowedAndNoneLeadsOut(t *testing.T) {
	both(t, func(t *testing.T) {
		folder, outside := t.TempDir(), t.TempDir()
		require.NoError(t, os.MkdirAll(folder+"/a/b", 0o700))
		require.NoError(t, os.WriteFile(folder+"/a/b/file", nil, 0o600))
		require.NoError(t, os.WriteFile(outside+"/file", nil, 0o600))
		require.NoError(t, os.Symlink("a", folder+"/inside"))
		require.NoError(t, os.Symlink(outside, folder+"/outside"))
		d := opened(t, folder)
		for _, name := range []string{"inside/b/file", "inside/b", "outside/file", "../x", "a/../a/b/file", "/etc/passwd", "a//b/file", "", ".."} {
			_, _, err := d.Read(name, 10)
			require.Error(t, err, name)
			_, err = d.Dir(name)
			require.Error(t, err, name)
		}
		for _, name := range []string{"inside", "outside", "inside/b", "outside/"} {
			_, err := d.Dir(name)
			require.Error(t, err, name)
		}
		st, err := d.Stat("inside")
		require.NoError(t, err)
		require.EqualValues(t, unix.S_IFLNK, st.Mode&unix.S_IFMT)
		_, err = d.Stat("inside/b/file")
		require.True(t, IsAbsent(err), "%v", err)
		_, err = d.Stat("a/b/file")
		require.NoError(t, err)
	})
}

// TestSparseFile: what a file says that it holds is not read, and no room is made for it.
func TestSparseFile(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(folder+"/large", nil, 0o600))
	require.NoError(t, os.Truncate(folder+"/large", 10<<30))
	large := (*TooLargeError)(nil)
	d := opened(t, folder)
	least := testing.AllocsPerRun(1, func() {
		_, _, err := d.Read("large", 4<<20)
		require.ErrorAs(t, err, &large)
	})
	require.Less(t, least, 100.0)
	_, _, err := ReadOwn(folder+"/large", 4<<20)
	require.ErrorAs(t, err, &large)
	tree, err := OpenTree(folder)
	require.NoError(t, err)
	defer tree.Close()
	_, _, err = tree.Read("large", 4<<20)
	require.ErrorAs(t, err, &large)
}

// TestFileThatGrowsAndShrinks: the size that a file had is no promise.
func TestFileThatGrowsAndShrinks(t *testing.T) {
	source := func(text string) func([]byte) (int, error) { return strings.NewReader(text).Read }
	for _, size := range []int64{0, 1, 5, 600, 5000} {
		for _, text := range []string{"", "x", "12345", strings.Repeat("y", 600), strings.Repeat("z", 1000)} {
			data, err := readMost(makeBuffer(size, 1000), source(text), size, 1000)
			require.NoError(t, err)
			require.Equal(t, text, string(data))
		}
		_, err := readMost(makeBuffer(size, 1000), source(strings.Repeat("y", 1001)), size, 1000)
		require.ErrorContains(t, err, "more than 1000 bytes")
	}
	broken := errors.New("broken")
	_, err := readMost(nil, func([]byte) (int, error) { return 0, broken }, 10, 1000)
	require.ErrorIs(t, err, broken)
}

func TestOwnFollowsSymlinksAndDoesNotWait(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(folder+"/regular", []byte("text"), 0o600))
	for _, name := range plant(t, folder) {
		data, _, err := ReadOwn(filepath.Join(folder, name), 10)
		switch name {
		case "symlink":
			require.NoError(t, err)
			require.Equal(t, "text", string(data))
		case "dangling":
			require.ErrorIs(t, err, fs.ErrNotExist)
		default:
			require.ErrorIs(t, err, ErrIrregular, name)
		}
	}
}

func TestTreeStaysInItsFolder(t *testing.T) {
	folder, outside := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(outside+"/file", []byte("text"), 0o600))
	require.NoError(t, os.WriteFile(folder+"/regular", []byte("text"), 0o600))
	require.NoError(t, os.Symlink(outside+"/file", folder+"/outside"))
	tree, err := OpenTree(folder)
	require.NoError(t, err)
	defer tree.Close()
	_, _, err = tree.Read("outside", 10)
	require.Error(t, err)
	for _, name := range plant(t, folder) {
		_, _, err := tree.Read(name, 10)
		require.Equal(t, name != "symlink", err != nil, name)
		if name != "folder" {
			_, err = tree.Entries(name, 10)
			require.Error(t, err, name)
		}
	}
	_, err = tree.Entries(".", 3)
	require.ErrorContains(t, err, "it has more than 3 entries")
	list, err := tree.Entries(".", 100)
	require.NoError(t, err)
	require.Equal(t, "dangling", list[0].Name())
	_, err = OpenTree(folder + "/fifo")
	require.ErrorIs(t, err, ErrNoFolder)
}

func TestReaderOfAFIFO(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, unix.Mkfifo(folder+"/silent", 0o600))
	names := plant(t, folder)
	d := opened(t, folder)
	for _, name := range append(names, "silent", "none") {
		reads, err := d.HasReader(name)
		require.Equal(t, name == "fifo", reads, name)
		require.Equal(t, name != "fifo" && name != "silent", err != nil, "%s: %v", name, err)
	}
}

func TestNamesAreCounted(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
	}
	d := opened(t, folder)
	for range 2 {
		names, err := d.Names(3)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"a", "b", "c"}, names)
	}
	_, err := d.Names(2)
	require.ErrorContains(t, err, "it has more than 2 entries")
	some, err := d.Some(2)
	require.NoError(t, err)
	require.Len(t, some, 2)
	known := []string{"c", "x", "a", "", "b", "ab", "."}
	there, all, err := d.AtOnce(known)
	require.NoError(t, err)
	require.True(t, all)
	for i, name := range known {
		require.Equal(t, len(name) == 1 && name != "x", there.Has(i), name)
	}
	for i := range 1000 {
		require.NoError(t, os.WriteFile(filepath.Join(folder, strings.Repeat("x", 200)+strconv.Itoa(i)), nil, 0o600))
	}
	_, all, err = d.AtOnce(known)
	require.NoError(t, err)
	require.False(t, all, "the kernel gives them in several answers")
	seen := 0
	require.NoError(t, d.Each(func(string) bool { seen++; return seen < 2 }))
	require.Equal(t, 2, seen)
}

// TestProcessThatHangs: a file of a process that does not answer costs a second, and no more.
func TestProcessThatHangs(t *testing.T) {
	self := Proc("/proc")
	data, err := self.Of(os.Getpid(), "stat")
	require.NoError(t, err)
	require.Contains(t, string(data), "safefile")
	here, err := os.Getwd()
	require.NoError(t, err)
	id, err := opened(t, here).Identity()
	require.NoError(t, err)
	at, err := self.WorkDir(os.Getpid())
	require.NoError(t, err)
	require.Equal(t, id, at)
	pids, err := self.PIDs()
	require.NoError(t, err)
	require.Contains(t, pids, os.Getpid())
	_, err = self.Of(os.Getpid(), "none")
	require.True(t, IsGone(err), "%v", err)
	links, err := self.Links(os.Getpid(), "fd")
	require.NoError(t, err)
	require.NotEmpty(t, links)

	fake := t.TempDir()
	require.NoError(t, os.Mkdir(fake+"/7", 0o700))
	require.NoError(t, unix.Mkfifo(fake+"/7/cmdline", 0o600))
	f, err := os.OpenFile(fake+"/7/cmdline", os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	_, err = Proc(fake).Of(7, "cmdline")
	require.ErrorIs(t, err, ErrIrregular)
	release := make(chan struct{})
	defer close(release)
	_, err = soon(func() ([]byte, error) { <-release; return nil, nil }, "cmdline")
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

// FuzzNames: no name leads out of the folder, with openat2 and without.
func FuzzNames(f *testing.F) {
	folder := f.TempDir()
	require.NoError(f, os.MkdirAll(folder+"/in/a", 0o700))
	require.NoError(f, os.WriteFile(folder+"/in/a/file", []byte("inside"), 0o600))
	require.NoError(f, os.WriteFile(folder+"/secret", []byte("outside"), 0o600))
	require.NoError(f, os.Symlink("../secret", folder+"/in/link"))
	require.NoError(f, os.Symlink("..", folder+"/in/up"))
	d, err := Open(folder + "/in")
	require.NoError(f, err)
	f.Cleanup(func() { d.Close() })
	for _, seed := range []string{"a/file", "link", "up/secret", "../secret", "a/../../secret", "/etc/passwd", "a/./file", "", ".", "a\x00b", "a/", "//a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		var first string
		for _, old := range []bool{false, true} {
			before := oldKernel.Swap(old)
			data, _, err := d.Read(name, 100)
			oldKernel.Store(before)
			text := string(data)
			if err == nil && text != "inside" {
				t.Fatalf("%q gives %q", name, text)
			}
			if old && text != first {
				t.Fatalf("%q: %q, and %q without openat2", name, first, text)
			}
			first = text
		}
	})
}
