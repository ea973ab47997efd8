//go:build linux

package home

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"hermes-reconcile/s6ctl/start"
)

// Helpers keep the child process of an account for its next request: to start one takes longer than
// most requests. The nil Helpers start one for each request.
type Helpers struct {
	mu   sync.Mutex
	idle map[string]*helper // by account
}

// helper is a child process that answers one request after the other.
type helper struct {
	child   *start.Process
	asking  *os.File // our end of its stdin
	answers *os.File
}

// Ask does the same as the function of this name, by a child that is there already if one is. A
// child that has failed once is ended. Without Helpers, with nil, each request has a child of its
// own.
func (h *Helpers) Ask(ctx context.Context, who Account, request Request) (Answer, error) {
	data, err := json.Marshal(request)
	if err != nil {
		return Answer{}, err
	}
	one, err := h.take(who)
	if err != nil {
		return Answer{}, err
	}
	answer, err := one.ask(ctx, data)
	if err != nil { // what it may yet answer is not for the next request
		one.end()
		return Answer{}, fmt.Errorf("%q: %w", request.Home, err)
	}
	h.keep(who, one)
	return answer, nil
}

// Close ends the children.
func (h *Helpers) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range h.idle {
		one.end()
	}
	h.idle = nil
}

// take is a child with the credentials of an account, which no other request has.
func (h *Helpers) take(who Account) (*helper, error) {
	if h != nil {
		h.mu.Lock()
		one := h.idle[who.key()]
		delete(h.idle, who.key())
		h.mu.Unlock()
		switch {
		case one != nil && !one.child.Ended():
			return one, nil
		case one != nil: // its user can end it
			one.end()
		}
	}
	return newHelper(who)
}

// keep has a child wait for the next request of an account.
func (h *Helpers) keep(who Account, one *helper) {
	if h == nil {
		one.end()
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.idle[who.key()] != nil { // two requests at once had one each
		one.end()
		return
	}
	if h.idle == nil {
		h.idle = map[string]*helper{}
	}
	h.idle[who.key()] = one
}

// key tells accounts apart.
func (a Account) key() string { return fmt.Sprint(a) }

// newHelper starts a child.
func newHelper(who Account) (*helper, error) {
	asked, asking, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	child, answers, err := serving(who, asked)
	asked.Close() // the child has its own
	if err != nil {
		asking.Close()
		return nil, err
	}
	return &helper{child: child, asking: asking, answers: answers}, nil
}

// end ends the child, even at work.
func (o *helper) end() {
	o.answers.Close()
	o.child.End()
	o.asking.Close()
}

// ErrSilent says that there was no answer in time.
var ErrSilent = errors.New("the disk does not answer in time")

// ask sends a request and reads its answer. After an error the child is of no more use.
func (o *helper) ask(ctx context.Context, request []byte) (answer Answer, err error) {
	done := make(chan error, 1)
	go func() {
		if _, err := o.asking.Write(request); err != nil {
			done <- err
			return
		}
		done <- json.NewDecoder(io.LimitReader(o.answers, maxAnswer)).Decode(&answer)
	}()
	select {
	case err = <-done:
		if err != nil {
			err = fmt.Errorf("no answer from the process that looks there: %w", err)
		}
		return answer, err
	case <-ctx.Done():
		o.asking.SetWriteDeadline(time.Now())
		o.answers.SetReadDeadline(time.Now())
		<-done // it reads into answer
		if errors.Is(ctx.Err(), context.Canceled) {
			return Answer{}, ctx.Err()
		}
		return Answer{}, ErrSilent
	}
}
