//go:build e2e && linux && amd64

package e2e

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// plans are those of the walks.
var plans = []*plan{
	applyPlan(), bootPlan(), noRescanPlan(), turnsPlan(), wavesPlan(), watchPlan(), drainPlan(),
	actPlan("stop"), actPlan("start"), actPlan("restart"), downPlan(), hostilePlan(),
	rollbackPlan(), canaryPlan(), adoptPlan(), rotatedPlan(),
}

// applyPlan is an apply with something of everything, either way: creations, one of them on the
// port of a removed gateway; updates with a restart of the gateway, of the logger, of both and of
// none, two of them with an exchange of their ports; one down and one up; removals; the adoption of
// a foreign directory with a logger and of one without; and a gateway that has nothing to do with
// it.
func applyPlan() *plan {
	return &plan{
		name: "apply", args: []string{"apply"},
		profiles: func(w *world, n int) map[string]wanted {
			value := side("v", n)
			return map[string]wanted{
				"same":            {keep: 10},
				"env":             {keep: 10, value: value, port: w.ports[n]},
				"both":            {keep: 10 + n, value: value, port: w.ports[1-n]},
				"log":             {keep: 10 + n},
				"quiet":           {keep: 10, stop: 3000 + n},
				"last":            {keep: 10, value: value, last: true},
				"flip0":           {keep: 10, down: n == 1},
				"flip1":           {keep: 10, down: n == 0},
				side("port", n):   {keep: 10, port: w.ports[2], last: true},
				side("new", n):    {keep: 10},
				side("logged", n): {keep: 10},
				side("bare", n):   {keep: 10, last: true},
			}
		},
		strangers: func(n int) []string { return []string{side("logged", n), side("bare", n)} },
		bring: func(w *world, strangers []string) {
			logged, bare := strangers[0], strangers[1]
			if !exists(w.dir(logged)) {
				w.place("gateway-"+logged, map[string]string{
					"run": strangerRun(logged), "down-signal": "TERM\n", "log/run": w.foreignLogger(),
					"env/KEPT": "1",
				})
			}
			if !exists(w.dir(bare)) {
				w.place("gateway-"+bare, map[string]string{"run": strangerRun(bare)})
			}
		},
		unmoved: []string{
			"gateway-same", "gateway-same/log", "gateway-quiet", "gateway-quiet/log", "gateway-log",
			"gateway-env/log", "gateway-last/log", "gateway-flip0/log", "gateway-flip1/log",
		},
		inPlace: []string{
			"same", "env", "both", "log", "quiet", "last", "flip0", "flip1", "logged0", "logged1",
		},
	}
}

// fewPlan is a command with one gateway of each kind: unchanged, restarted, with another logger,
// down and up, created and removed. Some are what they were last, so that the helper is asked.
func fewPlan(name string, args ...string) *plan {
	return &plan{
		name: name, args: args,
		profiles: func(_ *world, n int) map[string]wanted {
			return map[string]wanted{
				"same":         {keep: 10},
				"env":          {keep: 10, value: side("v", n)},
				"last":         {keep: 10 + n, last: true},
				"flip":         {keep: 10, down: n == 1},
				side("new", n): {keep: 10, last: true},
			}
		},
		unmoved: []string{"gateway-same", "gateway-same/log", "gateway-last", "gateway-env/log"},
		inPlace: []string{"same", "env", "last", "flip"},
	}
}

// bootPlan is the apply of a container that starts. It has as much time as it likes.
func bootPlan() *plan {
	p := fewPlan("apply --boot", "apply", "--boot", "--timeout", "4m")
	p.lenient = true
	p.partly = true // it does not wait for what it begins
	p.mend = func(w *world, s stroke) {
		// What could not be told of is made down, since there may be no later apply. It is said.
		if strings.Contains(s.text(), "cannot tell whether it was up last: ") && strings.Contains(s.text(), "warning: ") {
			r := w.run("start", side("new", 1-w.side))
			require.Equal(w.t, 0, r.code, "%v", r)
		}
	}
	return p
}

