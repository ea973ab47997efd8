//go:build linux

package start

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// nobody is an account that every Debian has.
const nobody = 65534

// sh is a program that every system has.
func sh(script string) Program { return Program{Path: "/bin/sh", Args: []string{"sh", "-c", script}} }

// TestProgramHasNothingOfOurs: no variable, no folder, no descriptor, no session, no terminal.
func TestProgramHasNothingOfOurs(t *testing.T) {
	t.Setenv("SECRET", "hidden")
	leaked, err := unix.Open("/dev/null", unix.O_RDONLY, 0) // as one that we were given open
	require.NoError(t, err)
	defer unix.Close(leaked)
	var out bytes.Buffer
	p := sh("echo $$ $(cut -d ' ' -f 1,5-7 /proc/$$/stat); pwd; tr '\\0' '\\n' </proc/$$/environ; ls -l /proc/$$/fd")
	p.Stdout = &out
	require.NoError(t, Run(t.Context(), p))
	lines := strings.Split(out.String(), "\n")
	fields := strings.Fields(lines[0]) // $$, then pid, process group, session, terminal
	require.Equal(t, []string{fields[0], fields[0], fields[0], "0"}, fields[1:])
	require.Equal(t, []string{"/", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, lines[1:3])
	require.NotContains(t, out.String(), "hidden")
	open := map[string]string{}
	for _, line := range lines[3:] {
		if before, target, found := strings.Cut(line, " -> "); found {
			words := strings.Fields(before)
			open[words[len(words)-1]] = target
		}
	}
	require.Len(t, open, 3, "%s", out.String())
	require.Equal(t, []string{"/dev/null", "/dev/null"}, []string{open["0"], open["2"]})
	require.True(t, strings.HasPrefix(open["1"], "pipe:"), "%s", out.String())
}

func TestProgramWithOtherCredentials(t *testing.T) {
	if os.Geteuid() != 0 {
		return // it could have none
	}
	var out bytes.Buffer
	p := sh("id -u; id -g; id -G; cut -d ' ' -f 5-7 /proc/$$/stat; echo $$")
	p.Stdout, p.As = &out, &Account{UID: nobody, GID: nobody, Groups: []uint32{nobody, 1}}
	require.NoError(t, Run(t.Context(), p))
	lines := strings.Split(out.String(), "\n")
	pid := lines[4]
	require.Equal(t, []string{"65534", "65534", "65534 1", pid + " " + pid + " 0"}, lines[:4])
}

// TestProgramIsKilledAtTheEndOfItsTime, and processes that it has left do not keep us.
func TestProgramIsKilledAtTheEndOfItsTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, Run(ctx, sh("exec sleep 600")), context.DeadlineExceeded)
}

func TestHowAProgramEnds(t *testing.T) {
	require.NoError(t, Run(t.Context(), sh("exit 0")))
	require.Equal(t, 7, ExitCode(Run(t.Context(), sh("exit 7"))))
	require.Equal(t, -1, ExitCode(Run(t.Context(), sh("kill -9 $$"))))
	err := Run(t.Context(), Program{Path: "/nonexistent", Args: []string{"x"}})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, -1, ExitCode(err))
}

func TestEndOfWhatRuns(t *testing.T) {
	p, err := Start(sh("exec sleep 600"))
	require.NoError(t, err)
	for !p.End() {
		require.NoError(t, t.Context().Err())
	}
}

// TestFindSkipsWhatOthersCanChange: as root. A folder that holds a file of another user counts,
// too.
func TestFindSkipsWhatOthersCanChange(t *testing.T) {
	if os.Geteuid() != 0 {
		return // the folders on one's own PATH are one's own affair
	}
	base := t.TempDir()
	var folders []string
	for i, mode := range []os.FileMode{0o757, 0o755, 0o755} {
		folder := filepath.Join(base, strconv.Itoa(i))
		require.NoError(t, os.Mkdir(folder, 0o755))
		require.NoError(t, os.Chmod(folder, mode))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "x"), nil, 0o755))
		folders = append(folders, folder)
	}
	require.NoError(t, os.Chown(filepath.Join(folders[1], "x"), nobody, nobody))
	t.Chdir(folders[2])
	t.Setenv("PATH", strings.Join(append([]string{"", ".", "relative"}, folders...), ":"))
	path, err := Find("x")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(folders[2], "x"), path)

	require.NoError(t, os.Chmod(path, 0o644))
	_, err = Find("x")
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorContains(t, err, strconv.Quote(folders[0])+", which everybody can change")
	require.ErrorContains(t, err, strconv.Quote(folders[1]+"/x")+", which user 65534 can change")

	require.NoError(t, os.Chmod(path, 0o755))
	path, err = Find("x", folders[0], folders[2])
	require.NoError(t, err)
	require.Equal(t, filepath.Join(folders[2], "x"), path)
	_, err = Find("y")
	require.True(t, errors.Is(err, ErrNotFound))
}
