//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
)

func TestLinesOfALog(t *testing.T) {
	for _, c := range []struct {
		lines  string
		follow bool
		want   int
	}{
		{"", false, home.AllLines},
		{"", true, 10},
		{"all", true, home.AllLines},
		{"all", false, home.AllLines},
		{"0", true, 0},
		{"0", false, 0},
		{"25", false, 25},
	} {
		got, err := (&logsFlags{lines: c.lines, follow: c.follow}).count()
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%+v", c)
	}
	for _, wrong := range []string{"-1", "ten", "1.5", "99999999999999999999"} {
		_, err := (&logsFlags{lines: wrong}).count()
		require.EqualError(t, err, `--lines: "`+wrong+`" is not known (want a number of lines, or all)`)
		require.Equal(t, exitUsage, exitCode(err))
	}
}

// TestPrintableText: wherever the text is cut, no control character comes through, and all else
// does.
func TestPrintableText(t *testing.T) {
	const text = "a\tü€😀\x1b[2J\r\x00\u009b\xffx\n\xf0\x9f\nend 😀\n"
	want := "a\tü€😀\\x1b[2J\\x0d\\x00\\u009b\\xffx\n\\xf0\\x9f\nend 😀\n"
	for range 200 {
		var out bytes.Buffer
		w := visible.NewWriter(&out, visible.Text)
		for rest := text; rest != ""; {
			n := 1 + rand.IntN(len(rest))
			written, err := w.Write([]byte(rest[:n]))
			require.NoError(t, err)
			require.Equal(t, n, written)
			rest = rest[n:]
		}
		require.Equal(t, want, out.String())
	}
}

func TestTextIsChangedOnATerminalAlone(t *testing.T) {
	_, tty := terminal(t)
	out, _ := legible(tty)
	require.IsType(t, &visible.Writer{}, out)
	file, err := os.Create(t.TempDir() + "/file")
	require.NoError(t, err)
	defer file.Close()
	out, _ = legible(file)
	require.Equal(t, file, out)
}

func TestEndOfALog(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	once := wantedLog{profile: "coder", Log: home.Log{Folder: "/logs/coder"}}
	follow := once
	follow.Follow = true
	require.NoError(t, logsError(t.Context(), once, nil))
	require.NoError(t, logsError(ended, follow, context.Canceled))
	require.Equal(t, exitPartial, exitCode(logsError(ended, once, context.Canceled)))
	err := logsError(t.Context(), once, home.ErrNoLog)
	require.EqualError(t, err, `coder has no log yet: nothing was written to "/logs/coder"`)
	require.Equal(t, exitTemporary, exitCode(err))
	err = logsError(t.Context(), follow, errors.New("open /logs/coder/current: a\n\x1b[2J"+strings.Repeat("x", 5000)))
	require.ErrorContains(t, err, `cannot read the log of coder: open /logs/coder/current: a \x1b[2Jx`)
	require.Less(t, len(err.Error()), 600)
	require.Equal(t, exitTemporary, exitCode(err))
}

// TestRootReadsNoLogThatMayNotBeRoots: what a stranger says of its service counts as far as it
// gives no rights.
func TestRootReadsNoLogThatMayNotBeRoots(t *testing.T) {
	if os.Getuid() != 0 {
		return // no other user can become another one
	}
	const nobody = 65534
	dir := t.TempDir()
	control := dir + "/gateway-a/supervise/control"
	require.NoError(t, os.MkdirAll(dir+"/gateway-a/supervise", 0o755))
	require.NoError(t, os.WriteFile(control, nil, 0o600))
	scandir, err := (&scandirFlags{path: dir}).look("")
	require.NoError(t, err)
	defer scandir.Close()
	named := &manifest.Manifest{Profiles: []manifest.Profile{{Name: "a", User: "nobody"}}}
	uid := func(s reconcile.Service, m *manifest.Manifest) uint32 {
		who, err := logReader(scandir, s, m)
		require.NoError(t, err)
		require.True(t, who.Switch)
		return who.UID
	}
	ours := reconcile.Service{Name: "gateway-a", Owned: true}
	require.Zero(t, uid(ours, nil), "its user is root")
	for _, s := range []reconcile.Service{
		{Name: "gateway-a"},
		{Name: "gateway-a", Owned: true, Exposed: []string{"."}},
		{Name: "gateway-a", Owned: true, Seized: []string{"supervise"}},
	} {
		_, err := logReader(scandir, s, nil)
		require.ErrorContains(t, err, "cannot tell which user the log of gateway-a belongs to")
		require.Equal(t, exitUsage, exitCode(err))
		require.EqualValues(t, nobody, uid(s, named))
	}
	require.NoError(t, os.Chown(control, nobody, nobody))
	require.EqualValues(t, nobody, uid(reconcile.Service{Name: "gateway-a"}, nil))
	require.EqualValues(t, nobody, uid(ours, nil))
	require.NoError(t, os.Chown(control, 54321, 54321))
	require.EqualValues(t, 54321, uid(ours, named), "there need be no account")
}

// TestManyLogsThatCannotBeRead are counted, and the first of them say why and what to type.
func TestManyLogsThatCannotBeRead(t *testing.T) {
	l := &mergedLogs{faults: map[int]string{}, missing: map[int]bool{}}
	for i := range 300 {
		l.logs = append(l.logs, wantedLog{profile: fmt.Sprintf("p%d", i)})
		l.faults[i] = fmt.Sprintf("open /logs/p%d: %v", i, unix.EACCES)
	}
	var out bytes.Buffer
	ui{stderr: &out}.error(l.conclude(t.Context(), false, nil))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 7, out.String())
	require.Equal(t, "hermes-reconcile: error: cannot read the log of p0: open /logs/p0: permission denied", lines[0])
	require.Equal(t, "hermes-reconcile: error: cannot read the logs of 295 more gateways", lines[5])
	require.Contains(t, lines[6], "hint: run it as the user that s6-svscan runs as")
	require.Empty(t, usage.HintOf(unreadLog("a", "its disk does not answer")))
}

// TestNamesOrAll: no gateway is taken because a name was forgotten, and all are no part of some.
func TestNamesOrAll(t *testing.T) {
	for _, command := range []string{"logs", "stop", "start", "restart"} {
		got := hermes(command)
		require.Equal(t, exitUsage, got.code)
		require.Contains(t, got.stderr, "which gateways? (want names of profiles")
		got = hermes(command, "coder", "--all")
		require.Equal(t, exitUsage, got.code)
		require.Contains(t, got.stderr, "--all already means every gateway (want --all alone, or only names of profiles")
	}
}
