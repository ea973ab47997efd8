//go:build linux

// Package start is the one door through which this program starts others: those of s6, and itself
// with the credentials of a gateway's user. Nothing else here may
// (cmd/hermes-reconcile/door_test.go).
//
// Whatever goes through it has a fixed PATH for its environment, or none, the root as its working
// directory, a session of its own without a terminal, and no descriptor but the three standard
// ones, which are pipes, or /dev/null. It dies with us. Find looks programs up: as root it searches
// no folder that another user can change. Become makes this process another user.
//
// The files:
//
//	start.go  start a program, and wait for it
//	find.go   where a program is, in folders that no other user can change
//	apart.go  a process that outlives ours
//	door.go   what a process gives up before it becomes another user
package start

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Account is the credentials that a program gets.
type Account struct {
	UID, GID uint32
	Groups   []uint32
}

// Program is a program to start.
type Program struct {
	Path string   // absolute
	Args []string // the first is its name
	As   *Account // nil: our own credentials

	Stdin          io.Reader // nil: /dev/null
	Stdout, Stderr io.Writer // nil: /dev/null
}

// environment is that of a program. A user may look into a process with its credentials, so nothing
// of ours is in there, and ourselves need nothing. What programs of s6 run, if they do, they find
// on this PATH.
func (p *Program) environment() []string {
	if p.Path == Self {
		return []string{}
	}
	return []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
}

const (
	// pipeDelay is how long the pipes of a program that has ended may stay open in processes that
	// it has left.
	pipeDelay = time.Second
	// reapLimit is how long a process may take to die of SIGKILL before it is left to itself: on a
	// disk that hangs it may not.
	reapLimit = 100 * time.Millisecond
)

// Process is a program that was started.
type Process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // how it has ended
}

// Start starts a program. The caller has to End it, or to Wait for it.
func Start(p Program) (*Process, error) {
	cmd := &exec.Cmd{
		Path: p.Path, Args: p.Args, Dir: "/", Env: p.environment(), Stdin: p.Stdin, Stdout: p.Stdout, Stderr: p.Stderr,
		// A session of its own has no terminal. A program that could open /dev/tty in ours could
		// type for our shell (TIOCSTI).
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
		WaitDelay:   pipeDelay,
	}
	if p.As != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{
			Uid:    p.As.UID,
			Gid:    p.As.GID,
			Groups: p.As.Groups,
		}
	}
	if err := closeInherited(); err != nil {
		return nil, err
	}
	started, process := make(chan error), &Process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		// If we are killed, a command on its way must not reach its service after the next apply
		// has begun. The kernel sends Pdeathsig when the thread ends that started the program, so
		// this goroutine keeps its thread.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			process.err = outcome(cmd.Wait())
		}
		close(process.ended)
	}()
	if err := <-started; err != nil {
		if p.As != nil {
			return nil, fmt.Errorf("cannot act as user %d: %w", p.As.UID, err)
		}
		return nil, err
	}
	return process, nil
}

// outcome is how a program has ended. exec.ErrWaitDelay is what os/exec says of one that exited 0
// and has left a process which holds its pipes, or whose pipes were not read to their end in time
// on a busy machine: it is done.
func outcome(err error) error {
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}

// Wait waits for the end of the program, and kills it at the end of ctx. Then its error is that of
// ctx.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.ended:
		return p.err
	case <-ctx.Done():
	}
	if !p.End() {
		return ctx.Err()
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) && !exit.Exited() { // else it was faster than the signal
		return ctx.Err()
	}
	return p.err
}

// Ended reports whether the program has come to its end by itself.
func (p *Process) Ended() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// End kills the program and waits for its end, for a while. It reports whether it has come to its
// end.
func (p *Process) End() bool {
	_ = p.cmd.Process.Kill()
	select {
	case <-p.ended:
		return true
	case <-time.After(reapLimit):
		return false
	}
}

// Run runs a program to its end, and kills it at the end of ctx.
func Run(ctx context.Context, p Program) error {
	process, err := Start(p)
	if err != nil {
		return err
	}
	return process.Wait(ctx)
}

// Self is this program, even when its path leads to another file by now.
const Self = "/proc/self/exe"

// ExitCode is the code that a program ended with, or -1 if it did not get that far.
func ExitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}
