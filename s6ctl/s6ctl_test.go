//go:build linux

package s6ctl

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/s6ctl/process"
	"hermes-reconcile/s6ctl/safefile"
)

// fakePrograms puts programs on PATH that write down their arguments and exit with a code.
func fakePrograms(t *testing.T, code int, stderr string) (calls func() []string) {
	t.Helper()
	bin := t.TempDir()
	log := filepath.Join(bin, "calls")
	script := fmt.Sprintf("#!/bin/sh\necho \"${0##*/} $*\" >>%s\necho '%s' >&2\nexit %d\n", log, stderr, code)
	for _, name := range []string{"s6-svscanctl", "s6-svc"} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755))
	}
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	return func() []string {
		data, err := os.ReadFile(log)
		require.NoError(t, err)
		return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	}
}

func TestArguments(t *testing.T) {
	calls := fakePrograms(t, 0, "")
	s := Open("/scan")
	require.NoError(t, s.Installed())
	require.NoError(t, s.Rescan(t.Context(), false))
	require.NoError(t, s.Rescan(t.Context(), true))
	require.NoError(t, s.Control(t.Context(), "gateway-x/log", "xh"))
	want := []string{"s6-svscanctl -a /scan", "s6-svscanctl -an /scan", "s6-svc -xh /scan/gateway-x/log"}
	if diff := cmp.Diff(want, calls()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestExitCodesOfBothFamilies(t *testing.T) {
	rescan := func(s *Scandir) error { return s.Rescan(t.Context(), true) }
	control := func(s *Scandir) error { return s.Control(t.Context(), "gateway-x", "d") }
	for _, c := range []struct {
		name string
		call func(*Scandir) error
		code int
		want error // nil: what the program says
	}{
		{"rescan, exit 100", rescan, 100, ErrNotListening},
		{"rescan, exit 102", rescan, 102, nil},
		{"rescan, exit 111", rescan, 111, nil},
		{"control, exit 100", control, 100, ErrNotSupervised},
		{"control, exit 102", control, 102, ErrNotSupervised},
		{"control, exit 111", control, 111, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			fakePrograms(t, c.code, "s6-svc: fatal: something")
			err := c.call(Open("/scan"))
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
				return
			}
			require.ErrorContains(t, err, "s6-svc: fatal: something")
		})
	}
}

func TestProgramThatHangsIsEnded(t *testing.T) {
	fakePrograms(t, 0, "")
	s := Open("/scan")
	require.NoError(t, os.WriteFile(s.programs().svc, []byte("#!/bin/sh\nexec sleep 600\n"), 0o755))
	s.timeout = 50 * time.Millisecond
	require.ErrorIs(t, s.Control(t.Context(), "gateway-x", "d"), context.DeadlineExceeded)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Control(ctx, "gateway-x", "d"), context.Canceled)
}

func TestNotInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	s := Open("/scan")
	require.ErrorIs(t, s.Installed(), ErrNotInstalled)
	require.ErrorIs(t, s.Rescan(t.Context(), true), ErrNotInstalled)
	require.ErrorContains(t, s.Control(t.Context(), "gateway-x", "d"), "s6-svscanctl")
}

// Status files as s6 wrote them, and what s6-svstat said of them.
func TestParseStatus(t *testing.T) {
	const stamp, later = "400000006b050113354f4768", "400000006b050113354f4769"
	since := time.Unix(1795490030, 0x354f4768)
	for _, c := range []struct {
		name, file string
		want       Status
	}{
		{"up", stamp + stamp + "0000000000004470" + "0000" + "04", Status{Supervised: true, PID: 0x4470, WantUp: true, Since: since}},
		{"up and ready", stamp + stamp + "0000000000004470" + "0000" + "0c", Status{Supervised: true, PID: 0x4470, WantUp: true, Ready: true, Since: since}},
		{"exited 78", stamp + stamp + "0000000000000000" + "4e00" + "08", Status{Supervised: true, ExitCode: 78, Since: since}},
		{"killed by signal 9", stamp + stamp + "0000000000000000" + "0009" + "0c", Status{Supervised: true, WantUp: true, ExitCode: -1, Signal: 9, Since: since}},
		{"finishing", stamp + stamp + "0000000000004470" + "0100" + "06", Status{Supervised: true, Finishing: true, WantUp: true, ExitCode: 1, Since: since}},
		{"never started, s6 2.15", stamp + stamp + "0000000000000000" + "0000" + "09", Status{Supervised: true, ExitCode: -1, Since: since}},
		{"never started, s6 2.11", stamp + stamp + "0000000000000000" + "0000" + "08", Status{Supervised: true, ExitCode: -1, Since: since}},
		{"exited 0", stamp + later + "0000000000000000" + "0000" + "08", Status{Supervised: true, Since: since}},
		{"up, s6 2.13", stamp + stamp + "0000000000004470" + "0000000000004470" + "0000" + "04", Status{Supervised: true, PID: 0x4470, WantUp: true, Since: since}},
	} {
		t.Run(c.name, func(t *testing.T) {
			data, err := hex.DecodeString(c.file)
			require.NoError(t, err)
			got, err := parseStatus(data)
			require.NoError(t, err)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add(make([]byte, statusSize))
	f.Add(make([]byte, statusSize13))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := parseStatus(data)
		if known := len(data) == statusSize || len(data) == statusSize13; known != (err == nil) {
			t.Errorf("%d bytes: %v", len(data), err)
		}
	})
}

// fakeProc is a /proc with these processes: pid to name and command line.
func fakeProc(t *testing.T, processes map[int][]string) string {
	t.Helper()
	proc := t.TempDir()
	for pid, argv := range processes {
		dir := filepath.Join(proc, fmt.Sprint(pid))
		require.NoError(t, os.Mkdir(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "comm"), []byte(argv[0]+"\n"), 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "cmdline"), []byte(strings.Join(argv, "\x00")+"\x00"), 0o644))
	}
	return proc
}

