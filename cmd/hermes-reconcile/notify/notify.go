//go:build linux

// Package notify tells events to a program of the user: one after the other, each as a line of JSON
// on the standard input of a process of its own. It decides what is worth telling, and when it was
// told.
//
// The files:
//
//	event.go   what is told, as JSON
//	notify.go  a queue of events, and who takes them from there
//	told.go    what is told once, and again as long as it is so
package notify

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"hermes-reconcile/s6ctl/start"
)

// Options say what program is told, and how.
type Options struct {
	Program string         // absolute path
	As      *start.Account // nil: our own credentials
	Timeout time.Duration  // after which a process of it is killed
	Warn    func(string)   // is told why an event was not taken; from another goroutine
}

// Notifier tells events. It never makes its caller wait.
type Notifier struct {
	opt    Options
	cancel context.CancelFunc
	ended  chan struct{}
	wake   chan struct{}

	mu      sync.Mutex
	queue   []Event
	dropped int // since the last one that was taken from the queue
}

// most is how many events wait at most. A program that is slower than events come should get the
// newest, and know how many it has missed.
const most = 100

// Start makes a Notifier. Its caller has to End it.
func Start(opt Options) *Notifier {
	ctx, cancel := context.WithCancel(context.Background())
	n := &Notifier{
		opt: opt, cancel: cancel, ended: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	go n.run(ctx)
	return n
}

// Tell puts an event into the queue. The oldest is dropped where that is full.
func (n *Notifier) Tell(e Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.queue) == most {
		n.queue = n.queue[1:]
		n.dropped++
	}
	n.queue = append(n.queue, e)
	select {
	case n.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// End drops what waits, ends a program that runs, and says how many events were not told.
func (n *Notifier) End() (untold int) {
	n.cancel()
	<-n.ended
	return len(n.queue) + n.dropped
}

// take takes the oldest event.
func (n *Notifier) take() (e Event, found bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.queue) == 0 {
		return e, false
	}
	e, n.queue = n.queue[0], n.queue[1:]
	e.Dropped, n.dropped = n.dropped, 0
	return e, true
}

// run tells one event after the other.
func (n *Notifier) run(ctx context.Context) {
	defer close(n.ended)
	for ctx.Err() == nil {
		e, found := n.take()
		if found {
			n.tell(ctx, e)
			continue
		}
		select {
		case <-n.wake:
		case <-ctx.Done():
		}
	}
}

// tell runs the program for one event.
func (n *Notifier) tell(ctx context.Context, e Event) {
	line, err := e.JSON()
	said := &tail{}
	limited, cancel := context.WithTimeout(ctx, n.opt.Timeout)
	defer cancel()
	if err == nil {
		err = start.Run(limited, start.Program{
			Path: n.opt.Program, Args: []string{n.opt.Program}, As: n.opt.As,
			Stdin: bytes.NewReader(line), Stderr: said,
		})
	}
	switch {
	case err == nil || ctx.Err() != nil:
	case limited.Err() != nil:
		n.opt.Warn(fmt.Sprintf("%s was ended: it took longer than %s for %s", n.opt.Program, n.opt.Timeout, e.Event))
	default:
		n.opt.Warn(strings.TrimSuffix(
			fmt.Sprintf("%s has failed for %s: %v: %s", n.opt.Program, e.Event, err, said.line()), ": "))
	}
}

// tail keeps the end of what a program says.
type tail struct{ text []byte }

// maxTail is how much of it is kept, in bytes.
const maxTail = 1000

// Write never fails, so that the program can say all that it has to say.
func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if over := len(t.text) - maxTail; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

// line is the last line that is not empty.
func (t *tail) line() string {
	text := strings.TrimSpace(string(t.text))
	return text[strings.LastIndexByte(text, '\n')+1:]
}
