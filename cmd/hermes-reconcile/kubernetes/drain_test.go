//go:build unix

package kubernetes

import (
	"bufio"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

// TestHookWaitsForTheEndOfTheDrain runs the hook against a process of its own instead of the first
// one of a container.
func TestHookWaitsForTheEndOfTheDrain(t *testing.T) {
	for takes, script := range map[string]string{
		"ends":     `trap 'exit 75' USR1; echo; while :; do sleep 0.05; done`,
		"too long": `trap '' USR1; echo; while :; do sleep 0.05; done`,
		"deaf":     `echo; exec sleep 600`, // the signal ends it
	} {
		gateway := exec.Command("/bin/sh", "-c", script)
		out, err := gateway.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, gateway.Start())
		ended := make(chan error, 1)
		_, err = bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		go func() { ended <- gateway.Wait() }()

		argv := drainHook(&manifest.Drain{Signal: "SIGUSR1", Timeout: 2 * time.Second}).PreStop.Exec.Command
		pid := strconv.Itoa(gateway.Process.Pid)
		hook := exec.Command(argv[0], argv[1], strings.NewReplacer(`"$1" 1 `, `"$1" `+pid+` `, "kill -0 1;", "kill -0 "+pid+";").Replace(argv[2]), argv[3], argv[4], argv[5])
		require.NoError(t, hook.Run(), takes)
		if takes == "too long" {
			require.Empty(t, ended)
			require.NoError(t, gateway.Process.Kill())
		}
		<-ended
	}
}
