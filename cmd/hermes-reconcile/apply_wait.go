//go:build linux

package main

import (
	"context"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/late"
	"hermes-reconcile/cmd/hermes-reconcile/logs"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
)

// checkWait checks the value of --wait.
func (f *applyFlags) checkWait() error {
	switch level := reconcile.Level(f.wait); {
	case level == reconcile.LevelSupervised || level == reconcile.LevelNone:
		return nil
	case f.noRescan:
		return usagef("--wait=%s needs a rescan (want it without --no-rescan)", level)
	case f.boot:
		return usagef("--boot waits for nothing (want it without --wait=%s)", level)
	}
	return nil
}

// waitForLevel waits until the gateways that were changed have come as far as --wait says, and says which
// have not and why.
func (f *applyFlags) waitForLevel(
	ctx context.Context, u ui, t *target,
	d *deploy.Deployment, r *explain.Report, result reconcile.Result, began time.Time,
) error {
	level := reconcile.Level(f.wait)
	if level == reconcile.LevelSupervised || level == reconcile.LevelNone {
		return nil
	}
	// Those that ended the restarts by turns were waited for there already.
	behind, err := f.waitFor(ctx, u, d.Place, late.MayArrive(result), began)
	behind = append(result.Late, behind...)
	if err != nil || len(behind) == 0 {
		return err
	}
	failed, all := late.Complain(ctx, d.Place, t.Options.Manifest, behind, level)
	for i, c := range all {
		r.Late(c.Service, c.Why)
		all[i].Hint = "see its log in " + logs.File(t.Homes, d.S6, behind[i].Change.Profile)
	}
	u.complain(all)
	if failed.Hopeless == failed.Count { // then a longer wait is no advice
		return failed
	}
	return withHint(failed, "nothing was rolled back; wait longer with --timeout")
}

// waitFor waits for gateways, and says how many have come.
func (f *applyFlags) waitFor(
	ctx context.Context, u ui, place *deploy.Place, changes []reconcile.Change, began time.Time,
) ([]reconcile.Late, error) {
	awaited := map[string]time.Duration{}
	for _, c := range changes {
		if c.Wanted() {
			awaited[c.Service] = 0
		}
	}
	listener, stop := u.aloud(f.silent())(f.wait, awaited)
	defer stop()
	level := reconcile.Level(f.wait)
	if f.timeout == 0 {
		return operate.Follow(ctx, place.Sup, changes, level, listener)
	}
	left := max(f.timeout-time.Since(began), 0) // --timeout is for the apply and the wait together
	return operate.Arrive(ctx, place.Sup, changes, level, left, listener)
}
