//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// flood keeps the control FIFO of a profile's gateway full, as its user can, until it is stopped or
// the test ends. s6-supervise knows no command of this kind, and reads one after the other.
func (tr *tree) flood(profile string, nice int) (stop func()) {
	tr.t.Helper()
	var ends []func()
	control := tr.dir(profile, "supervise", "control")
	for range 3 {
		cmd := exec.Command("/bin/sh", "-c", `exec nice -n "$1" cat /dev/zero >"$0"`, control, strconv.Itoa(nice))
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if os.Getuid() == 0 {
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		}
		require.NoError(tr.t, cmd.Start())
		end := sync.OnceFunc(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		tr.t.Cleanup(end)
		ends = append(ends, end)
	}
	full := func() bool {
		fd, err := unix.Open(control, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		require.NoError(tr.t, err)
		defer unix.Close(fd)
		n, err := unix.Write(fd, make([]byte, 1))
		return n <= 0 && err == unix.EAGAIN
	}
	eventually(tr.t, patience, full, "the FIFO of "+profile+" is full")
	return func() {
		for _, end := range ends {
			end()
		}
	}
}

// floodedTree has gateways whose user floods their control FIFOs, more than the program tells
// something at a time, and two of others.
func floodedTree(t *testing.T, flooded int) (tr *tree, write func(value string)) {
	t.Helper()
	tr = newTree(t, treeOpts{})
	tr.giveHome()
	write = func(value string) {
		var b strings.Builder
		for i := range flooded {
			fmt.Fprintf(&b, "a%d: {user: nobody, env: {VALUE: %s}, command: [sleep, '1000']}\n", i, value)
		}
		tr.manifest("%sgood: {user: nobody, env: {VALUE: %s}}\nother: {user: nobody, env: {VALUE: %s}}", b.String(), value, value)
	}
	write("v0")
	tr.mustApply()
	tr.started("good", 1)
	tr.started("other", 1)
	for i := range flooded {
		tr.gatewayPid(fmt.Sprintf("a%d", i))
	}
	for i := range flooded {
		tr.flood(fmt.Sprintf("a%d", i), 0)
	}
	return tr, write
}

// TestFloodedControl: a user that keeps the control FIFO of its gateway full costs no other
// anything, and no command more time than it was given.
func TestFloodedControl(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // there is no other user
	}
	for _, flooded := range []int{1, 5} {
		t.Run(fmt.Sprint(flooded), func(t *testing.T) {
			t.Parallel()
			tr, write := floodedTree(t, flooded)
			write("v1")
			r := tr.apply("--timeout", "8s")
			require.Contains(t, []int{0, 1, 99}, r.code, "%v", r)
			tr.started("good", 2)
			tr.started("other", 2)
			for _, profile := range []string{"good", "other"} {
				requirePlanLine(t, r.stdout, profile, "updated")
			}
			r = tr.run("status")
			require.Zero(t, r.code, "%v", r)
			r = tr.run("down", "--timeout", "8s")
			require.Contains(t, []int{0, 99}, r.code, "%v", r)
			require.Equal(t, -1, tr.pid("gateway-good"))
			require.Equal(t, -1, tr.pid("gateway-other"))
		})
	}
}

// TestAdoptionOfAFloodedService: it does not stop, so it is not replaced, and all else is done in
// the time that was given.
func TestAdoptionOfAFloodedService(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // there is no other user
	}
	tr := newTree(t, treeOpts{})
	tr.giveHome()
	for _, name := range []string{"gateway-hostile", "gateway-tame"} {
		tr.service(name, map[string]string{"run": "#!/bin/sh\nexec s6-setuidgid nobody sleep 1000\n"})
		supervise := filepath.Join(tr.scandir, name, "supervise")
		require.NoError(t, os.Chmod(supervise, 0o755))
		for _, path := range []string{supervise, filepath.Join(supervise, "control")} {
			require.NoError(t, os.Chown(path, nobody, nobody))
		}
	}
	tr.flood("hostile", 0)
	// Its s6-supervise takes commands all the same, in between. So let s6-svc never get that far.
	tr.fake("s6-svc", "[ \"$2\" != "+tr.dir("hostile")+" ] || exec sleep 600")
	tr.manifest("hostile: {user: nobody}\ntame: {user: nobody}\nfresh: {user: nobody}")
	r := tr.apply("--timeout", "40s") // it takes all of them
	require.NotZero(t, r.code, "%v", r)
	require.Contains(t, r.stderr, "cannot adopt gateway-hostile")
	requirePlanLine(t, r.stdout, "tame", "adopted")
	requirePlanLine(t, r.stdout, "fresh", "created")
	tr.started("tame", 1)
	tr.started("fresh", 1)
}
