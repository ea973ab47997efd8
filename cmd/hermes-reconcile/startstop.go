//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/cmdline"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/gateways"
	"hermes-reconcile/cmd/hermes-reconcile/logs"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/writing"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/render"
)

// operation is what start, stop and restart do, and how to speak of it.
type operation struct {
	action          reconcile.Action
	verb, past      string
	state           string // that it leads to
	up              bool
	all             string // what --all means
	opposite        manifest.State
	undo, keepState string // what the next apply does about it, and what to set so that it does not
}

// starting leaves out those that should be down: --all means what the manifest would have up.
func starting() operation {
	return operation{
		action: reconcile.BringUp, verb: "start", past: "started", state: "up", up: true,
		all: "all of ours but those that should be down", opposite: manifest.StateDown, undo: "stopped", keepState: "up",
	}
}

// stopping takes all gateways that we manage, and does not ask what the manifest wants of them.
func stopping() operation {
	return operation{
		action: reconcile.Down, verb: "stop", past: "stopped", state: "down",
		all: "all of ours", opposite: manifest.StateUp, undo: "started", keepState: "down",
	}
}

// restarting takes those that run: a gateway that is down was stopped for some reason.
func restarting() operation {
	return operation{
		action: reconcile.Restart, verb: "restart", past: "restarted", state: "up", up: true,
		all: "all of ours that run", opposite: manifest.StateDown, undo: "stopped", keepState: "up",
	}
}

// actFlags are those of start, stop and restart.
type actFlags struct {
	manifestFlags
	scandirFlags
	all         bool
	now         bool // no gateway drains
	timeout     time.Duration
	lockTimeout time.Duration
	progress    progressFlags
	form        string
	most        int    // restarts at a time; 0: all
	wait        string // what a gateway has to be before the next one restarts
}

// addTurns adds the flags of restart, which takes gateways away.
func (f *actFlags) addTurns(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.most, "max-parallel-restarts", 0,
		"restart at most `N` gateways at a time, and stop if one does not reach --wait (0: all at once)")
	cmdline.Choice(cmd, &f.wait, "wait", "",
		"`LEVEL` that gateways have to reach; ready means up where a profile has no ready",
		string(reconcile.LevelUp), string(reconcile.LevelReady))
}

// how is how these gateways are acted upon.
func (f *actFlags) how(services []reconcile.Service) operate.ActOptions {
	opt := operate.ActOptions{Timeout: f.timeout, Ready: f.wait == string(reconcile.LevelReady)}
	if !opt.Ready {
		return opt
	}
	for _, s := range services {
		m, err := writing.ParseExcerpt(s.Name, s.Marker.Excerpt())
		if err == nil && len(m.Profiles) == 1 && m.Profiles[0].Ready != nil {
			opt.ReadyLimit = max(opt.ReadyLimit, m.Profiles[0].Ready.Timeout+reconcile.Grace)
		}
	}
	return opt
}

// newActCommand makes the three commands, which differ in words and in the direction alone.
func newActCommand(u ui, d operation) *cobra.Command {
	var flags actFlags
	cmd := &cobra.Command{
		Use:   d.verb + " PROFILE...|--all",
		Short: d.verb + " gateways by hand, and wait until they are " + d.state,
		Long: strings.ToUpper(
			d.verb[:1],
		) + d.verb[1:] + ` gateways now, and wait until they are ` + d.state + `. Where the manifest says otherwise, the next apply or
watch undoes it, and a warning says so. A profile with state: last keeps it, in gateway_state.json of its home.

No manifest is needed: the service directory of a gateway says, too, whether it should be up. The scandir is --scandir, else
$` + scandirVariable + `, else that of the manifest, else ` + defaultScandir + `.`,
		Example: "  hermes-reconcile " + d.verb + " coder writer\n  hermes-reconcile " + d.verb + " --all",
		RunE: func(cmd *cobra.Command, profiles []string) error {
			return runAct(cmd.Context(), u, &flags, d, profiles)
		},
	}
	flags.scandirFlags.add(cmd)
	flags.manifestFlags.add(cmd)
	f := cmd.Flags()
	f.BoolVar(&flags.all, "all", false, d.verb+" "+d.all)
	if d.action != reconcile.BringUp {
		f.BoolVar(&flags.now, "now", false, "do not let gateways drain: "+d.verb+" them at once, including those that drain already")
	}
	f.DurationVar(
		&flags.timeout,
		"timeout",
		0,
		"longest `DURATION` to wait for gateways (0: until nothing has happened for the longest stop_timeout concerned + 15s)",
	)
	if d.action == reconcile.Restart {
		flags.addTurns(cmd)
	}
	addPlainForm(cmd, &flags.form)
	flags.progress.add(cmd)
	f.DurationVar(&flags.lockTimeout, "lock-timeout", defaultLockTimeout,
		"longest `DURATION` to wait for an apply")
	return cmd
}

