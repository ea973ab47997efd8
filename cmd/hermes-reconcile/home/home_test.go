//go:build linux

package home

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestMain makes the test binary what Ask starts.
func TestMain(m *testing.M) {
	if Serves(os.Args) {
		if err := Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		return
	}
	os.Exit(m.Run())
}

func TestParseState(t *testing.T) {
	for text, want := range map[string]State{
		`{"desired_state": "running"}`:                             {Up: true, Why: "desired_state is running"},
		`{"desired_state": "stopped", "gateway_state": "running"}`: {Up: false, Why: "desired_state is stopped"},
		`{"desired_state": "draining"}`:                            {Up: false, Why: "desired_state is draining"},
		`{"desired_state": null, "gateway_state": "running"}`:      {Up: true, Why: "gateway_state is running"},
		`{"gateway_state": "draining", "pid": 7}`:                  {Up: true, Why: "gateway_state is draining"},
		`{"gateway_state": "degraded"}`:                            {Up: true, Why: "gateway_state is degraded"},
		`{"gateway_state": "starting"}`:                            {Up: false, Why: "gateway_state is starting"},
		`{"gateway_state": "startup_failed"}`:                      {Up: false, Why: "gateway_state is startup_failed"},
		"\ufeff" + `{"gateway_state": "running"}`:                  {Up: true, Why: "gateway_state is running"},
		`{}`:                             {Up: false, Why: "gateway_state.json names no state"},
		``:                               {Up: false, Why: "gateway_state.json cannot be understood"},
		`[]`:                             {Up: false, Why: "gateway_state.json cannot be understood"},
		`{"gateway_state": "runn`:        {Up: false, Why: "gateway_state.json cannot be understood"},
		`{"desired_state": 1}`:           {Up: false, Why: "gateway_state.json cannot be understood"},
		`{"desired_state": ["running"]}`: {Up: false, Why: "gateway_state.json cannot be understood"},
		`{"gateway_state": "` + strings.Repeat("x", 100) + `"}`: {Up: false, Why: "gateway_state is " + strings.Repeat("x", 40) + "..."},
	} {
		require.Equal(t, want, ParseState([]byte(text)), text)
	}
}

// nobody is an account that every Debian has.
const nobody = 65534

// newHome makes a HERMES_HOME with these files, in a folder that only its owner can write to:
// the test's user, or nobody where that is root.
func newHome(t *testing.T, files map[string]string) (string, Account) {
	t.Helper()
	home := t.TempDir()
	who := Account{}
	if os.Getuid() == 0 {
		who = Account{UID: nobody, GID: nobody, Groups: []uint32{nobody}, Switch: true}
		for dir := home; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			require.NoError(t, os.Chmod(dir, 0o755))
		}
	}
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(home, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(home, name), []byte(text), 0o640))
	}
	give(t, home, who)
	return home, who
}

// give gives all below a folder to an account.
func give(t *testing.T, home string, who Account) {
	t.Helper()
	if !who.Switch {
		return
	}
	require.NoError(t, filepath.WalkDir(home, func(path string, _ os.DirEntry, err error) error {
		require.NoError(t, err)
		return os.Lchown(path, int(who.UID), int(who.GID))
	}))
}

func ask(t *testing.T, who Account, request Request) Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := Ask(ctx, who, request)
	require.NoError(t, err)
	return answer
}

// TestOneHelperAnswersSeveralRequests: a start of this program costs more than a look.
func TestOneHelperAnswersSeveralRequests(t *testing.T) {
	home, who := newHome(t, map[string]string{"gateway_state.json": `{"gateway_state": "running"}`})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	helpers := &Helpers{}
	defer helpers.Close()
	var first *helper
	for range 3 {
		answer, err := helpers.Ask(ctx, who, Request{Home: home, Recall: []string{"default"}})
		require.NoError(t, err)
		require.True(t, answer.States["default"].Up)
		require.Len(t, helpers.idle, 1)
		if first == nil {
			first = helpers.idle[who.key()]
		}
		require.Same(t, first, helpers.idle[who.key()])
	}
	// Of one that its user has ended nothing is asked.
	require.True(t, first.child.End())
	_, err := helpers.Ask(ctx, who, Request{Home: home, Recall: []string{"default"}})
	require.NoError(t, err)
	second := helpers.idle[who.key()]
	require.NotSame(t, first, second)
	// One that did not answer in time would answer the next request with what was asked before.
	ended, end := context.WithCancel(ctx)
	end()
	_, err = helpers.Ask(ended, who, Request{Home: home, Recall: []string{"default"}})
	if err != nil { // else it was faster than to look at ctx
		require.ErrorIs(t, err, context.Canceled)
		require.Empty(t, helpers.idle)
	}
	last := helpers.idle[who.key()]
	helpers.Close()
	require.Empty(t, helpers.idle)
	require.True(t, second.child.Ended())
	require.True(t, last == nil || last.child.Ended())
}

