//go:build linux

package apply

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/reconcile/pace"
)

// turns lets gateways restart by turns, so that not all are away at once, and gives no more of them
// once one has not come back.
type turns struct {
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

// stuck is the service that has not come back, if there is one.
func (t *turns) stuck() string {
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

// isLimited reports whether the job has to wait for its turn.
func (r *applier) isLimited(j *job) bool { return r.turns != nil && r.turns.of[j.Service] != nil }

// newTurns are the turns of a plan, if so many may be taken at a time; nil if that is without limit
// (0). Those that get a new directory take turns only where an apply follows that goes on with
// them: they start with the scan that finds them, so those of one apply start together.
func newTurns(plan reconcile.Plan, opt Options) *turns {
	if opt.MaxRestarts == 0 {
		return nil
	}
	t := &turns{
		free: make(chan struct{}, opt.MaxRestarts), of: map[string]*turn{}, full: make(chan struct{}),
		failed: opt.Stuck, once: opt.OneRound,
	}
	byName := map[string]*turn{}
	limited := func(c *reconcile.Change) bool {
		return takesTurns(c) && (!c.Replace || !opt.Unattended && !opt.NoRescan && !opt.Hurried)
	}
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

// skip gives no turn to a service that needs nothing.
func (t *turns) skip(service string) {
	if t == nil || t.of[service] == nil {
		return
	}
	t.of[service].left--
	delete(t.of, service)
}

// hold takes the turn of a service whose restart an earlier apply has begun, before all others.
func (t *turns) hold(service string) {
	if t == nil || t.of[service] == nil {
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

// grasp takes the turn of a service that gets a new directory, if one is free now: it is away before
// the others are asked for theirs. Where none is, the service waits for the next apply.
func (t *turns) grasp(service string) error {
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
func (t *turns) lost() error {
	failed := t.stuck()
	switch {
	case failed == "":
		return nil
	case t.once:
		return &reconcile.DelayError{For: failed + ", restarted before it, to come back"}
	}
	return fmt.Errorf("not restarted: %s, restarted before it, has not come back", failed)
}

// giveTurns gives those their turns that get a new directory, as far as there are any. All that is
// done for them comes before the turns of the others.
func (r *applier) giveTurns() {
	for _, j := range r.jobs {
		if j.err != nil || !j.Replace || !r.isLimited(j) {
			continue
		}
		if j.err = r.turns.grasp(j.Service); j.err != nil {
			r.portFreed[j.Service].fire(j.err)
			r.turns.skip(j.Service)
			continue
		}
		j.turn = true
	}
}

// backFrom ends the turn of a service that has its new directory, or has failed to get it, once it
// is back.
func (r *applier) backFrom(ctx context.Context, j *job) {
	err := j.err
	if err == nil {
		err = r.awaitReturn(ctx, j)
	}
	r.turns.leave(j.Service, err)
}

// acquire waits for the turn of a service, and returns what ends it, with the error that it ended
// with.
func (t *turns) acquire(ctx context.Context, service string) (leave func(error), err error) {
	if t == nil || t.of[service] == nil {
		return func(error) {}, nil
	}
	own := t.of[service]
	own.once.Do(func() { own.err = t.take(ctx) })
	return func(err error) { t.leave(service, err) }, own.err
}

// take waits until a turn is free, and takes it if there is a point in that.
func (t *turns) take(ctx context.Context) error {
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
func (t *turns) wait(ctx context.Context) error {
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

// leave ends the turn of a service; that of several ends with the last. While one of them drains,
// it does not end.
func (t *turns) leave(service string, err error) {
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

// timeout limits how long nothing moves while the plan is carried out: the longest time of one
// step, a stop or a gateway's way back, and some seconds.
func timeout(p reconcile.Plan, opt Options) time.Duration {
	longest := time.Duration(0)
	for _, c := range p.Changes {
		if c.Acts() {
			longest = max(longest, c.StopTimeout)
		}
	}
	for _, h := range p.Leftovers {
		longest = max(longest, reconcile.Patience(h.StopTimeout))
	}
	if opt.MaxRestarts > 0 && opt.waits() {
		longest = max(longest, operate.ArriveLimit(p.Changes, opt.Level))
	}
	return longest + reconcile.Grace
}