func TestDetect(t *testing.T) {
	scandir := t.TempDir()
	for _, c := range []struct {
		name string
		host process.Host
		want Kind
	}{
		{"s6-overlay", process.Host{OS: "linux", Proc: fakeProc(t, map[int][]string{1: {"s6-svscan", "-d4", "--", "/run/service"}})}, KindS6},
		{"systemd", process.Host{OS: "linux", Proc: fakeProc(t, map[int][]string{1: {"systemd"}})}, KindSystemd},
		{"another init", process.Host{OS: "linux", Proc: fakeProc(t, map[int][]string{1: {"tini"}})}, KindNone},
		{"no /proc", process.Host{OS: "linux", Proc: filepath.Join(scandir, "nothing")}, KindNone},
		{"macOS", process.Host{OS: "darwin", Proc: ""}, KindLaunchd},
		{"Windows", process.Host{OS: "windows", Proc: ""}, KindWindows},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, Detect(c.host, scandir)) })
	}
}

func TestSvscanIsFoundByItsArgumentsWhereTheScandirIsClosed(t *testing.T) {
	for _, c := range []struct {
		name, args string
		want       bool
	}{
		{"an absolute path", "s6-svscan -d4 -- /run/service", true},
		{"a slash at its end", "s6-svscan /run/service/", true},
		{"a relative path", "s6-svscan service", true},
		{"another scandir", "s6-svscan /run/other", false},
		{"the working directory", "s6-svscan .", false},
		{"another program", "grep /run/service", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := process.Host{OS: "linux", Proc: fakeProc(t, map[int][]string{1: {"tini"}, 7: strings.Fields(c.args)})}
			require.Equal(t, c.want, svscanOn(h, "/run/service") == 7)
		})
	}
}

func TestDirectoryThatIsNotThereIsNotSupervised(t *testing.T) {
	dir := t.TempDir()
	s := Open(dir)
	supervise := filepath.Join(dir, "gateway-x", "supervise")
	for _, make := range []func() error{
		func() error { return nil },
		func() error { return os.MkdirAll(supervise, 0o755) },
		func() error { return syscall.Mkfifo(filepath.Join(supervise, "control"), 0o600) },
		func() error { return os.WriteFile(filepath.Join(supervise, "lock"), nil, 0o644) },
	} {
		require.NoError(t, make())
		status, err := s.Status("gateway-x")
		require.NoError(t, err)
		require.Equal(t, Status{}, status)
	}
}

func TestSvscanOptions(t *testing.T) {
	for _, c := range []struct {
		name, args string
		newer      bool
		want       Svscan
	}{
		{"s6 2.11", "s6-svscan /run/service", false, Svscan{MaxServices: 500}},
		{"s6 2.11, -c", "s6-svscan -c 7 -t 5000 /run/service", false, Svscan{MaxServices: 7}},
		{"s6 2.11, -c0", "s6-svscan -c0 scan", false, Svscan{MaxServices: 2}},
		{"defaults", "s6-svscan -d4 -- /run/service", true, Svscan{MaxServices: 1000, CountsLoggers: true, MaxName: 251}},
		{"-C and -L", "s6-svscan -C8 -L 20 scan", true, Svscan{MaxServices: 8, CountsLoggers: true, MaxName: 20}},
		{"-c", "s6-svscan -c 50 scan", true, Svscan{MaxServices: 100, CountsLoggers: true, MaxName: 251}},
		{"long options", "s6-svscan --services-max=12 --name-max 300 --timeout 5 -C3 scan", true, Svscan{MaxServices: 4, CountsLoggers: true, MaxName: 300}},
		{"no option behind --", "s6-svscan -- -C8", true, Svscan{MaxServices: 1000, CountsLoggers: true, MaxName: 251}},
		{"an option without its value", "s6-svscan -C", true, Svscan{MaxServices: 1000, CountsLoggers: true, MaxName: 251}},
		{"no command line", "", true, Svscan{MaxServices: 1000, CountsLoggers: true, MaxName: 251}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, parseSvscan(strings.Fields(c.args), c.newer))
		})
	}
}

// TestLooksThroughTheOpenScandir: looks go to the folder that is open, whatever its path leads to by
// now, and to the path again once it is closed.
func TestLooksThroughTheOpenScandir(t *testing.T) {
	parent := t.TempDir()
	old, now := filepath.Join(parent, "old"), filepath.Join(parent, "now")
	death := make([]byte, deathSize)
	require.NoError(t, os.MkdirAll(filepath.Join(now, "x/supervise"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(now, "x/supervise/death_tally"), death, 0o644))
	open, err := safefile.Open(now)
	require.NoError(t, err)
	s := Open(now)
	s.LookIn(open)
	require.NoError(t, os.Rename(now, old))
	require.Len(t, s.Deaths("x"), 1)
	require.NoError(t, open.Close())
	require.Empty(t, s.Deaths("x"))
	require.NoError(t, os.Rename(old, now))
	require.Len(t, s.Deaths("x"), 1)
}
