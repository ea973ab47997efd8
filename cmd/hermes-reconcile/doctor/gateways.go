//go:build linux

package doctor

import (
	"context"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/loglines"
	"hermes-reconcile/reconcile"
)

const gatewaysCheck = "gateways"

// Gateway is what status says of a gateway, and what else helps to judge it.
type Gateway struct {
	explain.Gateway
	Status reconcile.Status
	Log    string // the file that it logs to
	// User owns its control pipe, as s6-supervise made it; empty: that is not known.
	User string
	// Refusal is what hermes said when it refused its command line, or its profile; empty: it did
	// not, or that is not known.
	Refusal string
}

const (
	// slow is how long a gateway may take to start, to stop, or to answer as ready, before doctor
	// names it. It is the default of ready.timeout, and only a few gateways have a longer
	// stop_timeout.
	slow = time.Minute
	// looping is from how many deaths on a gateway's next start waits, and quiet after how long its
	// deaths are forgotten: as rendered scripts have it.
	looping = 3
	quiet   = 10 * time.Minute
)

// judgeGateways reports which gateways are not as they should be.
func judgeGateways(all []Gateway, listening bool, now time.Time) []explain.Finding {
	n := notes{check: gatewaysCheck}
	if !listening {
		n.unknown("all", "no s6-svscan is running, so none is supervised")
		return n.list
	}
	good := 0
	for _, g := range all {
		if n.adds(func() { n.state(g, now); n.drift(g) }) == 0 {
			good++
		}
	}
	switch {
	case len(all) == 0:
		n.ok("all", "no gateways here")
	case good > 0:
		n.ok("all", "nothing wrong with %s", explain.Count(good, "gateway"))
	}
	return n.list
}

// state reports what is wrong with a gateway's process. It is not known what a foreign one should
// be.
func (n *notes) state(g Gateway, now time.Time) {
	lasted := ago(g.Status.Since, now)
	see := "see " + g.Log
	switch state := reconcile.State(g.State); {
	case strings.HasPrefix(g.Refusal, loglines.UnknownProfile):
		n.add(explain.LevelError, g.Profile,
			"hermes profile create "+g.Profile+", or correct the name in the manifest",
			"hermes does not have its profile, so it exits %d: %s", loglines.ExitNoProfile, g.Refusal)
	case g.Refusal != "":
		n.add(
			explain.LevelError,
			g.Profile,
			"set command to what this hermes takes: see hermes gateway run --help, and the table in docs/manifest.md",
			"this hermes does not know its command line, so it exits 2: %s",
			g.Refusal,
		)
	case state == reconcile.StateCrashLoop:
		level := explain.LevelError
		// s6 counts each stop by hand, too, where no ./finish of ours clears its tally.
		if !g.Owned {
			level = explain.LevelWarning
		}
		n.add(level, g.Profile, see, "%s (%s)", state, g.Detail)
	case state.Runs() && g.Restarts >= looping && lasted < quiet:
		n.add(explain.LevelWarning, g.Profile, see, "it died %s and has been up for %s now",
			times(g.Restarts), lasted)
	case !g.Owned:
	case state == reconcile.StateUnsupervised:
		n.add(explain.LevelError, g.Profile, apply, "no s6-supervise runs on it")
	case state == reconcile.StateBackingOff:
		n.add(explain.LevelError, g.Profile, see, "%s (%s)", state, g.Detail)
	case state == reconcile.StateEnded && g.Status.ExitCode != 0:
		n.add(explain.LevelError, g.Profile,
			see+", then change its run script, or hermes-reconcile start "+g.Profile,
			"it exited %d, which means that no restart would help", g.Status.ExitCode)
	case state == reconcile.StateDown && g.Wanted == "up":
		n.add(explain.LevelError, g.Profile, "hermes-reconcile start "+g.Profile,
			"it is down but should be up")
	case state == reconcile.StateWaiting:
		n.add(explain.LevelError, g.Profile,
			"run its profile in only one container, and see what s6-svscan prints",
			"another gateway of its profile runs on its HERMES_HOME, so it waits")
	case state == reconcile.StateStopping && lasted >= slow:
		n.add(explain.LevelWarning, g.Profile, see, "it was told to stop and still runs")
	case state == reconcile.StateStarting && lasted >= slow:
		n.add(explain.LevelWarning, g.Profile, see, "it has been starting for %s", lasted)
	case state.Runs() && g.Wanted == "down":
		n.add(explain.LevelWarning, g.Profile, "hermes-reconcile stop "+g.Profile,
			"it is up but should be down")
	case state.Runs() && g.Failed && g.Alive != nil && !*g.Alive:
		n.add(explain.LevelError, g.Profile, "hermes-reconcile restart "+g.Profile+", or "+see,
			"%s", g.Detail)
	case state == reconcile.StateUp && g.Ready != nil && !*g.Ready && lasted >= slow:
		n.add(explain.LevelWarning, g.Profile, see,
			"it has been up for %s and has not answered as ready", lasted)
	}
}

