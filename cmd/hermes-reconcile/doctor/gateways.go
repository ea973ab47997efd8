package doctor

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl"
)

// Gateway is what status says of a gateway, and what else helps to judge it.
type Gateway struct {
	explain.Gateway
	Status reconcile.Status
	Log    string // the file that it logs to
	// Refusal is what hermes said when it refused its command line, or its profile; empty: it did
	// not, or that is not known.
	Refusal string
}

// The exit codes of a hermes that refuses to start: its command line (argparse), and its profile.
const (
	refused  = 2
	homeless = 1
)

// MayBeRefused reports whether a gateway ended a moment ago as one does that refuses its command
// line or its profile. Python takes 2 to 3 s to say so, so it may be up again.
func (g *Gateway) MayBeRefused(now time.Time) bool {
	code := g.Status.ExitCode
	return g.Owned && g.Status.Supervised && (code == refused || code == homeless) &&
		g.Status.Signal == 0 &&
		g.Restarts > 0 &&
		ago(g.Status.Since, now) < quiet
}

// refusal is the last line of what argparse prints, or what hermes says of a profile that it does
// not have.
var refusal = regexp.MustCompile(unknownProfile + ` '.*' does not exist.*|` +
	`\bhermes[a-z -]*: error: (unrecognized arguments|argument |invalid choice|the following arguments|ambiguous option).*`)

// unknownProfile is how the latter begins.
const unknownProfile = "Error: Profile"

// Refusal is the last line of a log in which hermes refuses its command line, or its profile.
func Refusal(log string) string {
	found := ""
	for line := range strings.Lines(log) {
		if said := refusal.FindString(strings.TrimSpace(line)); said != "" {
			found = said
		}
	}
	return Clip(found)
}

// Clip shortens what a gateway has printed to a piece of a line.
func Clip(text string) string {
	const most = 200 // bytes
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

// JudgeCommands reports the commands that end other gateways.
func JudgeCommands(commands map[string][]string) []explain.Finding {
	n := notes{check: Manifest}
	var replacing []string
	for _, profile := range sortedKeys(commands) {
		if slices.Contains(commands[profile], "--replace") &&
			slices.Contains(commands[profile], "gateway") {
			replacing = append(replacing, profile)
		}
	}
	if len(replacing) > 0 {
		n.add(
			explain.LevelWarning,
			listing(replacing),
			"leave command out: the default is right for hermes-agent from 0.19 on",
			"the command has --replace: it ends whatever serves the profile already, and several that start together end one another",
		)
	}
	return n.list
}

const (
	// slow is how long a gateway may take to start, to stop, or to answer as ready, before that is
	// worth a word. It is the default of ready.timeout, and less than a stop_timeout of some only.
	slow = time.Minute
	// looping is from how many deaths on a gateway's next start waits, and quiet after how long its
	// deaths are forgotten: as rendered scripts have it.
	looping = 3
	quiet   = 10 * time.Minute
)

// JudgeGateways tells which gateways are not as they should be.
func JudgeGateways(all []Gateway, listening bool, now time.Time) []explain.Finding {
	n := notes{check: Gateways}
	if !listening {
		n.unknown("all", "no s6-svscan is running, so none is supervised")
		return n.list
	}
	good := 0
	for _, g := range all {
		before := len(n.list)
		n.state(g, now)
		n.drift(g)
		if len(n.list) == before {
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

// JudgeStrays tells of processes that have outlived the gateways which started them, by profile.
func JudgeStrays(byProfile map[string][]s6ctl.Stray) []explain.Finding {
	n := notes{check: Gateways}
	for _, profile := range sortedKeys(byProfile) {
		var who []string
		for _, s := range byProfile[profile] {
			who = append(who, fmt.Sprintf("%q (pid %d)", s.Program, s.PID))
		}
		n.add(explain.LevelWarning, profile,
			"end them with kill, and let its command stay in the foreground",
			"processes of it have outlived it, and no stop reaches them: %s", listing(who))
	}
	return n.list
}

// state tells what is wrong with a gateway's process. Of a foreign one nothing says what it should
// be.
func (n *notes) state(g Gateway, now time.Time) {
	lasted := ago(g.Status.Since, now)
	see := "see " + g.Log
	switch state := reconcile.State(g.State); {
	case strings.HasPrefix(g.Refusal, unknownProfile):
		n.add(explain.LevelError, g.Profile,
			"hermes profile create "+g.Profile+", or mend the name in the manifest",
			"hermes does not have its profile, so it exits %d: %s", homeless, g.Refusal)
	case g.Refusal != "":
		n.add(
			explain.LevelError,
			g.Profile,
			"set command to what this hermes takes: see hermes gateway run --help, and the table in the README",
			"this hermes does not know its command line, so it exits 2: %s",
			g.Refusal,
		)
	case state == reconcile.StateCrashLoop:
		level := explain.LevelError
		if !g.Owned { // s6 counts each stop by hand, too, where no ./finish of ours clears its tally
			level = explain.LevelWarning
		}
		n.add(level, g.Profile, see, "%s (%s)", state, g.Detail)
	case state.Runs() && g.Restarts >= looping && lasted < quiet:
		n.add(explain.LevelWarning, g.Profile, see, "it has died %s, and runs for %s now",
			times(g.Restarts), lasted)
	case !g.Owned:
	case state == reconcile.StateUnsupervised:
		n.add(explain.LevelError, g.Profile, apply, "no s6-supervise runs on it")
	case state == reconcile.StateBackingOff:
		n.add(explain.LevelError, g.Profile, see, "%s (%s)", state, g.Detail)
	case state == reconcile.StateEnded && g.Status.ExitCode != 0:
		n.add(explain.LevelError, g.Profile,
			see+", then change its run script, or hermes-reconcile start "+g.Profile,
			"it exited %d, which says that no restart would help", g.Status.ExitCode)
	case state == reconcile.StateDown && g.Wanted == "up":
		n.add(explain.LevelError, g.Profile, "hermes-reconcile start "+g.Profile,
			"it is down but should be up")
	case state == reconcile.StateWaiting:
		n.add(explain.LevelError, g.Profile,
			"run its profile in one container alone, and see what s6-svscan prints",
			"another gateway of its profile runs on its HERMES_HOME, so it waits")
	case state == reconcile.StateStopping && lasted >= slow:
		n.add(explain.LevelWarning, g.Profile, see, "it is told to stop, and runs on")
	case state == reconcile.StateStarting && lasted >= slow:
		n.add(explain.LevelWarning, g.Profile, see, "it has been starting for %s", lasted)
	case state.Runs() && g.Wanted == "down":
		n.add(explain.LevelWarning, g.Profile, "hermes-reconcile stop "+g.Profile,
			"it is up but should be down")
	case state == reconcile.StateUp && g.Ready != nil && !*g.Ready && lasted >= slow:
		n.add(explain.LevelWarning, g.Profile, see,
			"it is up for %s, and has not answered as ready", lasted)
	}
}

// drift tells what of a gateway is not as it was rendered, and what is wrong with its logger.
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
				"%s: the one that had started it is gone",
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
				n.add(explain.LevelError, g.Profile, "look at who owns "+g.Service+" and what is in it; "+apply+" takes over what the manifest names", "%s", d)
			} else if g.Owned {
				n.add(explain.LevelWarning, g.Profile, diffThen, "drift: %s", d)
			}
		}
	}
}

