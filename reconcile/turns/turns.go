//go:build linux

// Package turns lets gateways restart by turns, so that not all are away at once, and gives no more
// turns once one has not come back. It stops and starts none: it says who may go on, and when.
package turns

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/pace"
)

// Turns are those of the services of one plan. A nil one is without limit: each service may go on.
type Turns struct {
	free chan struct{} // is as full as turns are being taken
	of   map[string]*turn

	mu     sync.Mutex
	failed string        // the service that has not come back
	kept   int           // turns that go on after this apply, since a gateway drains
	once   bool          // a turn that is over is not given again
	full   chan struct{} // is closed when all turns do
}

// turn is that of one service, or of several that take it together.
type turn struct {
	once sync.Once
	err  error // why it does not come
	left int   // services that have not finished
	kept bool  // it goes on after this apply
	over bool  // it is one more than may be taken: an earlier apply had more
}

// Stuck is the service that has not come back, if there is one.
func (t *Turns) Stuck() string {
	if t == nil {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

// takesTurns reports whether the change takes a gateway away for a while. A second gateway of a
// profile must go at once.
func takesTurns(c *reconcile.Change) bool {
	return c.Gateway == reconcile.Restart && (!c.Replace || len(c.Displaced) == 0)
}

// Options say how turns are given.
type Options struct {
	Most  int    // that may be taken at a time; 0 is no limit
	Once  bool   // as many are given as that, and no more
	Stuck string // the service with which the turns of an apply ended that this one goes on with
	// Anew: those that get a new directory take turns, too. They start with the scan that finds
	// them, so those of one apply start together, and the others have to wait for a later one.
	Anew bool
}

// Of are the turns of a plan; nil if that is without limit.
func Of(plan reconcile.Plan, opt Options) *Turns {
	if opt.Most == 0 {
		return nil
	}
	t := &Turns{
		free: make(chan struct{}, opt.Most), of: map[string]*turn{}, full: make(chan struct{}),
		failed: opt.Stuck, once: opt.Once,
	}
	byName := map[string]*turn{}
	limited := func(c *reconcile.Change) bool { return takesTurns(c) && (!c.Replace || opt.Anew) }
	for service, name := range together(plan, limited) {
		if byName[name] == nil {
			byName[name] = &turn{}
		}
		byName[name].left++
		t.of[service] = byName[name]
	}
	if t.of[opt.Stuck] != nil { // it restarts itself, which may bring it back
		t.failed = ""
	}
	return t
}

// Takes reports whether a service has to wait for its turn.
func (t *Turns) Takes(service string) bool { return t != nil && t.of[service] != nil }

// together gives for each service that takes turns the services that share its turn: they pass
// ports to each other, so none would end without the others.
func together(p reconcile.Plan, limited func(*reconcile.Change) bool) map[string]string {
	with := map[string]string{}
	for i := range p.Changes {
		if c := &p.Changes[i]; limited(c) {
			with[c.Service] = c.Service
		}
	}
	for _, c := range p.Changes {
		for _, giver := range c.Await {
			from, both := with[giver], with[c.Service]
			if from == "" || both == "" {
				continue
			}
			for service, name := range with {
				if name == from {
					with[service] = both
				}
			}
		}
	}
	return with
}

// Skip gives no turn to a service that needs nothing.
func (t *Turns) Skip(service string) {
	if !t.Takes(service) {
		return
	}
	t.of[service].left--
	delete(t.of, service)
}

// Hold takes the turn of a service whose restart an earlier apply has begun, before all others.
func (t *Turns) Hold(service string) {
	if !t.Takes(service) {
		return
	}
	own := t.of[service]
	own.once.Do(func() {
		select {
		case t.free <- struct{}{}:
		default:
			own.over = true
		}
	})
}

// Grasp takes the turn of a service that gets a new directory, if one is free now: it is away
// before the others are asked for theirs. Where none is, the service waits for the next apply.
func (t *Turns) Grasp(service string) error {
	own := t.of[service]
	own.once.Do(func() {
		if own.err = t.lost(); own.err != nil {
			return
		}
		select {
		case t.free <- struct{}{}:
		default:
			own.err = &reconcile.DelayError{For: "its turn to get a new directory", Turn: true}
		}
	})
	return own.err
}

// lost is why no more turns are given, if that is so.
func (t *Turns) lost() error {
	failed := t.Stuck()
	switch {
	case failed == "":
		return nil
	case t.once:
		return &reconcile.DelayError{For: failed + ", restarted before it, to come back"}
	}
	return fmt.Errorf("not restarted: %s, restarted before it, has not come back", failed)
}

// Acquire waits for the turn of a service, and returns what ends it, with the error that it ended
// with.
func (t *Turns) Acquire(ctx context.Context, service string) (leave func(error), err error) {
	if !t.Takes(service) {
		return func(error) {}, nil
	}
	own := t.of[service]
	own.once.Do(func() { own.err = t.take(ctx) })
	return func(err error) { t.Leave(service, err) }, own.err
}

// take waits until a turn is free, and takes it if there is a point in that.
func (t *Turns) take(ctx context.Context) error {
	if err := t.wait(ctx); err != nil {
		return err
	}
	err := t.lost()
	if err != nil {
		<-t.free
	}
	return err
}

// wait waits until a turn is free, unless each is given once: then it does not wait.
func (t *Turns) wait(ctx context.Context) error {
	select {
	case t.free <- struct{}{}:
		return nil
	default:
	}
	start, none := time.Now(), make(chan struct{})
	if t.once {
		close(none)
	}
	select {
	case t.free <- struct{}{}:
		return nil
	case <-t.full:
		return cmp.Or(t.lost(), error(&reconcile.DelayError{For: "its turn to restart: others drain"}))
	case <-none:
		return cmp.Or(t.lost(), error(&reconcile.DelayError{For: "its turn to restart", Turn: true}))
	case <-ctx.Done():
		if err := pace.Interrupted(ctx); err != nil {
			return err
		}
		return &reconcile.TimeoutError{What: "its turn to restart", After: time.Since(start)}
	}
}

// Leave ends the turn of a service; that of several ends with the last. While one of them drains,
// it does not end.
func (t *Turns) Leave(service string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delayed := reconcile.IsDelay(err)
	if err != nil && !delayed && t.failed == "" {
		t.failed = service
	}
	own := t.of[service]
	own.left--
	switch {
	case own.over:
	case delayed && !own.kept:
		own.kept = true
		if t.kept++; t.kept == cap(t.free) {
			close(t.full)
		}
	case own.left == 0 && !own.kept && !t.once:
		<-t.free
	}
}
