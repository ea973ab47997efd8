//go:build linux

package homes

import (
	"os"
	"os/user"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/home"
)

// The children that answer are this test program, too.
func TestMain(m *testing.M) {
	if home.Serves(os.Args) {
		_ = home.Serve(os.Stdin, os.Stdout) // the parent sees by a missing answer that it failed
		return
	}
	os.Exit(m.Run())
}

// TestAnswersAreOfOnesOwnProfilesAlone: any process with the credentials of a gateway's user may
// have sent an answer.
func TestAnswersAreOfOnesOwnProfilesAlone(t *testing.T) {
	whole := answers{home.Answer{States: map[string]home.State{}, Swept: map[string][]string{}, Found: map[string]home.Finding{}}}
	whole.take([]string{"mine"}, home.Answer{
		States: map[string]home.State{"mine": {Up: true, Why: "a\nhermes-reconcile: error: b\x1b[2J"}, "yours": {Up: true}},
		Swept:  map[string][]string{"mine": {"gateway.pid"}, "yours": {"x"}},
		Faults: []string{"1", "2", "3", "4", "5", strings.Repeat("x", 5000)},
		Found: map[string]home.Finding{
			"mine":  {Faults: []string{"a\nb", "2", "3", "4"}, Served: []string{"\x1b"}, Mute: strings.Repeat("x", 5000), Unknown: "\x07"},
			"yours": {Faults: []string{"x"}},
		},
	})
	require.Empty(t, cmp.Diff(home.Answer{
		States: map[string]home.State{"mine": {Up: true, Why: `a hermes-reconcile: error: b\x1b[2J`}},
		Swept:  map[string][]string{"mine": {"gateway.pid"}},
		Faults: []string{"1", "2", "3", "4"},
		Found:  map[string]home.Finding{"mine": {Faults: []string{"a b", "2", "3"}, Served: []string{`\x1b`}, Mute: strings.Repeat("x", 500) + "...", Unknown: `\x07`}},
	}, whole.Answer))
	require.LessOrEqual(t, len(Short(strings.Repeat("\u00e9", 5000))), 510)
}

// TestSilentDiskIsAskedOnce: each question would cost the same time.
func TestSilentDiskIsAskedOnce(t *testing.T) {
	who, err := user.Current()
	require.NoError(t, err)
	h := &Homes{Path: t.TempDir(), Users: map[string]string{"a": who.Username}}
	ask := func(limit time.Duration) string {
		h.Limit = limit
		answer := h.Ask(t.Context(), []string{"a"}, func(p []string) home.Request { return home.Request{Recall: p} })
		return answer.States["a"].Why
	}
	require.Equal(t, "there is no gateway_state.json", ask(time.Minute))
	require.Contains(t, ask(time.Nanosecond), home.ErrSilent.Error())
	require.Contains(t, ask(time.Minute), home.ErrSilent.Error())
	h.Silent.Store(false)
	require.Equal(t, "there is no gateway_state.json", ask(time.Minute))
}
