// Package kit is what the end-to-end tests share: those on an s6-svscan of their own (e2e) and
// those in containers (e2e/docker). It imports nothing of the project.
package kit

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Start is what the stub wrote down when it was started.
type Start struct {
	PID    int      `json:"pid"`
	PPID   int      `json:"ppid"`
	Argv   []string `json:"argv"`
	Env    []string `json:"env"`
	Cwd    string   `json:"cwd"`
	UID    int      `json:"uid"`
	GID    int      `json:"gid"`
	Groups []int    `json:"groups"`
	Time   int64    `json:"time"`
}

// Stop is what the stub wrote down at SIGTERM ("term") or SIGUSR1 ("usr1") and at its end ("exit").
type Stop struct {
	PID   int    `json:"pid"`
	Event string `json:"event"`
	Lines int    `json:"lines"`
	Time  int64  `json:"time"`
}

// Records reads one JSON value a line. A last line without an end is being written.
func Records[T any](t testing.TB, data []byte) []T {
	t.Helper()
	var found []T
	for line := range strings.Lines(string(data)) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		var v T
		require.NoError(t, json.Unmarshal([]byte(line), &v), "%q", line)
		found = append(found, v)
	}
	return found
}

// Patience is how long a test waits for what has to happen some time. That it does is tested, and
// not how fast the machine is: on one core beside other work, or where each system call is slow, a
// second's work may take a minute. Where a test shows that something does not wait for a limit,
// that limit is made much longer than this.
const Patience = 2 * time.Minute

// Poll reports whether cond held before the deadline.
func Poll(deadline time.Duration, cond func() bool) bool {
	return PollEvery(3*time.Millisecond, deadline, cond)
}

// PollEvery is for conditions that cost something. It is the one place that sleeps.
func PollEvery(interval, deadline time.Duration, cond func() bool) bool {
	for end := time.Now().Add(deadline); !cond(); time.Sleep(interval) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// Eventually polls cond until it holds, and fails the test after the deadline.
func Eventually(t testing.TB, deadline time.Duration, cond func() bool, what string) {
	t.Helper()
	require.True(t, Poll(deadline, cond), "not within %v: %s", deadline, Clip(what, maxLines))
}

// Tail is the last lines of a text.
func Tail(s string, lines int) string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return strings.Join(all, "\n")
}

// maxLines is how much of a text a failing test shows.
const maxLines = 20

// Clip is the beginning and the end of a text that is too long to be read.
func Clip(s string, lines int) string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, line := range all {
		const columns = 300
		if len(line) > columns {
			all[i] = fmt.Sprintf("%s ... %d more bytes", line[:columns], len(line)-columns)
		}
	}
	if more := len(all) - lines; more > 0 {
		begin := append([]string{}, all[:lines/4]...)
		all = append(append(begin, fmt.Sprintf("... %d more lines ...", more)), all[len(all)-(lines-lines/4):]...)
	}
	return strings.Join(all, "\n")
}

// GoTool runs the go command.
func GoTool(env []string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Env = append(cmd.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return nil
}
