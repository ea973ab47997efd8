//go:build linux

package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/canary"
	"hermes-reconcile/cmd/hermes-reconcile/console"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/cmd/hermes-reconcile/logbook"
	"hermes-reconcile/cmd/hermes-reconcile/oldside"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
)

// applyFlags are those of apply; watch has most of them for each of its passes.
type applyFlags struct {
	differFlags
	dryRun      bool
	allowEmpty  bool
	noRescan    bool
	now         bool // no gateway drains
	boot        bool
	report      string
	wait        string
	maxRestarts int
	timeout     time.Duration
	lockTimeout time.Duration
	progress    progressFlags
	watches     bool             // it is watch, which shows no plan
	by          string           // how the history names the command
	to          int              // of rollback: the entry of the history that it goes back to
	trial       *canary.Trial    // of a canary; nil: there is none
	looking     *console.Working // before the plan; nil: it need not be said
	canaryFlags
	guards
}

// defaultLockTimeout is how long apply waits for another one to end.
const defaultLockTimeout = 30 * time.Second

// newApplyCommand has the flags of apply. A dry run does not survive a signal, since it has nothing
// to end in order.
func newApplyCommand(u ui) *cobra.Command {
	var flags applyFlags
	cmd := &cobra.Command{
		Use:   "apply [-f FILE]... [PROFILE...]",
		Short: "make the gateways of the scandir match the manifest",
		Long: `Make the gateways of the scandir match the manifest: create, update, start, stop, adopt and remove what differs, and touch
nothing else. A gateway restarts only when its own run script changes. With names or globs only the gateways of these profiles
are touched. You may name one that the manifest no longer has: --prune says what happens to it.

On a terminal apply asks before it removes a gateway, unless --yes or --expect is given; with -o json it refuses instead. Without
a terminal it asks nothing.

With --canary a change is tried on some gateways first. They have to come up, and be ready where their profiles have ready, and
stay so with the same process for as long as --settle says; then the rest follows. Otherwise the rest stays as it is, and with
--rollback the former entries of the canaries are applied again. During the trial the command watch leaves the canaries alone
and keeps the former manifest for all others.

With --boot, for a script that runs when a container starts: apply ends within seconds whatever happens, does not wait for what
it starts, removes gateway.pid and processes.json that gateways of an earlier container left, writes a report to
${HERMES_HOME}/` + bootReport + `, and exits 0 unless there is no s6 here. An invalid manifest is reported on
stderr and in the report; it changes nothing, and the container starts all the same.

Without --timeout apply gives up when nothing has happened for the longest stop_timeout of the gateways concerned + 15s. While it
waits for gateways to be ready, this is the longest ready.timeout + 15s.`,
		Example: `  hermes-reconcile apply --dry-run
  hermes-reconcile apply coder 'p*'
  hermes-reconcile apply --wait=ready --max-parallel-restarts 1
  hermes-reconcile apply --canary 2 --settle 2m --rollback
  sed s/info/debug/ profiles.yaml | hermes-reconcile apply -f -`,
		RunE: func(cmd *cobra.Command, profiles []string) error {
			flags.Profiles, flags.stdin = profiles, cmd.InOrStdin()
			if err := flags.check(cmd.Flags().Changed); err != nil {
				return err
			}
			if !flags.dryRun { // a dry run stops no gateway
				if err := survive(); err != nil {
					return err
				}
			}
			return runApply(cmd.Context(), u, &flags)
		},
	}
	flags.by = cmd.Name()
	flags.add(cmd, formText, formJSON)
	flags.addCarryingOut(cmd)
	flags.addCanary(cmd)
	f := cmd.Flags()
	f.BoolVar(&flags.noRescan, "no-rescan", false,
		"do not wake s6-svscan: new gateways wait for the next rescan, removed ones are only hidden")
	f.BoolVar(
		&flags.boot,
		"boot",
		false,
		"for the start of a container: wait for nothing, report, and exit 0 unless there is no s6 here",
	)
	f.StringVar(&flags.report, "report", "",
		"append a line for each profile to `FILE`")
	// Only help shows these: check and boot fill the values in, since they depend on other flags.
	f.Lookup("report").DefValue = "with --boot ${HERMES_HOME}/" + bootReport
	f.Lookup("timeout").DefValue = "none, with --boot " + bootTimeout.String()
	f.Lookup("lock-timeout").DefValue += ", with --boot " + bootLockTimeout.String()
	return cmd
}

// check refuses flags that do not make sense, and fills in those that depend on others.
func (f *applyFlags) check(changed func(flag string) bool) error {
	if f.timeout < 0 || f.lockTimeout < 0 {
		return usagef("a timeout must not be negative")
	}
	if f.maxRestarts < 0 {
		return negativeTurns(f.maxRestarts)
	}
	if err := errors.Join(f.checkWait(), f.checkCanary(changed), f.guards.Check()); err != nil {
		return err
	}
	if f.report != "" {
		// A relative report is below HERMES_HOME (write). One that a user names is where the user is.
		path, err := filepath.Abs(f.report)
		if err != nil {
			return err
		}
		f.report = path
	}
	if !f.boot {
		return nil
	}
	if len(f.Profiles) > 0 {
		return withHint(usagef("--boot applies the whole manifest"), "leave the names out")
	}
	if f.dryRun || f.noRescan {
		return withHint(usagef("--boot neither shows a plan nor leaves the rescan to others"),
			"leave --dry-run and --no-rescan out")
	}
	if f.timeout == 0 {
		f.timeout = bootTimeout
	}
	// 0 is a value of its own here: do not wait at all.
	if !changed("lock-timeout") {
		f.lockTimeout = bootLockTimeout
	}
	return nil
}

