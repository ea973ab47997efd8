//go:build linux

// Package late says why gateways have not come as far as they should have.
package late

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
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl/process"
)

// Code is what kind of error it is that a gateway is late: whether more time may help.
func Code(l reconcile.Late) explain.Code {
	if l.Hopeless() {
		return explain.CodeHopeless
	}
	return explain.CodeTimeout
}

// Reasons say of each for how long it has not come as far as the level asks for, or when it did not
// stay so, and what it is instead. Those that run but do not seem to serve are asked, which takes a
// request each.
func Reasons(
	ctx context.Context, late []reconcile.Late, level reconcile.Level, stayed bool,
) []string {
	urls := make([]string, len(late))
	for i, l := range late {
		if l.State().Runs() && level == reconcile.LevelReady {
			urls[i] = l.Change.ReadyURL()
		}
	}
	reasons := make([]string, len(late))
	for i, answer := range probe.Each(ctx, urls) {
		after := " after " + late[i].After.Round(100*time.Millisecond).String()
		reason := why(late[i], level, answer)
		switch {
		case stayed:
			reasons[i] = "did not stay up:" + after + ": " + reason
		case late[i].Hopeless():
			reasons[i] = fmt.Sprintf("not %s: %s", level, reason)
		default:
			reasons[i] = fmt.Sprintf("not %s%s: %s", level, after, reason)
		}
	}
	return reasons
}

// why says what a gateway is instead of what it should be; answer is that to its question.
func why(l reconcile.Late, level reconcile.Level, answer error) string {
	url := l.Change.ReadyURL()
	switch state := l.State(); {
	case state.Runs() && url != "" && level == reconcile.LevelReady:
		// A good answer of another program on the port is why the gateway cannot serve.
		if stranger := process.Stranger(process.ThisHost(), l.PID, l.Change.Port); answer == nil &&
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

// MayArrive are the changes with gateways that may still come: not those that failed, are pending,
// or did not come back in their turn.
func MayArrive(result reconcile.Result) (changes []reconcile.Change) {
	for _, o := range result.Outcomes {
		late := slices.ContainsFunc(result.Late,
			func(l reconcile.Late) bool { return l.Change.Service == o.Change.Service })
		if o.Err == nil && !o.Pending && o.Delay == nil && !late {
			changes = append(changes, o.Change)
		}
	}
	return changes
}

// LastLines are what gateways have printed last that came to an end, by service, as logs.LastLine
// gives it: those of the first few, since each takes a process. The manifest may be nil.
func LastLines(
	ctx context.Context, place *deploy.Place, m *manifest.Manifest, late []reconcile.Late,
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
	actual, err := place.Read() // anew: the plan knows the services as they were before
	if err != nil {
		return lines // the error that is told matters more than the last words of a gateway
	}
	for _, s := range actual.Services {
		if ended[s.Name] {
			lines[s.Name] = logs.LastLine(ctx, place, s, m)
		}
	}
	return lines
}

// Complain says why each of these gateways is late, and counts those that no more time would help.
// Each costs a request or a process, so this comes after the wait.
func Complain(
	ctx context.Context, place *deploy.Place, m *manifest.Manifest, late []reconcile.Late,
	level reconcile.Level,
) (*failure.Late, []failure.Complaint) {
	failed := &failure.Late{Level: level, Count: len(late)}
	reasons := Reasons(ctx, late, level, false)
	last := LastLines(ctx, place, m, late)
	all := make([]failure.Complaint, len(late))
	for i, l := range late {
		if l.Hopeless() {
			failed.Hopeless++
		}
		service := l.Change.Service
		all[i] = failure.Complaint{Service: service, Why: reasons[i] + last[service], Code: Code(l)}
	}
	return failed, all
}
