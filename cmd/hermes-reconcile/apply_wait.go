//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/logs"
	"hermes-reconcile/cmd/hermes-reconcile/probe"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/s6ctl"
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

// arrive waits until the gateways that were changed have come as far as --wait says, and says which
// have not and why.
func (f *applyFlags) arrive(
	ctx context.Context,
	u ui,
	t *target,
	d *deploy.Deployment,
	r *explain.Report,
	result reconcile.Result,
	began time.Time,
) error {
	level := reconcile.Level(f.wait)
	if level == reconcile.LevelSupervised || level == reconcile.LevelNone {
		return nil
	}
	// Those that ended the restarts by turns were waited for there already.
	late, err := f.follow(ctx, u, d.Place, mayArrive(result), began)
	late = append(result.Late, late...)
	if err != nil || len(late) == 0 {
		return err
	}
	failed := &failure.Late{Level: level, Count: len(late)}
	// The reason is looked up after the wait, for those alone that are late: it costs a request or a
	// process each.
	answers := probe.Each(ctx, questions(late, level))
	last := lastLines(ctx, t, d, late)
	var all []complaint
	for i, l := range late {
		code := explain.CodeTimeout
		if l.Hopeless() {
			failed.Hopeless++
			code = explain.CodeHopeless
		}
		why := fmt.Sprintf("not %s%s: %s%s", level, waited(l), whyLate(l, level, answers[i]),
			last[l.Change.Service])
		r.Late(l.Change.Service, why)
		log := logs.File(t.Homes, d.S6, l.Change.Profile)
		all = append(all, complaint{
			service: l.Change.Service, why: why, hint: "see its log in " + log, code: code,
		})
	}
	u.complain(all)
	if failed.Hopeless == failed.Count { // then a longer wait is no advice
		return failed
	}
	return withHint(failed, "nothing was rolled back; wait longer with --timeout")
}

// follow waits for gateways, and says how many have come.
func (f *applyFlags) follow(
	ctx context.Context,
	u ui,
	place *deploy.Place,
	changes []reconcile.Change,
	began time.Time,
) ([]reconcile.Late, error) {
	awaited := map[string]time.Duration{}
	for _, c := range changes {
		if c.Wanted() {
			awaited[c.Service] = 0
		}
	}
	work := u.working(f.silent(), 0)
	defer work.stop()
	work.plan(f.wait, awaited)
	level := reconcile.Level(f.wait)
	if f.timeout == 0 {
		return operate.Follow(ctx, place.Sup, changes, level, work.listener())
	}
	left := max(f.timeout-time.Since(began), 0) // --timeout is for the apply and the wait together
	return operate.Arrive(ctx, place.Sup, changes, level, left, work.listener())
}

// lastLines are what gateways have printed last that came to an end, by service: those of the first
// few, since each takes a process.
func lastLines(
	ctx context.Context,
	t *target,
	d *deploy.Deployment,
	late []reconcile.Late,
) map[string]string {
	ended := map[string]bool{}
	for _, l := range late {
		if l.Hopeless() && len(ended) < doctor.MaxLogs {
			ended[l.Change.Service] = true
		}
	}
	lines := map[string]string{}
	if len(ended) == 0 {
		return lines
	}
	actual, err := d.Read() // anew: the plan knows the services as they were before
	if err != nil {
		return lines // the error that is told matters more than the last words of a gateway
	}
	for _, s := range actual.Services {
		if ended[s.Name] {
			lines[s.Name] = logs.LastLine(ctx, d.Place, s, t.Manifest)
		}
	}
	return lines
}

// mayArrive are the changes with gateways that may still come: not those that failed, are pending,
// or did not come back in their turn.
func mayArrive(result reconcile.Result) (changes []reconcile.Change) {
	for _, o := range result.Outcomes {
		late := slices.ContainsFunc(result.Late,
			func(l reconcile.Late) bool { return l.Change.Service == o.Change.Service })
		if o.Err == nil && !o.Pending && o.Delay == nil && !late {
			changes = append(changes, o.Change)
		}
	}
	return changes
}

// waited says how long a gateway was waited for.
func waited(l reconcile.Late) string {
	if l.Hopeless() {
		return ""
	}
	return " after " + l.After.Round(100*time.Millisecond).String()
}

// questions are what to ask gateways that run but do not seem to serve, empty for the others.
func questions(late []reconcile.Late, level reconcile.Level) []string {
	urls := make([]string, len(late))
	for i, l := range late {
		if l.State().Runs() && level == reconcile.LevelReady {
			urls[i] = l.Change.ReadyURL()
		}
	}
	return urls
}

// whyLate says what a gateway is instead of what it should be; answer is that to its question.
func whyLate(l reconcile.Late, level reconcile.Level, answer error) string {
	url := l.Change.ReadyURL()
	switch state := l.State(); {
	case state.Runs() && url != "" && level == reconcile.LevelReady:
		// A good answer of another program on the port is why the gateway cannot serve.
		if stranger := s6ctl.Stranger(s6ctl.ThisHost(), l.PID, l.Change.Port); answer == nil &&
			stranger != "" {
			answer = fmt.Errorf("%s answers instead", stranger)
		}
		if answer == nil {
			answer = errors.New("it answers now, but its service has not told s6 yet")
		}
		return fmt.Sprintf("up (pid %d), %s: %v", l.PID, url, answer)
	case state.Runs():
		return fmt.Sprintf("up (pid %d), but not for long enough yet", l.PID)
	}
	return l.Say()
}
