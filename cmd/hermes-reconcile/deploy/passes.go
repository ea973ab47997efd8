//go:build linux

package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/apply"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/render"
)

// passes carry out a plan with gateways that drain, by several applies: each does what is left.
// Between two of them another command may lock the scandir, and what it changes stays.
type passes struct {
	*Deployment
	lockTimeout time.Duration
	until       time.Time // zero: as long as it takes
	result      *reconcile.Result
}

// GoOn waits until no gateway of a result drains any more, does what is left then, and adds to the
// result what became of it. The lock must not be held: each pass takes it anew, and waits
// lockTimeout for that. It ends at until; zero: as long as it takes. What waits still when that
// ends with an error is left to the next apply.
func (d *Deployment) GoOn(
	ctx context.Context,
	result *reconcile.Result,
	lockTimeout time.Duration,
	until time.Time,
) error {
	p := &passes{d, lockTimeout, until, result}
	for result.Delays() {
		err := p.wait(ctx)
		if err == nil {
			err = p.pass(ctx)
		}
		if err != nil {
			return errors.Join(err, operate.LetBack(ctx, d.Scandir, nil, *result))
		}
	}
	return nil
}

// After holds the turns of the next apply as long as one of these gateways is not back, which an
// earlier apply has restarted, and returns those that are not.
func (d *Deployment) After(
	ctx context.Context,
	restarted []reconcile.Change,
) (away []reconcile.Change) {
	away = d.Away(ctx, restarted, d.opt.Apply.Level)
	d.opt.Apply.Stuck = ""
	if len(away) > 0 {
		d.opt.Apply.Stuck = away[0].Service
	}
	return away
}

// Away are those of these gateways that have not come as far as level now: all of them where that
// cannot be told, so that no turn is given on a guess.
func (p *Place) Away(
	ctx context.Context, restarted []reconcile.Change, level reconcile.Level,
) (away []reconcile.Change) {
	const once = time.Millisecond // looks at each, and waits for none
	late, err := operate.Arrive(ctx, p.Sup, restarted, level, once, nil)
	if err != nil {
		return restarted // nothing says that they are back
	}
	for _, l := range late {
		away = append(away, l.Change)
	}
	return away
}

// passPause is between two applies where no gateway drains that could be waited for.
const passPause = 100 * time.Millisecond

// wait waits until one of those that drain has ended, or had its time.
func (p *passes) wait(ctx context.Context) error {
	drains := map[string]reconcile.Drain{}
	for _, o := range p.result.Outcomes {
		if o.Delay != nil && o.Delay.Drain.PID != 0 {
			drains[o.Change.Service] = o.Delay.Drain
		}
	}
	limited := ctx
	if !p.until.IsZero() {
		var cancel context.CancelFunc
		limited, cancel = context.WithDeadline(ctx, p.until)
		defer cancel()
	}
	began := time.Now()
	err := operate.WaitForDrains(limited, p.Scandir, drains, func(working int) bool {
		return working < len(drains) || len(drains) == 0 && time.Since(began) >= passPause
	})
	if err == context.DeadlineExceeded {
		return &reconcile.TimeoutError{What: "gateways to drain", After: time.Since(began)}
	}
	return err
}

// pass applies what is left.
func (p *passes) pass(ctx context.Context) error {
	lock, err := p.Lock(ctx, p.lockTimeout)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	opt := p.opt.Apply
	opt.Stuck = p.result.Stuck
	if !p.until.IsZero() {
		opt.Timeout = max(time.Until(p.until), time.Millisecond)
	}
	plan, err := apply.Prepare(ctx, p.Scandir, lock, p.opt.Dirs, p.opt.Prune, opt)
	if err != nil {
		return err
	}
	wanted, err := p.wanted(plan)
	if err != nil {
		return err
	}
	if plan, err = plan.Only(wanted); err != nil {
		return err
	}
	gone := p.retiring(plan)
	done, err := apply.Apply(ctx, p.Scandir, lock, plan, opt)
	p.result.Notes = append(p.result.Notes, done.Notes...)
	if err != nil {
		return errors.Join(failureHint(err), operate.LetBack(ctx, p.Scandir, lock, done))
	}
	p.opt.Faults(gone.record(ctx))
	p.take(done)
	notes := p.settle(lock, p.begun.kept, p.begun.plan, *p.result, nil)
	p.result.Notes = append(p.result.Notes, notes...)
	return nil
}

// wanted are the profiles that wait, but for those with which another command has done something
// since: there nothing is left to do. It fails where one of them cannot be read now: whether
// something is left to do is not known then.
func (p *passes) wanted(plan reconcile.Plan) (func(profile string) bool, error) {
	now := map[string]reconcile.Change{}
	for _, c := range plan.Changes {
		now[c.Service] = c
	}
	wanted := map[string]bool{}
	for i := range p.result.Outcomes {
		o := &p.result.Outcomes[i]
		if o.Delay == nil {
			continue
		}
		c, there := now[o.Change.Service]
		switch {
		case !there:
			o.Delay = nil // another command has removed it
		case c.Actual.Fault != nil:
			return nil, fmt.Errorf("cannot look at %s again: %w", c.Service, c.Actual.Fault)
		case !c.Acts():
			o.Delay = nil            // it is as it should be
			wanted[c.Profile] = true // what is on record of it goes
		case taken(o, c):
			o.Delay = nil
			p.result.Notes = append(p.result.Notes, reconcile.Note{
				Code: reconcile.NoteTaken,
				Text: c.Service + " is left alone: another command changed it while it drained",
			})
		default:
			wanted[c.Profile] = true
		}
	}
	return func(profile string) bool { return wanted[profile] }, nil
}

// taken reports whether another command has changed a service since the plan of an outcome: its
// marker is neither the former one nor that of the plan, or it is to run again.
func taken(o *reconcile.Outcome, now reconcile.Change) bool {
	marker := now.Actual.Files[render.MarkerPath].Data
	if now.Op == reconcile.Remove && o.Delay.Drain.PID != 0 {
		return now.Actual.Status.WantUp
	}
	former := o.Change.Actual.Files[render.MarkerPath].Data
	if marker.Equal(former) {
		return false
	}
	own := o.Change.Desired.File(render.MarkerPath)
	return own == nil || !marker.Equal(own.Data)
}

// take takes in what became of a pass.
func (p *passes) take(done reconcile.Result) {
	p.result.Late = append(p.result.Late, done.Late...)
	p.result.Stuck = done.Stuck
	for _, o := range done.Outcomes {
		i := slices.IndexFunc(p.result.Outcomes,
			func(first reconcile.Outcome) bool { return first.Change.Service == o.Change.Service })
		if i < 0 {
			continue
		}
		first := &p.result.Outcomes[i]
		first.Err, first.Pending, first.Delay = o.Err, o.Pending, o.Delay
	}
}