func TestRecall(t *testing.T) {
	home, who := newHome(t, map[string]string{
		"gateway_state.json":                   `{"gateway_state": "running"}`,
		"profiles/coder/gateway_state.json":    `{"desired_state": "stopped"}`,
		"profiles/huge/gateway_state.json":     strings.Repeat(" ", maxState+1),
		"profiles/folder/gateway_state.json/x": "",
	})
	require.NoError(t, os.Mkdir(filepath.Join(home, "profiles/fifo"), 0o755))
	require.NoError(t, unix.Mkfifo(filepath.Join(home, "profiles/fifo/gateway_state.json"), 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(home, "profiles/device"), 0o755))
	require.NoError(t, os.Symlink("/dev/zero", filepath.Join(home, "profiles/device/gateway_state.json")))
	require.NoError(t, os.Symlink("..", filepath.Join(home, "profiles/loop")))
	give(t, home, who)
	answer := ask(t, who, Request{Home: home, Recall: []string{"default", "coder", "huge", "folder", "fifo", "device", "loop", "none"}})
	want := map[string]State{
		"default": {Up: true, Why: "gateway_state is running"},
		"coder":   {Up: false, Why: "desired_state is stopped"},
		"huge":    {Up: false, Why: "gateway_state.json cannot be read: it has more than 1048576 bytes"},
		"folder":  {Up: false, Why: "gateway_state.json cannot be read: it is not a regular file"},
		"fifo":    {Up: false, Why: "gateway_state.json cannot be read: it is not a regular file"},
		"device":  {Up: false, Why: "gateway_state.json cannot be read: it is not a regular file"},
		"loop":    {Up: true, Why: "gateway_state is running"},
		"none":    {Up: false, Why: "there is no gateway_state.json"},
	}
	require.Empty(t, cmp.Diff(want, answer.States))
}

// TestWhatCannotBeReadNowIsUnknown: an error that may be gone the next time says nothing of a
// state.
func TestWhatCannotBeReadNowIsUnknown(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EIO, unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ESTALE} {
		require.False(t, tells(&os.PathError{Op: "read", Path: "x", Err: errno}), "%v", errno)
	}
	var before, now unix.Rlimit
	home, _ := newHome(t, map[string]string{"gateway_state.json": `{"gateway_state": "running"}`})
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &before))
	now = before
	now.Cur = 0
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &now))
	state := carryOut(Request{Home: home, Recall: []string{"default"}}).States["default"]
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &before))
	why := "gateway_state.json cannot be read: too many open files"
	require.Equal(t, State{Why: why, Unknown: true}, state)
}

// TestOnlyWhatItsUserMayDoIsDone: behind a symlink of the user's stands a file of root's.
func TestOnlyWhatItsUserMayDoIsDone(t *testing.T) {
	if os.Getuid() != 0 {
		return // one user alone has no others
	}
	secret := t.TempDir()
	state := filepath.Join(secret, "gateway_state.json")
	require.NoError(t, os.WriteFile(state, []byte(`{"gateway_state": "running"}`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(secret, "gateway.pid"), nil, 0o600))
	home, who := newHome(t, map[string]string{"profiles/x/y": ""})
	require.NoError(t, os.Symlink(secret, filepath.Join(home, "profiles/coder")))
	require.NoError(t, os.Symlink(secret, filepath.Join(home, "logs")))
	answer := ask(t, who, Request{
		Home: home, Recall: []string{"coder"}, Sweep: []string{"coder"}, Wishes: map[string]bool{"coder": true},
		Report: &Report{File: home + "/logs/report", Text: "x\n", Limit: 100},
	})
	require.False(t, answer.States["coder"].Up)
	require.Contains(t, answer.States["coder"].Why, "permission denied")
	require.Len(t, answer.Faults, 3, "%v", answer.Faults) // the pid file, the wish, the report
	entries, err := os.ReadDir(secret)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	data, err := os.ReadFile(state)
	require.NoError(t, err)
	require.Equal(t, `{"gateway_state": "running"}`, string(data))
}

func TestSweep(t *testing.T) {
	stat, err := os.ReadFile("/proc/self/stat")
	require.NoError(t, err)
	started := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))[19]
	home, who := newHome(t, map[string]string{
		"gateway.pid": "1\n", "processes.json": "[]", "kept.json": "",
		"profiles/coder/gateway.pid":    `{"pid": ` + strconv.Itoa(os.Getpid()) + `, "start_time": 1}`,
		"profiles/live/gateway.pid":     `{"pid": ` + strconv.Itoa(os.Getpid()) + `, "start_time": ` + started + `}`,
		"profiles/live/processes.json":  "[]",
		"profiles/other/processes.json": "[]",
	})
	answer := ask(t, who, Request{Home: home, Sweep: []string{"default", "coder", "live", "missing"}})
	want := map[string][]string{"default": {"gateway.pid", "processes.json"}, "coder": {"gateway.pid"}}
	require.Empty(t, cmp.Diff(want, answer.Swept))
	require.Len(t, answer.Faults, 1)
	require.Contains(t, answer.Faults[0], "runs outside of s6")
	for _, kept := range []string{"kept.json", "profiles/live/gateway.pid", "profiles/live/processes.json", "profiles/other/processes.json"} {
		require.FileExists(t, filepath.Join(home, kept))
	}
	require.NoFileExists(t, filepath.Join(home, "gateway.pid"))
}

