//go:build linux

package home

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"hermes-reconcile/s6ctl/start"
)

// Account is whose credentials the request is carried out with. The zero value means: one's own.
type Account struct {
	UID, GID uint32
	Groups   []uint32
	Switch   bool // to them; without it one's own are kept
}

// maxAnswer bounds what is read of an answer, in bytes. Who answers may be anybody who has the
// user's credentials.
const maxAnswer = 4 << 20

// argument makes the program Serve. It is no command: only start gives it.
const argument = "--serve-home"

// Ask has a request carried out by a child process with the credentials of an account. It returns
// by the deadline of ctx, whatever the disk does.
func Ask(ctx context.Context, who Account, request Request) (Answer, error) {
	data, err := json.Marshal(request)
	if err != nil {
		return Answer{}, err
	}
	child, answers, err := serving(who, bytes.NewReader(data))
	if err != nil {
		return Answer{}, err
	}
	defer answers.Close()
	defer child.End()
	answer, err := read(ctx, answers)
	if err != nil {
		return Answer{}, fmt.Errorf("%q: %w", request.Home, err)
	}
	return answer, nil
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
