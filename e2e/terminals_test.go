//go:build e2e

package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// terminals are those on which all that colors or draws is tried.
var terminals = []struct {
	name      string
	width     int
	variables []string
	colored   bool
	draws     bool // a line may be written anew
}{
	{"80 columns", 80, []string{"TERM=tmux"}, true, true},
	{"60 columns", 60, []string{"TERM=tmux"}, true, true},
	{"NO_COLOR", 60, []string{"TERM=tmux", "NO_COLOR=1"}, false, true},
	{"dumb", 60, []string{"TERM=dumb"}, false, false},
	{"C", 80, []string{"TERM=tmux", "LANG=C", "LC_ALL=C"}, true, true},
}

// TestEachCommandOnEachTerminal: what a command prints there is what it prints to a file, with colors
// where they are understood and wanted, in letters that each terminal has.
func TestEachCommandOnEachTerminal(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	tr.manifest(`alpha: {env: {TONE: dry}}
beta: {}`)
	tr.mustApply()
	tr.started("alpha", 1)
	tr.manifest(`alpha: {env: {TONE: warm}}
beta: {state: down}`)
	colored := map[string]bool{}
	s := tr.screen(80, 50, nil, "sh")
	for _, terminal := range terminals {
		s.resize(terminal.width, 50)
		for command, says := range map[string]string{
			"diff":            "env.TONE: dry -> warm",
			"apply --dry-run": "1 to update, 1 to stop",
			"status":          "2 gateways: 2 up",
			"logs --all":      "beta  |",
			"doctor":          "the programs of s6 are in",
			"aply":            "did you mean hermes-reconcile apply?",
		} {
			text, raw := s.ran(terminal.variables, command)
			require.Contains(t, text, says, "%s: %s", terminal.name, command)
			colors := strings.Contains(raw, "\x1b[3") || strings.Contains(raw, "\x1b[1")
			require.False(t, colors && !terminal.colored, "%s: %s: %q", terminal.name, command, raw)
			colored[command] = colored[command] || colors
			if !terminal.draws {
				require.NotContains(t, raw, "\x1b", "%s: %s", terminal.name, command)
			}
			require.NotRegexp(t, `[^\x00-\x7f]`, raw, "%s: %s", terminal.name, command)
			if command == "status" || command == "doctor" {
				for line := range strings.Lines(plain(raw)) {
					require.LessOrEqual(t, len(strings.TrimRight(line, "\r\n")), terminal.width, "%s: %q", terminal.name, line)
				}
			}
			if command == "diff" {
				printed := tr.must("diff").stdout
				require.Contains(t, strings.ReplaceAll(plain(raw), "\r\n", "\n"), printed, terminal.name)
			}
		}
	}
	require.Equal(t, map[string]bool{
		"diff": true, "apply --dry-run": true, "status": true, "logs --all": true, "doctor": false, "aply": false,
	}, colored)
}

// ran runs a command in the shell of a screen, and returns what the screen shows of it and what was
// sent there.
func (s *screen) ran(variables []string, command string) (text, raw string) {
	s.tr.t.Helper()
	record := s.tr.path("sent")
	require.NoError(s.tr.t, os.WriteFile(record, nil, 0o600))
	s.typed("clear; echo cleared", "Enter")
	s.shows("nothing else", func(text string) bool {
		return strings.HasPrefix(text, "cleared\n") && !strings.Contains(text, "ended:")
	})
	s.tmux("pipe-pane", "cat >>"+shellQuoted([]string{record}))
	s.typed("env "+shellQuoted(append(variables, program))+" "+command+"; echo ended: $?", "Enter")
	ended := regexp.MustCompile(`(?m)^ended: \d+$`)
	text = s.shows("the end of "+command, ended.MatchString)
	s.tmux("pipe-pane")
	var sent []byte
	eventually(s.tr.t, patience, func() bool {
		var err error
		sent, err = os.ReadFile(record)
		require.NoError(s.tr.t, err)
		return regexp.MustCompile(`(?m)^ended: \d+\r$`).Match(sent)
	}, "all of "+command+" is recorded")
	_, answer, _ := strings.Cut(string(sent), "echo ended: $?")
	return text, answer
}

// plain is what was sent to a terminal without what colors it and clears lines.
func plain(sent string) string {
	return regexp.MustCompile(`(\r\x1b\[K[^\r\n]*)?\r\x1b\[K|\x1b\[[0-9;?]*[a-zA-Z]`).ReplaceAllString(sent, "")
}
