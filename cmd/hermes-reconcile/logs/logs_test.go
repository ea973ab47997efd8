//go:build linux

package logs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/loglines"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
)

// requireUsage wants an error that the user can mend.
func requireUsage(t *testing.T, err error) {
	t.Helper()
	var wrong *usage.Error
	require.ErrorAs(t, err, &wrong)
}

// requireNoUsage wants one that may be gone at the next try.
func requireNoUsage(t *testing.T, err error) {
	t.Helper()
	var wrong *usage.Error
	require.Error(t, err)
	require.False(t, errors.As(err, &wrong), err)
}

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
		got, err := Options{Lines: c.lines, Follow: c.follow}.count()
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%+v", c)
	}
	for _, wrong := range []string{"-1", "ten", "1.5", "99999999999999999999"} {
		_, err := Options{Lines: wrong}.count()
		require.EqualError(t, err, `--lines: "`+wrong+`" is not known (want a number of lines, or all)`)
		requireUsage(t, err)
	}
}

func TestTextIsChangedForAReaderAlone(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/file")
	require.NoError(t, err)
	defer file.Close()
	out := Output{Writer: file, File: file}
	text, _ := out.text()
	require.Equal(t, home.Text{Writer: file, File: file}, text)
	out.Seen = true
	text, end := out.text()
	require.Nil(t, text.File)
	_, err = text.Write([]byte("\x1b[2J\xf0"))
	require.NoError(t, err)
	require.NoError(t, end())
	got, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	require.Equal(t, `\x1b[2J\xf0`, string(got))
}

func TestEndOfALog(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	once := Log{profile: "coder", Log: home.Log{Folder: "/logs/coder"}}
	follow := once
	follow.Follow = true
	require.NoError(t, once.why(t.Context(), nil))
	require.NoError(t, follow.why(ended, context.Canceled))
	require.ErrorIs(t, once.why(ended, context.Canceled), reconcile.ErrInterrupted)
	err := once.why(t.Context(), home.ErrNoLog)
	require.EqualError(t, err, `coder has no log yet: nothing was written to "/logs/coder"`)
	requireNoUsage(t, err)
	err = follow.why(t.Context(), errors.New("open /logs/coder/current: a\n\x1b[2J"+strings.Repeat("x", 5000)))
	require.ErrorContains(t, err, `cannot read the log of coder: open /logs/coder/current: a \x1b[2Jx`)
	require.Less(t, len(err.Error()), 600)
	requireNoUsage(t, err)
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
	scandir, err := deploy.Look(dir)
	require.NoError(t, err)
	defer scandir.Close()
	named := &manifest.Manifest{Profiles: []manifest.Profile{{Name: "a", User: "nobody"}}}
	uid := func(s reconcile.Service, m *manifest.Manifest) uint32 {
		who, err := readerOf(scandir, s, m)
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
		_, err := readerOf(scandir, s, nil)
		require.ErrorContains(t, err, "cannot tell which user the log of gateway-a belongs to")
		requireUsage(t, err)
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
	l := &merged{faults: map[int]string{}, missing: map[int]bool{}}
	for i := range 300 {
		l.logs = append(l.logs, Log{profile: fmt.Sprintf("p%d", i)})
		l.faults[i] = fmt.Sprintf("open /logs/p%d: %v", i, unix.EACCES)
	}
	err := l.conclude(t.Context(), false, nil)
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 6, err)
	require.Equal(t, "cannot read the log of p0: open /logs/p0: permission denied", lines[0])
	require.Equal(t, "cannot read the logs of 295 more gateways", lines[5])
	require.Contains(t, usage.HintOf(err), "run it as the user that s6-svscan runs as")
	require.Empty(t, usage.HintOf(Log{profile: "a"}.unread("its disk does not answer")))
}

// TestLinesOfLogsAsJSON: an object a line, with the time apart from the text.
func TestLinesOfLogsAsJSON(t *testing.T) {
	var schema any
	require.NoError(t, json.Unmarshal(explain.LogSchema, &schema))
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("log.json", schema))
	compiled, err := compiler.Compile("log.json")
	require.NoError(t, err)
	var out bytes.Buffer
	l := &merged{
		logs: []Log{{profile: "a"}, {profile: "b"}}, lines: home.AllLines, objects: true, prefix: true,
		out: bufio.NewWriter(&out),
	}
	at := time.Date(2026, 11, 28, 8, 1, 2, 5, time.UTC)
	require.NoError(t, l.take([]loglines.Line{
		{Log: 0, Text: []byte("early \x1b[2J \xff")},
		{Log: 1, Time: at, Text: []byte("2026-11-28 08:01:02.000000005    at <main>")},
		{Log: 1, Time: at, Text: []byte("@400000006a00000000000001 one")},
	}))
	require.NoError(t, l.out.Flush())
	var got []explain.LogLine
	for line := range strings.Lines(out.String()) {
		var one explain.LogLine
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		require.NoError(t, err)
		require.NoError(t, compiled.Validate(value))
		require.NoError(t, json.Unmarshal([]byte(line), &one))
		got = append(got, one)
	}
	const when = "2026-11-28T08:01:02.000000005Z"
	require.Equal(t, []explain.LogLine{
		{Profile: "a", Text: "early \x1b[2J \ufffd"},
		{Profile: "b", Time: when, Text: "  at <main>"},
		{Profile: "b", Time: when, Text: "one"},
	}, got)
}