// runAct wants names or --all: nothing is stopped because a name was forgotten.
func runAct(ctx context.Context, u ui, flags *actFlags, d operation, profiles []string) error {
	if flags.timeout < 0 || flags.lockTimeout < 0 {
		return usagef("a timeout must not be negative")
	}
	if flags.most < 0 {
		return negativeTurns(flags.most)
	}
	if err := choose.NamedOrAll(d.verb, "names of profiles", profiles, flags.all); err != nil {
		return err
	}
	flags.progress.quiet = flags.progress.quiet || flags.form == formJSON
	if err := survive(); err != nil {
		return err
	}
	work := u.looking(flags.progress.quiet, flags.lockTimeout, &flags.manifestFlags)
	defer work.stop()
	m, err := flags.loadIfAny(u)
	if err != nil {
		return err
	}
	a := &acting{ui: u, operation: d, manifest: m}
	work.doing(lookingAtGateways())
	if err := a.enter(ctx, flags, work); err != nil {
		return err
	}
	defer a.scandir.Close()
	defer a.unlock()
	actual, err := a.scandir.Read() // under the lock: no apply changes it meanwhile
	work.stop()
	if err != nil {
		return err
	}
	warnTroubled(u, actual.Services)
	services, err := a.pick(actual.Services, profiles)
	if err != nil {
		return err
	}
	return a.do(ctx, services, flags)
}

// acting is a start, stop or restart under way.
type acting struct {
	ui
	operation
	manifest *manifest.Manifest // nil: there is none
	scandir  *deploy.Place
	lock     *journal.Lock // nil: it cannot be had
}

// unlock gives the lock back, if there is one.
func (a *acting) unlock() {
	if a.lock != nil {
		a.lock.Unlock()
	}
}

// enter opens the scandir and takes the lock, if that can be had.
func (a *acting) enter(ctx context.Context, flags *actFlags, work *working) (err error) {
	path, err := flags.resolve(scandirOf(a.manifest))
	if err != nil {
		return err
	}
	a.scandir, a.lock, err = deploy.Operate(ctx, path, a.verb+" gateways of", flags.lockTimeout,
		work.listener())
	return err
}

// pick selects the services to act on: those that the user names, or those that --all means.
func (a *acting) pick(
	services []reconcile.Service,
	profiles []string,
) ([]reconcile.Service, error) {
	if len(profiles) == 0 {
		return slices.DeleteFunc(services, func(s reconcile.Service) bool {
			unwanted := a.action == reconcile.BringUp && a.wanted(s) == manifest.StateDown
			idle := a.action == reconcile.Restart && s.Status.Down()
			return !s.Owned || !s.Status.Supervised || unwanted || idle
		}), nil
	}
	return choose.Ours(services, profiles)
}

