//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/console"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/cmd/hermes-reconcile/logbook"
	"hermes-reconcile/cmd/hermes-reconcile/oldside"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/fault"
)

// A boot must not wait: s6-overlay up to 3.1.6.2 gives all that happens at a boot 5 s, and later
// versions have no limit at all.
const (
	// bootTimeout bounds apply --boot.
	bootTimeout = 4 * time.Second
	// bootLockTimeout is how long it waits for another apply.
	bootLockTimeout = 2 * time.Second
	// leastReport is how long the report may take at least.
	leastReport = 700 * time.Millisecond
)

// bootHomeLimit is how long a boot waits for the disk below HERMES_HOME, which must not keep
// gateways from being made: 1 s of the default timeout. A slow machine is given a longer one.
func bootHomeLimit(timeout time.Duration) time.Duration { return max(time.Second, timeout/4) }

// bootReportLimit is how long the report of a boot may take, on top of the timeout.
func bootReportLimit(timeout time.Duration) time.Duration { return max(leastReport, timeout/6) }

// bootMargin is what comes on top of the timeout before a call that does not return is left to
// itself: the report, and some room for a machine that has a lot to do.
func bootMargin(timeout time.Duration) time.Duration {
	return bootReportLimit(timeout) + 100*time.Millisecond
}

// runBoot applies, and ends in time even if the lock, s6-svscan or a disk does not answer. Giving
// up is as safe as being killed: the next apply finishes what was begun.
func runBoot(ctx context.Context, u ui, flags *applyFlags) error {
	if none, err := doctor.StartsNothing(); none || err != nil {
		if none {
			u.sayNothingStarts()
			return flags.nothingStarts(u)
		}
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, flags.timeout)
	defer cancel()
	// A log that takes nothing does not keep a container from starting.
	u.stdout = console.Unnoticed(u.stdout)
	done := make(chan error, 1)
	go func() { done <- boot(ctx, u, flags) }()
	select {
	case err := <-done:
		return err
	case <-time.After(flags.timeout + bootMargin(flags.timeout)):
		u.error(
			fmt.Errorf("gave up after %s: a disk or a process does not answer",
				flags.timeout+bootMargin(flags.timeout)),
		)
		u.hint("the next apply finishes what was begun")
		return nil
	}
}

// boot applies for a container that starts. Its error is that no later apply can mend: this is no
// place for it. Whatever else is wrong is reported and must not keep the container from starting.
func boot(ctx context.Context, u ui, flags *applyFlags) (err error) {
	defer fault.Recover(&err)
	path, err := flags.resolve(manifest.DefaultScandir)
	if err != nil {
		return err
	}
	// Even if the manifest does not tell: the report goes there.
	b := &booting{
		ui: u, flags: flags, report: logbook.NewReport(), homes: homes.At(path, homes.Default),
	}
	defer b.helpers.Close()
	b.homes.Helpers = &b.helpers
	began := time.Now()
	err = b.apply(ctx)
	var partial *failure.Partial
	if err != nil && !errors.As(err, &partial) { // its parts are in the report
		b.report.Failure(err)
	}
	b.report.Log.Info("boot", "took", time.Since(began).Round(time.Millisecond).String())
	b.report.Write(ctx, cmp.Or(flags.report, bootReport), b.homes, bootReportLimit(flags.timeout),
		u.warning)
	var unfit *deploy.NotHereError
	if err == nil || errors.As(err, &unfit) {
		return err
	}
	u.error(err)
	return nil
}

// booting is an apply --boot under way.
type booting struct {
	ui
	flags  *applyFlags
	report *logbook.Report
	homes  *homes.Homes
	// helpers look below HERMES_HOME from the first look to the report: one process for each user.
	helpers home.Helpers
}

// apply is what a boot does of an apply: hurried, so that it waits for nothing that it starts, and
// with a limit on how long a disk may take to answer.
func (b *booting) apply(ctx context.Context) error {
	b.flags.by += " --boot"
	t, err := b.flags.read(ctx, b.ui)
	if err != nil {
		return err
	}
	b.homes, t.Homes.Helpers = t.Homes, &b.helpers // from now on the homes that the manifest names
	b.homes.Limit = bootHomeLimit(b.flags.timeout)
	t.Apply.Hurried = true
	st, err := b.flags.lockCounting(ctx, b.ui, t)
	if err != nil {
		return err
	}
	defer st.close()
	t, d, lock := st.target, st.place, st.lock
	t.warnAbsent(ctx, b.ui)
	if err := lock.Resume(); err != nil { // the `held` of a container that was stopped by down
		return err
	}
	if st.counts.RolledBack != nil {
		b.report.Log.Warn(deploy.RolledBackText(st.counts.RolledBack))
	}
	plan, result, err := d.Apply(ctx, lock, func(try int, plan reconcile.Plan) error {
		b.sweep(ctx, plan)
		return t.planned(b.ui)(try, plan)
	})
	if err != nil {
		b.warnings(result.Notes)
		return err
	}
	b.report.Outcomes(result.Outcomes)
	r := b.flags.explain(plan, t.placed, oldside.Side{}, false)
	r.Finish(result)
	return errors.Join(b.flags.printOutcomes(b.ui, &r, result), b.flags.printForPrograms(b.ui, &r))
}

// sweep removes what gateways of an earlier container left that would make those of this one
// believe they run already.
func (b *booting) sweep(ctx context.Context, plan reconcile.Plan) {
	swept, answer := b.homes.Sweep(ctx, plan)
	b.faults(answer)
	for _, fault := range answer.Faults {
		b.report.Log.Warn(fault)
	}
	for _, file := range swept {
		b.report.Log.Info("removed a stale file", "profile", file.Profile, "file", file.Name)
	}
}

// nothingStarts prints for programs that nothing was looked at, and so nothing done.
func (f *applyFlags) nothingStarts(u ui) error {
	r := explain.New(reconcile.Plan{}, explain.Options{})
	r.Role, r.Summary.Text = doctor.RoleNone, "nothing changed: this container starts no gateways"
	return f.printForPrograms(u, &r)
}

// sayNothingStarts is what boot and watch say where they start nothing.
func (u ui) sayNothingStarts() {
	u.warning(explain.WarnRole, "%s is %s: this container starts no gateways", doctor.RoleVariable,
		doctor.RoleNone)
}
