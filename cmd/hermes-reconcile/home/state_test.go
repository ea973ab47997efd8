//go:build linux

package home

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKeysOfAStateFileCompareExactly: a key that only looks like the one that counts is another
// one.
func TestKeysOfAStateFileCompareExactly(t *testing.T) {
	for text, up := range map[string]bool{
		`{"desired_state": "running", "de\u017fired_state": "stopped"}`: true,
		`{"desired_state": "stopped", "de\u017fired_state": "running"}`: false,
		`{"desired_state": "running", "Desired_State": "stopped"}`:      true,
		`{"DESIRED_STATE": "stopped", "gateway_state": "running"}`:      true,
		`{"gateway_state": "running", "GATEWAY_STATE": "stopped"}`:      true,
		`{"desired_state": "stopped", "desired_state": "running"}`:      true,
		`{"desired\u005fstate": "running"}`:                             true,
		`{"load": NaN, "desired_state": "running"}`:                     true,
		"\ufeff" + `{"desired_state": "running"}`:                       true,
	} {
		require.Equal(t, up, ParseState([]byte(text)).Up, text)
	}
	served, err := ParseServed([]byte(`{"served_profiles": ["a"], "\u017ferved_profiles": ["b"], "Served_Profiles": ["c"]}`))
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, served)
	pid, start := parsePIDFile([]byte(`{"pid": 7, "PID": 8, "start_time": 9, "\u017ftart_time": 10}`))
	require.Equal(t, 7, pid)
	require.EqualValues(t, 9, start)
}

// TestWishLosesNothing of what another program has written.
func TestWishLosesNothing(t *testing.T) {
	large := `{"text": "` + strings.Repeat("x", maxState-200) + `", "end": 1}`
	for before, after := range map[string]string{
		"\ufeff" + `{"n":1}`:                                          "\ufeff" + `{"n":1,"desired_state":"running"}`,
		`{"de\u017fired_state": "stopped", "n": 1e400}`:               `{"de\u017fired_state": "stopped", "n": 1e400, "desired_state": "running"}`,
		`{"desired_state":"stopped","n":{"b":1,"a":2.50,"b":3}}`:      `{"desired_state":"running","n":{"b":1,"a":2.50,"b":3}}`,
		`{"desired_state":"stopped","desired_state":"stopped","z":0}`: `{"desired_state":"running","desired_state":"running","z":0}`,
		`{"load": [NaN, -Infinity], "t": "\ud800"}`:                   `{"load": [NaN, -Infinity], "t": "\ud800", "desired_state": "running"}`,
		large: strings.TrimSuffix(large, "}") + `, "desired_state": "running"}`,
	} {
		home, who := newHome(t, map[string]string{stateFile: before})
		answer := ask(t, who, Request{Home: home, Wishes: map[string]bool{rootProfile: true}})
		require.Empty(t, answer.Faults)
		data, err := os.ReadFile(filepath.Join(home, stateFile))
		require.NoError(t, err)
		require.True(t, string(data) == after, "%.300q", data)
		require.True(t, ParseState(data).Up)
	}
}

// TestRetiredGatewaysAreRecordedWhereThereIsARecord, and nowhere else.
func TestRetiredGatewaysAreRecordedWhereThereIsARecord(t *testing.T) {
	home, who := newHome(t, map[string]string{stateFile: `{"gateway_state":"running"}`, "profiles/new/SOUL.md": ""})
	answer := ask(t, who, Request{Home: home, Retire: []string{rootProfile, "new", "missing"}})
	require.Empty(t, answer.Faults)
	data, err := os.ReadFile(filepath.Join(home, stateFile))
	require.NoError(t, err)
	require.Equal(t, `{"gateway_state":"running","desired_state":"stopped"}`, string(data))
	require.NoFileExists(t, filepath.Join(home, "profiles/new", stateFile))
	require.NoDirExists(t, filepath.Join(home, "profiles/missing"))
}

// TestWishThatWouldMakeTheFileTooLong is not recorded: no program would read the file any more.
func TestWishThatWouldMakeTheFileTooLong(t *testing.T) {
	before := `{"text": "` + strings.Repeat("x", maxState-12) + `"}`
	require.Len(t, before, maxState)
	home, who := newHome(t, map[string]string{stateFile: before})
	answer := ask(t, who, Request{Home: home, Wishes: map[string]bool{rootProfile: true}})
	require.Len(t, answer.Faults, 1)
	require.Contains(t, answer.Faults[0], "it would have more than 1048576 bytes")
	data, err := os.ReadFile(filepath.Join(home, stateFile))
	require.NoError(t, err)
	require.True(t, before == string(data))
}

// FuzzState: a wish is read back from any file.
func FuzzState(f *testing.F) {
	for _, seed := range []string{
		`{"desired_state": "running"}`, `{"gateway_state": "draining", "served_profiles": ["a"]}`, "\ufeff{}", `{"de\u017fired_state": "x"}`,
		`{"desired_state": null, "desired_state": 1}`, `{"pid": 1, "start_time": 2}`, `[]`, ``, `{"a": NaN, "b": {"c": [1, "\ud800"]}}`,
	} {
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, up bool) {
		before := bytes.Clone(data)
		ParseState(data)
		_, _ = ParseServed(data)
		parsePIDFile(data)
		wished, err := withWish(data, up)
		if err != nil {
			return
		}
		if !bytes.Equal(data, before) {
			t.Fatalf("%q became %q", before, data)
		}
		if got := ParseState(wished); got.Up != up {
			t.Fatalf("%q became %q: %v", data, wished, got)
		}
	})
}

// FuzzLogNames: of a folder of logs those files are read that s6-log names so, in the order of
// their times, and no others.
func FuzzLogNames(f *testing.F) {
	for _, seed := range []string{"@400000006b050113354f4768.s", "@400000006b050113354f4768.u", "current", "previous", "lock", "@4/../../../../../../../.s", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if !isRotated(name) {
			return
		}
		if strings.ContainsAny(name, "/\x00") || len(name) != 27 || name[0] != '@' || strings.Trim(name[1:25], "0123456789abcdef") != "" {
			t.Fatalf("%q is taken for a log", name)
		}
	})
}