// do acts on the services and records what should last.
func (a *acting) do(
	ctx context.Context,
	services []reconcile.Service,
	flags *actFlags,
) error {
	last := slices.DeleteFunc(slices.Clone(services),
		func(s reconcile.Service) bool { return a.wanted(s) != manifest.StateLast })
	var errs []error
	if a.up { // before a gateway runs, which writes to the same file
		errs = append(errs, a.remember(ctx, last))
	}
	acted, notes := a.act(ctx, services, flags)
	a.explain(ctx, acted)
	if !a.up {
		errs = append(
			errs,
			a.remember(context.WithoutCancel(ctx), last),
		) // after a timeout, too: what is wanted has been said
	}
	errs = append(errs, a.clearPending(acted), a.acted(acted, notes, a.operation, flags.form))
	a.warnOfUndoing(acted)
	return errors.Join(errs...)
}

// explain adds to the errors of gateways that came to an end what they have printed last.
func (a *acting) explain(ctx context.Context, acted []operate.Acted) {
	for i := range min(len(acted), doctor.MaxLogs) { // a look at a log takes a process
		var hopeless *reconcile.HopelessError
		if errors.As(acted[i].Err, &hopeless) {
			last := logs.LastLine(ctx, a.scandir, acted[i].Service, a.manifest)
			acted[i].Err = withHint(fmt.Errorf("%w%s", acted[i].Err, last), "%s logs %s",
				program, render.ProfileOf(acted[i].Service.Name))
		}
	}
}

// clearPending strikes off restarts that were owed and are done with this.
func (a *acting) clearPending(acted []operate.Acted) error {
	if !a.lock.Held() {
		return nil
	}
	var errs []error
	for _, done := range acted {
		var hopeless *reconcile.HopelessError // it was started, and did not stay
		// One that was up already runs its old script on: its restart is still to be made.
		if (done.Err == nil || errors.As(done.Err, &hopeless)) && (!done.Already || !a.up) {
			errs = append(errs, a.lock.RestartDone(done.Service.Name))
		}
	}
	return errors.Join(errs...)
}

// remember records what gateways in state last should be.
func (a *acting) remember(ctx context.Context, services []reconcile.Service) error {
	lock := a.lock
	if !lock.Held() { // it was given back for those that drain
		lock = nil
	}
	return a.scandir.Remember(ctx, lock, deploy.Wanted{
		Manifest: a.manifest, Services: services, Up: a.up, Running: a.action == reconcile.Restart,
	})
}

// wanted is what a gateway should be: as the manifest says, or else as it was applied last. It is
// empty where the manifest does not name it.
func (a *acting) wanted(s reconcile.Service) manifest.State {
	if a.manifest == nil {
		return manifest.State(gateways.Wanted(s))
	}
	if p := a.manifest.Profile(render.ProfileOf(s.Name)); p != nil {
		return p.State
	}
	return ""
}

// warnOfUndoing says what the next apply will undo.
func (a *acting) warnOfUndoing(acted []operate.Acted) {
	var undone, removed []string
	for _, done := range acted {
		profile := render.ProfileOf(done.Service.Name)
		switch {
		case done.Err != nil:
		case a.wanted(done.Service) == a.opposite:
			undone = append(undone, profile)
		case a.wanted(done.Service) == "":
			removed = append(removed, profile)
		}
	}
	if len(undone) > 0 {
		a.warning(explain.WarnUndone, "%s will be %s again by the next apply, or by watch%s", subject(undone), a.undo,
			namesOfSeveral(undone))
		a.hint("set state: %s in the manifest, or last, if it should stay so", a.keepState)
	}
	if len(removed) > 0 {
		a.warning(explain.WarnRemoved, "%s will be removed by the next apply, or by watch, because the manifest lacks %s%s",
			subject(removed), map[bool]string{true: "it", false: "them"}[len(removed) == 1],
			namesOfSeveral(removed))
	}
}

// subject begins a sentence about profiles: it is the only one, or their number.
func subject(profiles []string) string {
	if len(profiles) == 1 {
		return profiles[0]
	}
	return count(len(profiles), "gateway")
}

// namesOfSeveral ends a sentence that a number begins.
func namesOfSeveral(profiles []string) string {
	if len(profiles) == 1 {
		return ""
	}
	return ": " + strings.Join(profiles, ", ")
}