// noRescanPlan leaves the rescan, and so what comes and goes, to the next apply.
func noRescanPlan() *plan {
	p := fewPlan("apply --no-rescan", "apply", "--no-rescan")
	p.partly = true
	return p
}

// turnsPlan restarts one gateway after the other.
func turnsPlan() *plan {
	p := fewPlan("apply --max-parallel-restarts", "apply", "--max-parallel-restarts", "1")
	p.profiles = func(_ *world, n int) map[string]wanted {
		value := side("v", n)
		return map[string]wanted{
			"same": {keep: 10},
			"one":  {keep: 10, value: value},
			"two":  {keep: 10 + n, value: value},
			"last": {keep: 10, value: value, last: true},
		}
	}
	p.unmoved = []string{"gateway-same", "gateway-same/log", "gateway-one/log", "gateway-last/log"}
	p.inPlace = []string{"same", "one", "two", "last"}
	return p
}

// adoptPlan adopts gateways of others by turns, two of which get new directories, beside one of ours
// that restarts.
func adoptPlan() *plan {
	p := turnsPlan()
	p.name = "adoptions by turns"
	p.profiles = func(_ *world, n int) map[string]wanted {
		return map[string]wanted{
			"same":          {keep: 10},
			"one":           {keep: 10, value: side("v", n)},
			side("bare", n): {keep: 10}, side("plain", n): {keep: 10, last: true}, side("logged", n): {keep: 10},
		}
	}
	p.strangers = func(n int) []string { return []string{side("logged", n), side("bare", n), side("plain", n)} }
	p.bring = func(w *world, strangers []string) {
		for i, stranger := range strangers {
			if exists(w.dir(stranger)) {
				continue
			}
			files := map[string]string{"run": strangerRun(stranger)}
			if i == 0 {
				files["log/run"] = w.foreignLogger()
			}
			w.place("gateway-"+stranger, files)
		}
	}
	p.unmoved = []string{"gateway-same", "gateway-same/log", "gateway-one/log"}
	p.inPlace = []string{"same", "one", "logged0", "logged1"}
	return p
}

// canaryPlan changes one gateway first.
func canaryPlan() *plan {
	return fewPlan("apply --canary", "apply", "--canary", "1", "--settle", "100ms")
}

// rollbackPlan goes back to the other side, which was applied before.
func rollbackPlan() *plan {
	p := fewPlan("rollback", "rollback")
	p.setUp = func(w *world) {
		w.manifestOf(w.profiles(w, 0))
		w.mustApply()
	}
	// The last manifest on record is then the one that was gone back from, so the next rollback would
	// find nothing to do. It is recorded, and the one after it goes to the other side.
	p.mend = func(w *world, s stroke) {
		if strings.Contains(s.text(), "not recorded in the history") {
			require.Contains(w.t, w.must("rollback").stdout, "nothing changed")
		}
	}
	return p
}

// drainPlan is an apply whose gateways are asked to end before they are stopped: for updates, one of
// them the last with a drain and one the first, for an exchange of ports, for down, and for a
// removal. None is stopped before it has ended, whatever happens to the apply.
func drainPlan() *plan {
	return &plan{
		name: "drain", args: []string{"apply"},
		profiles: func(w *world, n int) map[string]wanted {
			value := side("v", n)
			return map[string]wanted{
				"same":         {keep: 10, drain: true},
				"env":          {keep: 10, value: value, drain: true},
				"both":         {keep: 10 + n, value: value, drain: true, port: w.ports[1-n]},
				"other":        {keep: 10, value: value, drain: true, port: w.ports[n]},
				"once":         {keep: 10, value: value, drain: n == 0},
				"last":         {keep: 10, value: value, drain: true, last: true},
				"flip":         {keep: 10, drain: true, down: n == 1},
				side("new", n): {keep: 10, drain: true},
			}
		},
		unmoved: []string{
			"gateway-same", "gateway-same/log", "gateway-env/log", "gateway-other/log", "gateway-once/log",
			"gateway-last/log", "gateway-flip/log",
		},
		inPlace: []string{"same", "env", "both", "other", "once", "last", "flip"},
		uncut:   []string{"same", "env", "both", "other", "last", "flip", "new0", "new1"},
	}
}

