//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/stretchr/testify/require"
)

// screen is a terminal of a size, as tmux draws it.
type screen struct {
	tr     *tree
	socket string
}

// screen starts the program on a terminal, or a shell where that is asked for. Variables
// are NAME=VALUE, and go before others.
func (tr *tree) screen(width, height int, variables []string, args ...string) *screen {
	tr.t.Helper()
	s := &screen{tr, tr.path("tmux")}
	argv := append([]string{"env"}, variables...)
	if args[0] != "sh" {
		argv = append(argv, program)
	}
	argv = append(argv, args...)
	// The pane stays when the program has ended: what it has shown last is there to be seen.
	s.tmux("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height),
		shellQuoted(argv)+"; echo \"exit $?\"; exec sleep 3600")
	tr.t.Cleanup(func() { _ = exec.Command(tools["tmux"], "-S", s.socket, "kill-server").Run() })
	return s
}

// shellQuoted are words of a shell.
func shellQuoted(words []string) string {
	var quoted []string
	for _, word := range words {
		quoted = append(quoted, "'"+strings.ReplaceAll(word, "'", `'\''`)+"'")
	}
	return strings.Join(quoted, " ")
}

// tmux runs a command of tmux.
func (s *screen) tmux(args ...string) string {
	s.tr.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), maxRun)
	defer cancel()
	cmd := s.tr.command(ctx, tools["tmux"], append([]string{"-S", s.socket}, args...)...)
	out, err := cmd.CombinedOutput()
	require.NoError(s.tr.t, err, "tmux %q: %s", args, out)
	return string(out)
}

// text is what the terminal shows, a line each, without blanks at their ends.
func (s *screen) text() string {
	s.tr.t.Helper()
	var lines []string
	for line := range strings.Lines(s.tmux("capture-pane", "-p")) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// shows waits until the terminal shows what is right, and returns it all.
func (s *screen) shows(what string, right func(text string) bool) string {
	s.tr.t.Helper()
	var text string
	if !poll(patience, func() bool { text = s.text(); return right(text) }) {
		require.FailNow(s.tr.t, "the terminal does not show "+what, text)
	}
	return text
}

// typed presses keys, as tmux names them.
func (s *screen) typed(keys ...string) {
	s.tr.t.Helper()
	s.tmux(append([]string{"send-keys"}, keys...)...)
}

// resize gives the terminal another size.
func (s *screen) resize(width, height int) {
	s.tr.t.Helper()
	s.tmux("resize-window", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height))
}