func TestWish(t *testing.T) {
	home, who := newHome(t, map[string]string{
		"gateway_state.json":                 `{"gateway_state": "stopped", "n": 12345678901234567890, "o": {"a": [1.50]}}`,
		"profiles/broken/gateway_state.json": `{"gateway_st`,
		"profiles/new/x":                     "",
	})
	answer := ask(t, who, Request{Home: home, Wishes: map[string]bool{"default": true, "broken": false, "new": true, "missing": true}})
	require.Empty(t, answer.Faults)
	require.NoDirExists(t, filepath.Join(home, "profiles/missing"))
	for name, want := range map[string]string{
		"gateway_state.json":                 `{"gateway_state": "stopped", "n": 12345678901234567890, "o": {"a": [1.50]}, "desired_state": "running"}`,
		"profiles/broken/gateway_state.json": `{"desired_state":"stopped"}` + "\n",
		"profiles/new/gateway_state.json":    `{"desired_state":"running"}` + "\n",
	} {
		data, err := os.ReadFile(filepath.Join(home, name))
		require.NoError(t, err)
		require.Equal(t, want, string(data), name)
	}
	info, err := os.Stat(filepath.Join(home, "gateway_state.json"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode())
	entries, err := os.ReadDir(home)
	require.NoError(t, err)
	require.Len(t, entries, 2, "a temporary file is left")

	require.NoError(t, os.Remove(filepath.Join(home, "profiles/new/gateway_state.json")))
	require.NoError(t, unix.Mkfifo(filepath.Join(home, "profiles/new/gateway_state.json"), 0o644))
	answer = ask(t, who, Request{Home: home, Wishes: map[string]bool{"new": true}})
	require.Len(t, answer.Faults, 1, "%v", answer.Faults)
	require.Contains(t, answer.Faults[0], `cannot record what new should be in "`+home+`/profiles/new/gateway_state.json": it is not a regular file`)
}

func TestReport(t *testing.T) {
	home, who := newHome(t, nil)
	line := strings.Repeat("x", 29) + "\n"
	for range 8 {
		ask(t, who, Request{Home: home, Report: &Report{File: home + "/logs/r.log", Text: line, Limit: 100}})
	}
	now, err := os.ReadFile(filepath.Join(home, "logs/r.log"))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat(line, 2), string(now))
	before, err := os.ReadFile(filepath.Join(home, "logs/r.log.1"))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat(line, 3), string(before))

	require.NoError(t, os.Remove(filepath.Join(home, "logs/r.log")))
	require.NoError(t, unix.Mkfifo(filepath.Join(home, "logs/r.log"), 0o666))
	answer := ask(t, who, Request{Home: home, Report: &Report{File: home + "/logs/r.log", Text: line, Limit: 100}})
	require.Len(t, answer.Faults, 1)
	require.Contains(t, answer.Faults[0], "cannot write the report")
}

// TestNoAnswerInTime: what the disk does is out of our hands, when we go on is not.
func TestNoAnswerInTime(t *testing.T) {
	silent, w, err := os.Pipe()
	require.NoError(t, err)
	defer silent.Close()
	defer w.Close()
	r, asking, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer asking.Close()
	one := &helper{asking: asking, answers: silent}
	for _, request := range []string{"{}", strings.Repeat(" ", 1<<20)} { // a pipe holds less than that
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err = one.ask(ctx, []byte(request))
		require.ErrorContains(t, err, "the disk does not answer in time")
		require.NoError(t, asking.SetWriteDeadline(time.Time{}))
		require.NoError(t, silent.SetReadDeadline(time.Time{}))
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	w.Close()
	_, err = one.ask(t.Context(), []byte("{}"))
	require.ErrorContains(t, err, "no answer from the process that looks there")
}

// TestNothingOfOursIsHandedOn: a file that was left open for this program is not for the user.
func TestNothingOfOursIsHandedOn(t *testing.T) {
	home, who := newHome(t, nil)
	fd, err := unix.Open("/dev/null", unix.O_RDONLY, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	ask(t, who, Request{Home: home})
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	require.NoError(t, err)
	require.NotZero(t, flags&unix.FD_CLOEXEC)
}