// rotatedPlan restarts gateways whose secret has changed, one of them drains; one has a new entry
// besides, and one heeds its secret from now on, or does not any more. One has the same again.
func rotatedPlan() *plan {
	token := func(w *world, profile string) string { return w.path("secrets", profile) }
	return &plan{
		name: "rotated secrets", args: []string{"apply"},
		profiles: func(w *world, n int) map[string]wanted {
			return map[string]wanted{
				"same":  {keep: 10, token: token(w, "same"), rotates: true},
				"one":   {keep: 10, token: token(w, "one"), rotates: true},
				"asked": {keep: 10, token: token(w, "asked"), rotates: true, drain: true},
				"env":   {keep: 10, token: token(w, "env"), rotates: true, value: side("v", n)},
				"often": {keep: 10, token: token(w, "often"), rotates: n == 0},
			}
		},
		setUp:   func(w *world) { w.rotateTokens(1) },
		prepare: func(w *world) { w.rotateTokens(1 - w.side) },
		unmoved: []string{"gateway-same", "gateway-same/log", "gateway-one/log", "gateway-asked/log", "gateway-env/log", "gateway-often/log"},
		inPlace: []string{"same", "one", "asked", "env", "often"},
		uncut:   []string{"asked"},
	}
}

// rotateTokens gives gateways the secrets of a side.
func (w *world) rotateTokens(n int) {
	for _, profile := range []string{"same", "one", "asked", "env", "often"} {
		content := side("of side ", n)
		if profile == "same" {
			content = "same"
		}
		w.secret(profile+"~", content)
		require.NoError(w.t, os.Rename(w.path("secrets", profile+"~"), w.path("secrets", profile)))
	}
}

// haveTokens checks that gateways have the secrets that are there, where that matters.
func (w *world) haveTokens(v view, profiles map[string]wanted) {
	w.t.Helper()
	for profile, p := range profiles {
		if p.token == "" || !p.rotates {
			continue
		}
		want, err := os.ReadFile(p.token)
		require.NoError(w.t, err)
		has, _ := envOf(processEnv(v.units["gateway-"+profile].pid), "TOKEN")
		require.Equal(w.t, string(want), has, profile)
	}
}

// wavesPlan lets gateways take turns to start on one side, and on the other start all at once.
func wavesPlan() *plan {
	p := fewPlan("apply of start", "apply")
	profiles := p.profiles
	p.profiles = func(w *world, n int) map[string]wanted {
		w.waves = []string{"{parallel: 1, per: up}", ""}[n]
		return profiles(w, n)
	}
	return p
}

// watchPlan is the first pass of watch.
func watchPlan() *plan {
	p := fewPlan("watch", "watch", "--interval", "1h", "--notification-fd", "3")
	p.endless, p.lenient = true, true
	return p
}

// acted are the profiles that are started and stopped by hand.
var acted = []string{"one", "two"}

// handPlan is a command for gateways that the manifest wants up, or as they were last. Another
// apply and a start bring them back.
func handPlan(name string, args ...string) *plan {
	return &plan{
		name: name, args: args,
		profiles: func(*world, int) map[string]wanted {
			return map[string]wanted{"same": {keep: 10}, "one": {keep: 10}, "two": {keep: 10, last: true}}
		},
		unmoved: []string{"gateway-same", "gateway-same/log", "gateway-one/log", "gateway-two/log"},
		inPlace: []string{"same", "one", "two"},
		partly:  true,
		byHand:  true,
		mend: func(w *world, _ stroke) {
			w.wholeState("two")
			r := w.run("start", "two")
			require.Equal(w.t, 0, r.code, "%v", r)
		},
	}
}

// wholeState checks that what is remembered of a gateway can be read.
func (w *world) wholeState(profile string) {
	w.t.Helper()
	data, err := os.ReadFile(w.path("home", "profiles", profile, "gateway_state.json"))
	require.NoError(w.t, err)
	var state struct {
		Gateway string `json:"gateway_state"`
		Desired string `json:"desired_state"`
	}
	require.NoError(w.t, json.Unmarshal(data, &state), "%q", data)
	require.Equal(w.t, "running", state.Gateway)
	require.Contains(w.t, []string{"", "running", "stopped"}, state.Desired)
}

