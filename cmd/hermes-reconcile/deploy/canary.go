//go:build linux

package deploy

import (
	"context"
	"os"
	"slices"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/s6ctl/process"
)

// Trial is an apply that tries a manifest on some gateways first, the canaries.
type Trial struct {
	*Deployment
	Profiles []string         // the canaries; empty until the plan is known
	Former   *journal.Applied // the manifest that counted before; nil: none is known
	Settle   time.Duration    // for how long the canaries have to be up, or ready

	LockTimeout time.Duration // to have it again when gateways have drained
	since       time.Time
}

// Started reports whether the canaries were chosen, and so whether anything was to be done.
func (t *Trial) Started() bool { return len(t.Profiles) > 0 }

// Is reports whether a profile is a canary.
func (t *Trial) Is(profile string) bool { return slices.Contains(t.Profiles, profile) }

// On records that the manifest is tried on these profiles. It comes before anything is done: after
// a crash the record alone says that the manifest does not count for the others yet.
func (t *Trial) On(lock *journal.Lock, profiles []string) error {
	t.Profiles, t.since = profiles, time.Now().Truncate(time.Second)
	t.opt.Record.Only = profiles
	return lock.TryOn(t.canary(""))
}

// canary is what is on record of the trial.
func (t *Trial) canary(failed string) journal.Canary {
	pid := os.Getpid()
	c := journal.Canary{
		Digest: t.opt.Record.Digest(), Profiles: t.Profiles, PID: pid, Start: process.Started(pid), Time: t.since,
		Failed: failed,
	}
	if t.Former != nil {
		c.Former = t.Former.Number
	}
	return c
}

// Apply is that of the deployment, and waits for gateways that drain: meanwhile others may have the
// lock. It returns with the lock, or with nil where that could not be had again.
func (t *Trial) Apply(
	ctx context.Context, lock *journal.Lock, planned func(int, reconcile.Plan) error,
) (*journal.Lock, reconcile.Plan, reconcile.Result, error) {
	plan, result, err := t.Deployment.Apply(ctx, lock, planned)
	if err != nil || !result.Delays() {
		return lock, plan, result, err
	}
	lock.Unlock()
	if err := t.GoOn(ctx, &result, t.LockTimeout, time.Time{}); err != nil {
		return nil, plan, result, err
	}
	lock, err = t.Lock(ctx, t.LockTimeout)
	return lock, plan, result, err
}

// Watch waits until the canaries are ready, or up where their profiles have no ready, and looks
// whether they stay so for Settle; settling is called in between. It returns those that do not, and
// whether they had been there first. The error is that of the look, and says nothing of the
// canaries.
func (t *Trial) Watch(
	ctx context.Context, result reconcile.Result, settling func(),
) (late []reconcile.Late, stayed bool, err error) {
	var changes []reconcile.Change
	for _, o := range result.Outcomes {
		if t.Is(o.Change.Profile) {
			changes = append(changes, o.Change)
		}
	}
	late, err = operate.Follow(ctx, t.Sup, changes, reconcile.LevelReady, t.Listener)
	if err != nil || len(late) > 0 {
		return late, false, err
	}
	settling()
	late, err = operate.Settle(ctx, t.Sup, changes, reconcile.LevelReady, t.Settle)
	return late, true, err
}

// Failed records that the canaries have failed. What they are is left so, for the user to
// look at, or to roll back.
func (t *Trial) Failed(lock *journal.Lock, why string) error {
	t.sayFailed(lock, why)
	return lock.TryOn(t.canary(why))
}

// sayFailed lets the history say so. It is no reason to go no further.
func (t *Trial) sayFailed(lock *journal.Lock, why string) *journal.Applied {
	now, err := lock.Latest()
	if err != nil || now == nil || now.Digest != t.opt.Record.Digest() {
		return nil
	}
	now.Outcome, now.Summary = journal.Failed, "the canary failed: "+why
	_ = lock.Amend(*now)
	return now
}

// Held lets the history say of both parts what it has said of the later one.
func (t *Trial) Held(lock *journal.Lock, plan reconcile.Plan, result reconcile.Result) []reconcile.Note {
	now, err := lock.Latest()
	if err == nil && now != nil && now.Digest == t.opt.Record.Digest() {
		now.Only, now.Summary = t.opt.Record.Only, summary(plan, result)
		err = lock.Amend(*now)
	}
	if err != nil {
		return unkept("the history does not say what became of this", err)
	}
	return nil
}

// TakeBack records that the former manifest counts again, so that whatever comes after a crash
// gives it back to the canaries. There has to be a former one.
func (t *Trial) TakeBack(lock *journal.Lock, why string) error {
	back := journal.RolledBack{
		Digest: t.opt.Record.Digest(), Number: t.Former.Number, Time: time.Now().Truncate(time.Second),
		Why: "its canary failed: " + why,
	}
	if now := t.sayFailed(lock, why); now != nil {
		back.From = now.Number
	}
	if err := lock.RollBack(back); err != nil {
		return err
	}
	return lock.ForgetCanary()
}

// For is a deployment of other options to the place of this one, which stays open under the same
// lock. The error is that of accounts, as of Open.
func (d *Deployment) For(ctx context.Context, opt Options) (*Deployment, error) {
	users, err := findUsers(opt.Manifest)
	if err != nil {
		return nil, err
	}
	opt.Apply.Users, d.Users = users, users
	d.Recall = opt.Homes.Recall(ctx, opt.Faults)
	other := &Deployment{Place: d.Place, opt: opt}
	other.lookAtInputs(ctx, true)
	return other, nil
}

// Lives reports whether the apply that tries a manifest still runs.
func Lives(c *journal.Canary) bool {
	return c != nil && c.Failed == "" && c.Start != 0 && process.Started(c.PID) == c.Start
}
