//go:build docker

package docker

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestExitCodeOfTheMainProgram: the container ends with it, and passes its exit code on.
func TestExitCodeOfTheMainProgram(t *testing.T) {
	t.Parallel()
	c := start(t, "", options{command: []string{"/command/with-contenv", "sh", "-c", `echo "home: $HERMES_HOME"; exit 7`}})
	require.Equal(t, 7, c.exitCode())
	c.logs("home: /opt/data\n")
}

// TestTerminalOfTheMainProgram: with -t the main program has a real terminal, with stdin.
func TestTerminalOfTheMainProgram(t *testing.T) {
	t.Parallel()
	c := create(t, "", options{flags: []string{"--tty", "--interactive"}, command: []string{
		"sh", "-c", `tty; stty size; read -r word; echo "got $word"`}})
	cmd := exec.Command("docker", "start", "--attach", "--interactive", c.name)
	stdin, master := terminal(t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdin, stdin
	require.NoError(t, cmd.Start())
	require.NoError(t, stdin.Close())
	said := collect(master)
	eventually(t, func() bool { return strings.Contains(said(), "/dev/pts/0") }, "a terminal")
	fmt.Fprintln(master, "hello")
	require.NoError(t, cmd.Wait(), "%s", said())
	eventually(t, func() bool { return strings.Contains(said(), "got hello") }, "an answer to what was typed")
}

// TestOrphansAreReaped: what loses its parent becomes a child of PID 1, which leaves no zombie.
func TestOrphansAreReaped(t *testing.T) {
	t.Parallel()
	c := start(t, "", options{})
	c.booted()
	c.must("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.$i & ); done")
	eventually(t, func() bool {
		left := c.must("ps", "-o", "stat,args")
		return !strings.Contains(left, "sleep 0.") && !strings.Contains(left, "Z ")
	}, "no orphan and no zombie")
}

// TestStdioStaysBlocking: gateways' loggers share the container's stdout, which may be the main
// program's terminal, and leave it as it was: a program that finds it non-blocking reads and writes
// nothing.
func TestStdioStaysBlocking(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{"terminal": {"--tty"}, "pipe": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, "version: 1\nprofiles:\n  loud:\n  quiet: {log: {stdout: false}}\n", options{flags: flags})
			for _, profile := range []string{"loud", "quiet"} {
				eventually(t, func() bool { return strings.Contains(c.logOf(profile), "started on stderr") }, profile+" logs")
			}
			c.logs("[loud] loud: started on stderr")
			require.NotContains(t, c.log(), "[quiet]")
			for _, fd := range []string{"0", "1", "2"} {
				found := regexp.MustCompile(`(?m)^flags:\s+(\d+)$`).FindStringSubmatch(c.must("cat", "/proc/1/fdinfo/"+fd))
				require.NotNil(t, found)
				mode, err := strconv.ParseInt(found[1], 8, 64)
				require.NoError(t, err)
				require.Zero(t, mode&unix.O_NONBLOCK, "file descriptor %s of PID 1: %s", fd, found[1])
			}
		})
	}
}