// misplaced tells of a gateway that runs where it should not, and reports whether that is what the
// words are about.
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

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// LeftoverFacts are what is in a scandir and is no gateway of the manifest.
type LeftoverFacts struct {
	Services []Gateway // all of them
	Hidden   []reconcile.Hidden
	Owed     []string // services to which an apply owes something
	Traces   reconcile.Traces
	Dark     error           // why our dot directory cannot be looked at
	Culprits []string        // symlinks that lead nowhere
	Named    map[string]bool // profiles of the manifest
}

// JudgeLeftovers tells what interrupted applies have left, and what stands in the way of s6-svscan.
func JudgeLeftovers(r LeftoverFacts) []explain.Finding {
	n := notes{check: Leftovers}
	for _, name := range r.Culprits {
		n.add(
			explain.LevelError,
			name,
			"remove it",
			"a symlink that leads nowhere: from s6 2.12 on it aborts every scan, so nothing new is found",
		)
	}
	for _, g := range r.Services {
		n.foreign(g, r.Named[g.Profile])
	}
	switch {
	case r.Dark != nil:
		n.unknown("interrupted applies", "%v", r.Dark)
	case r.Traces.Locked:
		n.unknown("interrupted applies", "an apply is under way")
	default:
		n.interrupted(r)
	}
	if !n.bad() {
		n.ok("scandir", "nothing is left of an interrupted apply")
	}
	return n.list
}

// tellsPlace reports whether a gateway's drift says whose it is.
func tellsPlace(drift string) bool {
	for _, prefix := range []string{reconcile.RunsOutside, reconcile.RunsTwice, explain.DriftDouble} {
		if strings.HasPrefix(drift, prefix) {
			return true
		}
	}
	return false
}

// foreign tells of a gateway that is not ours. One that the manifest names will be adopted, as the
// plan says.
func (n *notes) foreign(g Gateway, named bool) {
	runs := g.Status.Supervised && !g.Status.Down()
	switch {
	case g.Owned || named || slices.ContainsFunc(g.Drift, tellsPlace):
	case g.Wanted == "" && len(g.Drift) > 0:
		n.add(explain.LevelWarning, g.Service, "remove it", "it %s, and no service directory",
			strings.Join(g.Drift, ", "))
	case runs:
		n.add(
			explain.LevelWarning,
			g.Service,
			"name it in the manifest to adopt it, or remove it with hermes-reconcile apply --prune=all",
			"foreign: it runs, and neither the manifest nor this tool knows it",
		)
	default:
		n.ok(g.Service, "foreign: neither the manifest nor this tool knows it, and it is down")
	}
}

// interrupted tells what the next apply will finish.
func (n *notes) interrupted(r LeftoverFacts) {
	for _, h := range r.Hidden {
		if h.Name != "" {
			n.add(explain.LevelWarning, h.Name, apply,
				"an interrupted apply had begun to remove it%s", runsOn(h))
		}
	}
	there := make(map[string]bool, len(r.Services))
	for _, g := range r.Services {
		there[g.Service] = true
	}
	for _, name := range r.Owed {
		if !there[name] {
			n.add(explain.LevelWarning, name, apply,
				"an interrupted apply owes it a restart, and it is not there")
		}
	}
	if len(r.Traces.Staged) > 0 {
		n.add(explain.LevelWarning, "staging", apply,
			"an interrupted apply has left what it was writing: %s", listing(r.Traces.Staged))
	}
}

func runsOn(h reconcile.Hidden) string {
	if h.Status.Supervised || h.Log.Supervised {
		return ", and it runs on"
	}
	return ""
}

func pid(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", n)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
