//go:build linux

package home

import (
	"context"
	"io"
	"os"

	"hermes-reconcile/s6ctl/start"
)

// Account is the credentials that a request is carried out with. The zero value is this process's
// own.
type Account struct {
	UID, GID uint32
	Groups   []uint32 // supplementary ones
	Switch   bool     // to them; without it one's own are kept
}

// maxAnswer bounds what is read of an answer, in bytes. Any process with the user's credentials may
// have sent it.
const maxAnswer = 4 << 20

// argument makes the program Serve. It is no command: only start gives it.
const argument = "--serve-home"

// Ask has a request carried out by a child process with the credentials of an account. It returns
// by the deadline of ctx, even if the disk does not answer: then the error wraps ErrSilent. What
// one thing of a request has failed for stands in the Answer. Nothing of that may be believed but
// for what is the user's own.
func Ask(ctx context.Context, who Account, request Request) (Answer, error) {
	return (*Helpers)(nil).Ask(ctx, who, request)
}

// serving starts this program anew with the credentials of an account, to Serve what stdin asks
// for. What it says besides its answers goes nowhere.
func serving(who Account, stdin io.Reader) (*start.Process, *os.File, error) {
	answers, answering, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	p := start.Program{
		Path:   start.Self,
		Args:   []string{"hermes-reconcile", argument},
		Stdin:  stdin,
		Stdout: answering,
	}
	if who.Switch {
		p.As = &start.Account{UID: who.UID, GID: who.GID, Groups: who.Groups}
	}
	child, err := start.Start(p)
	answering.Close()
	if err != nil {
		answers.Close()
		return nil, nil, err
	}
	return child, answers, nil
}