// actPlan is start, stop or restart.
func actPlan(verb string) *plan {
	p := handPlan(verb, append([]string{verb}, acted...)...)
	if verb == "start" {
		p.prepare = func(w *world) {
			r := w.run(append([]string{"stop"}, acted...)...)
			require.Equal(w.t, 0, r.code, "%v", r)
		}
	}
	p.did = func(w *world, before view) {
		now := w.view()
		for _, profile := range acted {
			was, is := before.units["gateway-"+profile].pid, now.units["gateway-"+profile].pid
			require.Equal(w.t, verb == "stop", is == 0, "%s: pid %d", profile, is)
			require.NotEqual(w.t, was, is, "%s", profile)
		}
	}
	return p
}

// downPlan stops all gateways, as the end of a container does.
func downPlan() *plan {
	p := handPlan("down", "down", "--timeout", "4m")
	p.unmoved = []string{"gateway-same/log", "gateway-one/log", "gateway-two/log"}
	p.did = func(w *world, _ view) {
		for service, u := range w.view().units {
			logger := strings.HasSuffix(service, "/log")
			require.Equal(w.t, logger, u.pid != 0, "%s: pid %d", service, u.pid)
		}
	}
	return p
}

// hostilePlan adopts the directory of a gateway whose user turns on root: the folders of s6 are the
// user's own, its status is a FIFO that is open, there are symlinks to root's files, and a folder
// that the user keeps filling.
func hostilePlan() *plan {
	p := &plan{
		name: "adoption of a hostile directory", args: []string{"apply"},
		profiles: func(_ *world, n int) map[string]wanted {
			theirs := wanted{keep: 10, user: "nobody"}
			return map[string]wanted{"same": theirs, side("evil", n): theirs}
		},
		strangers: func(n int) []string { return []string{side("evil", n)} },
		bring:     func(w *world, strangers []string) { w.bringHostile(strangers[0]) },
		unmoved:   []string{"gateway-same", "gateway-same/log"},
		inPlace:   []string{"same"},
		contested: true,
		setUp: func(w *world) {
			w.victim()
			w.giveHome()
		},
	}
	p.beside = func(w *world) (stop func()) {
		full := w.dir(w.foreign()[0], "event", "full")
		if !exists(full) {
			return func() {}
		}
		return w.mischief(full, `n=$((n + 1)); : >"f$n"; mkdir -p "d$n/x"; ln -s / "l$n"; sleep 0.1`)
	}
	return p
}

// bringHostile puts the foreign gateway there, unless it is.
func (w *world) bringHostile(profile string) {
	w.t.Helper()
	if exists(w.dir(profile)) {
		return
	}
	victim := w.path("victim")
	w.place("gateway-"+profile, map[string]string{
		"run":     strings.Replace(strangerRun(profile), "exec hermes", "exec s6-setuidgid nobody hermes", 1),
		"log/run": w.foreignLogger(), "data/note": "",
	})
	w.svscanctl("-a")
	eventually(w.t, patience, func() bool {
		v := w.view()
		return v.runs(profile, "run", "--replace") && v.units["gateway-"+profile+"/log"].pid != 0
	}, "the hostile gateway runs")
	for _, folder := range []string{"supervise", "event", "log/supervise", "log/event"} {
		require.NoError(w.t, os.Chown(w.dir(profile, folder), nobody, nobody))
	}
	w.plants(profile, "supervise", "until rm -f status && mkfifo status; do :; done; ln -s "+victim+"/lock death_tally.new")
	w.plants(profile, "event", "mkdir full; ln -s "+victim+" led; mkfifo pipe")
	w.plants(profile, "log/supervise", "ln -s "+victim+"/state status.new")
	f, err := os.OpenFile(w.dir(profile, "supervise", "status"), os.O_RDWR|unix.O_NONBLOCK, 0)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { f.Close() })
}
