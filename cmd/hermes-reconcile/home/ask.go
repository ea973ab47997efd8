//go:build linux

package home

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Account is whose credentials the request is carried out with. The zero value means: one's own.
type Account struct {
	UID, GID uint32
	Groups   []uint32
	Switch   bool // to them; without it one's own are kept
}

// maxAnswer bounds what is read of an answer, in bytes. Who answers may be anybody who has the user's credentials.
const maxAnswer = 4 << 20

// argument makes the program Serve. It is no command: nobody but start gives it.
const argument = "--serve-home"

// self is this program, whatever has become of its path.
const self = "/proc/self/exe"

// firstInherited is the first file descriptor behind the standard ones.
const firstInherited = 3

// reapLimit is how long a child may take to die of SIGKILL before it is left to itself: on a disk that hangs it may not.
const reapLimit = 100 * time.Millisecond

// Ask has a request carried out by a child process with the credentials of an account. It returns by the deadline of ctx,
// whatever the disk does.
func Ask(ctx context.Context, who Account, request Request) (Answer, error) {
	data, err := json.Marshal(request)
	if err != nil {
		return Answer{}, err
	}
	cmd, answers, err := start(who, bytes.NewReader(data), &syscall.SysProcAttr{})
	if err != nil {
		return Answer{}, err
	}
	defer answers.Close()
	defer end(cmd)
	answer, err := read(ctx, answers)
	if err != nil {
		return Answer{}, fmt.Errorf("%q: %w", request.Home, err)
	}
	return answer, nil
}

// start starts this program anew with the credentials of an account, to Serve what stdin asks for.
func start(who Account, stdin io.Reader, attr *syscall.SysProcAttr) (*exec.Cmd, *os.File, error) {
	// Its environment is empty: the user may look at it.
	cmd := &exec.Cmd{Path: self, Args: []string{"hermes-reconcile", argument}, Dir: "/", Env: []string{}, Stdin: stdin, SysProcAttr: attr}
	if who.Switch {
		attr.Credential = &syscall.Credential{Uid: who.UID, Gid: who.GID, Groups: who.Groups}
	}
	// The user may look into the child: what we were given open ourselves must not be there. From Linux 5.11 on.
	_ = unix.CloseRange(firstInherited, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	answers, answering, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	cmd.Stdout = answering
	err = cmd.Start()
	answering.Close()
	if err != nil {
		answers.Close()
		return nil, nil, fmt.Errorf("cannot act as user %d: %w", who.UID, err)
	}
	return cmd, answers, nil
}

// ErrSilent says that there was no answer in time.
var ErrSilent = errors.New("the disk does not answer in time")

// read reads one answer. Its end counts, not that of the child.
func read(ctx context.Context, from *os.File) (answer Answer, err error) {
	done := make(chan error, 1)
	go func() { done <- json.NewDecoder(io.LimitReader(from, maxAnswer)).Decode(&answer) }()
	select {
	case err = <-done:
		if err != nil {
			err = fmt.Errorf("no answer from the process that looks there: %w", err)
		}
		return answer, err
	case <-ctx.Done():
		from.SetReadDeadline(time.Now())
		<-done // it reads into answer
		if errors.Is(ctx.Err(), context.Canceled) {
			return Answer{}, ctx.Err()
		}
		return Answer{}, ErrSilent
	}
}

// end kills the child and waits for its end, for a while.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(reapLimit):
	}
}