// runApply looks, asks, and only then takes the lock: while a user thinks, another apply may run.
// The plan is made again under the lock, so that it is true when it is carried out.
func runApply(ctx context.Context, u ui, flags *applyFlags) (err error) {
	if flags.boot {
		return runBoot(ctx, u, flags)
	}
	flags.looking = u.beginReading(flags.silent(), 0, &flags.manifestFlags)
	defer flags.looking.Stop()
	t, err := flags.read(ctx, u)
	if err != nil {
		return err
	}
	d, err := t.open(ctx, u)
	if err != nil {
		return err
	}
	defer d.Close()
	d.Listener = flags.looking.Listener()
	flags.looking.Stage("looking below", homes.Variable)
	t.warnAbsent(ctx, u)
	flags.looking.Stage(lookingAtGateways())
	if flags.dryRun {
		return flags.show(u, t, d)
	}
	if err := flags.confirm(ctx, u, d); err != nil {
		return err
	}
	flags.looking.Stop()
	if flags.canary != "" {
		return flags.runCanary(ctx, u, t, d)
	}
	return flags.carryOut(ctx, u, t, d)
}

// carryOut applies under the lock, and then waits without it.
func (f *applyFlags) carryOut(ctx context.Context, u ui, t *target, d *deploy.Deployment) error {
	lock, err := lockAloud(ctx, u, d.Place, f.silent(), f.lockTimeout)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	if err := canary.NoneNow(lock); err != nil {
		return err
	}
	began := time.Now() // --timeout counts from here: the lock has a limit of its own
	t.work = u.working(f.silent(), 0)
	t.work.Stage(lookingAtGateways())
	d.Listener = t.work.Listener()
	plan, result, err := d.Apply(ctx, lock, f.onPlan(u, t, lock))
	var undrained error
	if err == nil && f.wait != string(reconcile.LevelNone) {
		lock.Unlock() // a drain may take long, and must not keep others from applying
		undrained = d.GoOn(ctx, &result, f.lockTimeout, f.until(began))
	}
	t.work.Stop()
	f.writeReport(ctx, u, t, result, err) // a failure, too: reports are read when something is wrong
	if err != nil {
		u.warnings(result.Notes) // of what was done before the failure
		return err
	}
	r := f.explain(plan, t.placed, oldside.Side{}, false)
	r.Finish(result)
	err = f.printOutcomes(u, &r, result)
	lock.Unlock() // a wait must not keep others from applying
	return errors.Join(err, leftToDrain(undrained), f.waitForLevel(ctx, u, t, d, &r, result, began),
		f.printForPrograms(u, &r))
}

// onPlan is planned for an apply by hand. With a plan that it takes it ends what kept watch from
// applying: one that is refused, for a misspelt name, say, must not let watch start anything.
func (f *applyFlags) onPlan(
	u ui, t *target, lock *journal.Lock,
) func(try int, plan reconcile.Plan) error {
	return func(try int, plan reconcile.Plan) error {
		if try == 1 {
			err := errors.Join(canary.End(lock, u.warning), lock.Resume(),
				deploy.CountAgain(lock, t.Record, u.warning))
			if err != nil {
				return err
			}
		}
		return t.planned(u)(try, plan)
	}
}

// until is when the time of it all is over; zero: it has none.
func (f *applyFlags) until(began time.Time) time.Time {
	if f.timeout == 0 {
		return time.Time{}
	}
	return began.Add(f.timeout)
}

// leftToDrain says what becomes of gateways that drain when an apply does not wait any longer.
func leftToDrain(err error) error {
	if err == nil {
		return nil
	}
	return withHint(err, "gateways continue to drain; the next apply, or watch, does the rest")
}

// silent reports whether not to say how far it has come: a program that reads JSON reads no such
// lines.
func (f *applyFlags) silent() bool { return f.progress.quiet || f.form == formJSON }

// show prints what would be done.
func (f *applyFlags) show(u ui, t *target, d *deploy.Deployment) error {
	plan, err := d.Plan()
	if err != nil {
		return err
	}
	if plan, err = d.Review(plan); err != nil {
		return err
	}
	u.adoptions(t.Path, plan, t.Manifest) // while the user can still decide otherwise
	r := f.explain(plan, t.placed, oldside.Side{}, true)
	if err := f.print(u, &r); err != nil {
		return err
	}
	return f.exitCodeOf(&r)
}

// writeReport writes the report, if one is asked for.
func (f *applyFlags) writeReport(
	ctx context.Context, u ui, t *target, result reconcile.Result, err error,
) {
	if f.report == "" {
		return
	}
	r := logbook.NewReport()
	r.Outcomes(result.Outcomes)
	if err != nil {
		r.Failure(err)
	}
	r.Write(ctx, f.report, t.Homes, homes.Limit, u.warning)
}

// printOutcomes prints what became of a plan, as far as people read it.
func (f *applyFlags) printOutcomes(u ui, r *explain.Report, result reconcile.Result) error {
	var unprinted error // the errors that follow are said all the same
	if f.form == formText {
		unprinted = f.print(u, r)
	}
	u.warnings(result.Notes)
	partial := &failure.Partial{}
	for _, o := range result.Outcomes {
		if o.Change.Acts() { // "2 of 3 failed" counts no gateway that was left alone
			partial.Total++
		}
		if o.Err != nil {
			partial.Add(string(o.Change.Op), o.Change.Service, o.Err)
		}
	}
	u.complain(partial.Complaints)
	if partial.Failed == 0 {
		return unprinted
	}
	return errors.Join(withHint(partial, "run apply again to retry"), unprinted)
}

// printForPrograms prints what became of a plan for programs: in one piece, when all of it is known.
func (f *applyFlags) printForPrograms(u ui, r *explain.Report) error {
	if f.form == formText {
		return nil
	}
	return f.print(u, r)
}