// drift reports what of a gateway is not as it was rendered, and what is wrong with its logger.
func (n *notes) drift(g Gateway) {
	for _, d := range g.Drift {
		switch d {
		case explain.DriftForeign:
		case explain.DriftLogStuck:
			n.add(explain.LevelError, g.Profile,
				"see what s6-svscan prints, and whether "+g.Log+" can be written", "its %s", d)
		case explain.DriftLogDown:
			n.add(explain.LevelError, g.Profile, apply, "its %s", d)
		case explain.DriftOldLogger:
			n.add(explain.LevelError, g.Profile, apply,
				"its %s: an interrupted apply owes it a restart", d)
		case explain.DriftOldScript:
			n.add(explain.LevelError, g.Profile, apply,
				"it %s: an interrupted apply owes it a restart", d)
		case explain.DriftOrphan:
			n.add(
				explain.LevelWarning,
				g.Profile,
				"it runs and can be controlled; an apply that restarts or removes it ends that supervisor",
				"%s: the s6-svscan that started it is gone",
				d,
			)
		default:
			if n.misplaced(g, d) {
				continue
			}
			if strings.HasPrefix(d, explain.DriftBusy) {
				n.ok(g.Profile, "%s", d)
			} else if strings.HasPrefix(d, reconcile.FrozenLog) {
				n.add(explain.LevelError, g.Profile, apply+" starts its logger anew", "%s", d)
			} else if strings.HasPrefix(d, explain.DriftTrouble) {
				n.add(
					explain.LevelError,
					g.Profile,
					"look at who owns "+g.Service+" and what is in it; "+apply+" takes over what the manifest names",
					"%s",
					d,
				)
			} else if g.Owned {
				n.add(explain.LevelWarning, g.Profile, diffThen, "drift: %s", d)
			}
		}
	}
}

// misplaced reports a gateway that runs where it should not. It returns whether the words of drift
// are about that.
func (n *notes) misplaced(g Gateway, drift string) bool {
	switch {
	case strings.HasPrefix(drift, reconcile.RunsOutside),
		strings.HasPrefix(drift, reconcile.RunsTwice):
		n.add(explain.LevelError, g.Profile, apply, "it %s", drift)
	case !strings.HasPrefix(drift, explain.DriftDouble):
		return false
	case !strings.HasSuffix(drift, explain.DriftKeptDown):
		n.add(explain.LevelError, g.Profile, apply+" stops it and keeps it down",
			"%s is a %s, which was copied or renamed", g.Service, drift)
	}
	return true
}

// lookAtGateways takes what was seen of the gateways, and looks in the logs of those that may be
// refused.
func lookAtGateways(ctx context.Context, p *Facts) ([]explain.Finding, error) {
	if p.ScandirErr != nil {
		return nil, errScandirUnread
	}
	return judgeGateways(p.readRefusals(ctx), p.Actual.Listening, p.Now), nil
}
