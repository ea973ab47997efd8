//go:build linux

package doctor

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/tokens"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl"
	"hermes-reconcile/s6ctl/process"
)

// now is when all looks of these tests are.
var now = time.Date(2026, time.November, 1, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) time.Time { return now.Add(-d) }

var errDark = errors.New("permission denied")

// told are findings, a line each: level, object, what was found, and the hint.
func told(findings []explain.Finding) string {
	var lines []string
	for _, f := range findings {
		line := fmt.Sprintf("%s | %s | %s", f.Level, f.Object, f.Found)
		if f.Hint != "" {
			line += " | " + f.Hint
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

type tell map[string]struct {
	findings []explain.Finding
	want     string
}

func (all tell) check(t *testing.T, check string) {
	t.Helper()
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(strings.Trim(c.want, "\n"), told(c.findings)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			for _, f := range c.findings {
				require.Equal(t, check, f.Check)
				require.NotEmpty(t, f.Found)
				require.Equal(t, f.Level == explain.LevelWarning || f.Level == explain.LevelError, f.Hint != "", "what is wrong says what to do: %v", f)
			}
		})
	}
}

func TestSupervisor(t *testing.T) {
	missing := fmt.Errorf("%w: cannot find s6-svc", s6ctl.ErrNotInstalled)
	tell{
		"s6": {judgeSupervisor(supervisorFacts{Kind: s6ctl.KindS6, Folder: "/command", Overlay: true, Runtime: manifest.RuntimeS6Overlay}), `
ok | s6 | the programs of s6 are in /command`},
		"a tree of its own": {judgeSupervisor(supervisorFacts{Kind: s6ctl.KindSystemd, Folder: "/usr/bin", Runtime: manifest.RuntimeS6}), `
ok | systemd | the programs of s6 are in /usr/bin`},
		"nothing": {judgeSupervisor(supervisorFacts{Kind: s6ctl.KindNone, Missing: missing}), `
error | none | s6 is not installed: cannot find s6-svc | install s6, or run this in the container`},
		"another": {judgeSupervisor(supervisorFacts{Kind: s6ctl.KindSystemd, Missing: missing}), `
error | systemd | s6 is not installed: cannot find s6-svc; services of this system are supervised by systemd | run this in the container`},
		"no overlay": {judgeSupervisor(supervisorFacts{Kind: s6ctl.KindS6, Folder: "/usr/bin", Runtime: manifest.RuntimeS6Overlay}), `
ok | s6 | the programs of s6 are in /usr/bin
error | runtime | the manifest says s6-overlay, but its scripts start through /command/with-contenv, which is not there | set runtime: s6 in the manifest, if this is a plain s6 tree`},
	}.check(t, supervisorCheck)
}

func TestScandir(t *testing.T) {
	tell{
		"fine": {judgeScandir(scandirFacts{Path: "/s", Listening: true}, now), `
ok | /s | s6-svscan runs on it`},
		"cannot be read": {judgeScandir(scandirFacts{Path: "/s", Err: errors.New("cannot open scandir")}, now), `
error | /s | cannot open scandir | name the folder that s6-svscan runs on with --scandir`},
		"silent": {judgeScandir(scandirFacts{Path: "/s"}, now), `
error | /s | no s6-svscan is running on it | start s6-svscan on it, or name another with --scandir`},
		"dark": {judgeScandir(scandirFacts{Path: "/s", Listening: true, Dark: errDark, Traces: reconcile.Traces{Locked: true}}, now), `
ok | /s | s6-svscan runs on it
not checked | lock | cannot find out whether an apply is under way: permission denied`},
		"busy, held and woken": {judgeScandir(scandirFacts{Path: "/s", Listening: true, Held: before(90 * time.Second),
			Traces: reconcile.Traces{Locked: true, Holder: 17, Woken: before(1500 * time.Millisecond)}}, now), `
ok | /s | s6-svscan runs on it
ok | lock | an apply is under way (pid 17)
warning | down | down was called 1m30s ago: watch starts nothing until the next apply | hermes-reconcile apply
ok | rescan | 1s ago an apply left new services for s6-svscan to find; the next apply checks whether it has found them`},
		"held by who cannot be told": {judgeScandir(scandirFacts{Path: "/s", Listening: true, Traces: reconcile.Traces{Locked: true}}, now), `
ok | /s | s6-svscan runs on it
ok | lock | an apply is under way`},
	}.check(t, scandirCheck)
}

func TestRoom(t *testing.T) {
	full := errors.New("no room: s6-svscan takes 4 services")
	some := reconcile.Vacancy{Services: 4, Limit: 1000, CountsLoggers: true, More: 498, Err: full}
	none := reconcile.Vacancy{Services: 4, Limit: 4, CountsLoggers: true, Err: full}
	tell{
		"newer": {judgeRoom(some, nil, directoryChanges{Comes: 498}), `
ok | s6-svscan | s6 2.12 or later: 4 of 1000 services, loggers included; room for 498 more gateways`},
		"older": {judgeRoom(reconcile.Vacancy{Services: 2, Limit: 3, More: 1, Err: full}, nil, directoryChanges{}), `
ok | s6-svscan | s6 before 2.12: 2 of 3 services; room for 1 more gateway`},
		"full": {judgeRoom(none, nil, directoryChanges{Comes: 2, Goes: 2}), `
warning | s6-svscan | no room for one more gateway: no room: s6-svscan takes 4 services | raise that limit, or remove services`},
		"too many": {judgeRoom(some, nil, directoryChanges{Comes: 500, Goes: 1}), `
error | s6-svscan | room for 498 more gateways, and the manifest adds 499: no room: s6-svscan takes 4 services | raise that limit, or remove services`},
		"not known": {judgeRoom(reconcile.Vacancy{}, s6ctl.ErrNotListening, directoryChanges{Comes: 1}), `
not checked | s6-svscan | cannot find out how many services it takes: no s6-svscan is running on it`},
	}.check(t, roomCheck)
}

func TestManifest(t *testing.T) {
	names := []string{"a.yaml", "b"}
	tell{
		"none": {judgeManifest([]string{"profiles.yaml"}, nil, nil), `
not checked | profiles.yaml | there is no manifest, so less is checked: name one with -f`},
		"right": {judgeManifest(names, &manifest.Manifest{Profiles: make([]manifest.Profile, 2)}, nil), `
ok | a.yaml, b | 2 profiles`},
		"wrong": {judgeManifest(names, nil, []error{errors.New("a.yaml:1:2: x"), errors.New("b/c.yaml:1:1: y")}), `
error | a.yaml, b | 2 errors: a.yaml:1:2: x | hermes-reconcile validate`},
	}.check(t, manifestCheck)
}

func TestPlan(t *testing.T) {
	report := func(differs bool, text string) *explain.Report {
		return &explain.Report{Differs: differs, Summary: explain.Summary{Text: text}}
	}
	tell{
		"nothing": {judgePlan(report(false, "no changes: 1 unchanged"), nil, nil), `
ok | manifest and scandir | no changes: 1 unchanged`},
		"something": {judgePlan(report(true, "1 to create"), nil, errDark), `
warning | manifest and scandir | apply would change something: 1 to create | hermes-reconcile diff, then hermes-reconcile apply`},
		"in the dark": {judgePlan(report(false, "no changes: 1 unchanged"), nil, errDark), `
not checked | manifest and scandir | no changes: 1 unchanged, but it is not known what interrupted applies owe: permission denied`},
		"obstacle": {judgePlan(report(false, ""), errors.New("gateway-a: it is a symlink"), nil), `
error | manifest and scandir | cannot plan: gateway-a: it is a symlink | remove the obstacle, or look with hermes-reconcile diff`},
	}.check(t, planCheck)
}

func TestUsers(t *testing.T) {
	accounts := map[string]error{"hermes": nil, "ghost": errors.New("unknown user ghost"), "coder": nil}
	tell{
		"root": {judgeUsers(userFacts{Known: true, Accounts: accounts}), `
ok | root | root can check everything
error | ghost | no such account here: unknown user ghost | add the account, or set user in the manifest
ok | coder, hermes | the accounts of the gateways are there`},
		"owner": {judgeUsers(userFacts{Me: 7, Owner: 7, Known: true, Accounts: map[string]error{"ghost": errDark}}), `
ok | user 7 | s6-svscan and all gateways are this user's, too
ok | ghost | no such account here, and none is needed: s6-svscan does not run as root`},
		"another": {judgeUsers(userFacts{Me: 7, Known: true}), `
not checked | user 7 | neither root nor user 0, who runs this s6-svscan: some things cannot be checked, and apply would fail`},
		"no scandir": {judgeUsers(userFacts{Me: 7}), `
not checked | user 7 | not root: files and processes of other users cannot be checked`},
	}.check(t, usersCheck)
}

func TestHome(t *testing.T) {
	d := homeFacts{Path: "/opt/data", Origin: "hermes_home", Users: map[string]string{"a": "hermes", "b": "hermes", "c": ""}}
	with := func(found map[string]home.Finding) homeFacts { d.Found = found; return d }
	tell{
		"fine": {judgeHome(with(map[string]home.Finding{"a": {}, "b": {}})), `
ok | /opt/data | HERMES_HOME, as hermes_home says: 2 gateways can write there`},
		"one cause for several": {judgeHome(with(map[string]home.Finding{
			"a": {Faults: []string{"cannot use X"}}, "b": {Faults: []string{"cannot use X", "cannot write Y"}}, "c": {Unknown: "only root can look"},
		})), `
error | /opt/data | hermes: cannot use X (a, b) | let the user of the gateways write there, or set another HERMES_HOME
error | /opt/data | hermes: cannot write Y (b) | let the user of the gateways write there, or set another HERMES_HOME
not checked | /opt/data | only root can look (c)`},
		"some": {judgeHome(with(map[string]home.Finding{"a": {}, "c": {Faults: []string{"cannot use X"}}})), `
error | /opt/data | its user: cannot use X (c) | let the user of the gateways write there, or set another HERMES_HOME
ok | /opt/data | HERMES_HOME, as hermes_home says: 1 gateway can write there`},
		"another one": {judgeHome(homeFacts{Path: "/x", Origin: "the environment", Gateways: "/opt/data", GatewaysOrigin: "hermes_home"}), `
warning | /x | HERMES_HOME, as the environment says, but gateways have "/opt/data", as hermes_home says: what is said here of their files is not theirs | unset HERMES_HOME, or set it to that of the gateways`},
		"relative": {judgeHome(homeFacts{Path: "data", Origin: "the environment of s6-svscan", Found: map[string]home.Finding{"a": {Unknown: `"data" is not absolute`}}}), `
error | data | HERMES_HOME, as the environment of s6-svscan says, is not absolute: each gateway would look for it in its service directory | set HERMES_HOME to an absolute path where s6-svscan is started`},
		"not known": {judgeHome(homeFacts{Path: "/x", Err: errDark}), `
not checked | /x | cannot find out where HERMES_HOME is: permission denied`},
	}.check(t, homeCheck)
}

func TestMissingProfiles(t *testing.T) {
	homeOf := func(string) string { return "/opt/data" }
	many := absentProfiles{}
	for i := range 20 {
		many[fmt.Sprintf("p%02d", i)] = ""
	}
	tell{
		"none": {judgeAbsent(nil, homeOf), ""},
		"two": {judgeAbsent(absentProfiles{"codr": "coder", "far": ""}, homeOf), `
error | /opt/data | hermes does not know profile codr: there is no profiles/codr (did you mean coder?) | hermes profile create codr, or correct the name in the manifest
error | /opt/data | hermes does not know profile far: there is no profiles/far | hermes profile create far, or correct the name in the manifest`},
		"many": {judgeAbsent(many, homeOf), `
error | profiles | hermes does not know 20 profiles, which have no profiles/NAME in their HERMES_HOME: p00, p01, p02, p03, p04, p05, p06, p07 and 12 more | hermes profile create NAME, or correct the names in the manifest`},
	}.check(t, homeCheck)
}

func TestMultiplex(t *testing.T) {
	served := []string{"default", "a", "b"}
	tell{
		"not known": {judgeMultiplex(multiplexFacts{Unknown: "the disk does not answer"}), `
not checked | gateway_state.json | cannot find out which profiles the root gateway serves: the disk does not answer`},
		"itself alone": {judgeMultiplex(multiplexFacts{Up: true, Served: []string{"default"}, Own: []string{"default", "a"}}), `
ok | gateway_state.json | the root gateway serves no profile that has a gateway of its own`},
		"others alone": {judgeMultiplex(multiplexFacts{Up: true, Served: served, Own: []string{"default", "c"}}), `
ok | gateway_state.json | the root gateway serves no profile that has a gateway of its own`},
		"twice": {judgeMultiplex(multiplexFacts{Up: true, Served: served, Own: []string{"default", "a", "b"}}), `
warning | gateway_state.json | the root gateway serves profiles that have a gateway of their own, so both use the same bot token: a, b | set state: down for these, or gateway.standalone: true in the config.yaml of their homes`},
		"a stale list": {judgeMultiplex(multiplexFacts{Up: true, Served: served, Own: []string{"a"}, Says: new(bool), Where: "config.yaml"}), `
ok | gateway_state.json | the root gateway serves no other profile according to config.yaml; it served these before: a`},
		"down": {judgeMultiplex(multiplexFacts{Served: served, Own: []string{"a"}}), `
ok | gateway_state.json | the root gateway does not run; when it last did, it served profiles that have a gateway of their own: a`},
	}.check(t, multiplexCheck)
}

func TestClaims(t *testing.T) {
	since := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	own := []string{"a", "b", "default"}
	host := func(launched, ours string, lives bool, profiles ...string) claimFacts {
		h := home.Host{PID: 7, Since: since, Home: "/opt/data", Profiles: profiles}
		if launched != "default" {
			h.Home += "/profiles/" + launched
		}
		return claimFacts{Own: own, Hosts: []hostFacts{{Host: h, At: "/opt/data", Lives: lives, Ours: ours}}}
	}
	const fine = "\nok | profiles | hermes has none of 3 profiles parked, and no other gateway serves one"
	const file = "/opt/data/.local/state/hermes/gateway-locks/host-gateway.json"
	tell{
		"none": {judgeClaims(claimFacts{Own: own}), fine},
		"parked": {judgeClaims(claimFacts{Own: own, Parked: map[string]time.Time{"b": since, "other": since}}), `
warning | b | hermes has it parked since 2026-11-28T12:00:00Z, as ` + "`hermes gateway stop`" + ` does, and its gateway here runs, or should | set state: down for it, or delete the file gateway.parked in its home`},
		"the root one, here":    {judgeClaims(host("default", "default", true, "default", "a")), fine},
		"one for itself":        {judgeClaims(host("a", "a", true, "a")), fine},
		"one for itself, ended": {judgeClaims(host("a", "", false, "a")), fine},
		"others":                {judgeClaims(host("c", "", true, "c", "d")), fine},
		"one of ours for others": {judgeClaims(host("a", "a", true, "a", "b")), `
warning | ` + file + ` | the gateway of a serves profiles that have one of their own, so both use the same bot token: b | set gateway.standalone: true in the config.yaml of their homes, or state: down for these`},
		"another one": {judgeClaims(host("default", "", true, "default", "b")), `
warning | ` + file + ` | a gateway of hermes (pid 7, profile "default", since 2026-11-28T12:00:00Z) serves profiles that have a gateway here, so both use the same bot token: b, default | end that one: hermes -p default gateway stop, or set state: down for these`},
		"another one for itself": {judgeClaims(host("a", "", true, "a")), `
warning | ` + file + ` | a gateway of hermes (pid 7, profile "a", since 2026-11-28T12:00:00Z) serves profiles that have a gateway here, so both use the same bot token: a | end that one: hermes -p a gateway stop, or set state: down for these`},
		"not here": {judgeClaims(host("default", "", false, "default", "b")), `
not checked | ` + file + ` | whether a gateway of hermes (pid 7, profile "default", since 2026-11-28T12:00:00Z) still serves these: b. No such process is here: it has ended without deleting this file, or runs in another container`},
	}.check(t, claimsCheck)
}

func TestTokens(t *testing.T) {
	shared := tokens.Find([]tokens.Use{
		{Profile: "a", Variable: "TELEGRAM_BOT_TOKEN", Same: "x", From: "secrets"},
		{Profile: "b", Variable: "TELEGRAM_BOT_TOKEN", Same: "x", From: ".env"},
		{Profile: "c", Variable: "TELEGRAM_BOT_TOKEN", Same: "y", From: "env"},
	})
	unread := grouped{}
	unread.add(".env could not be read", "c")
	tell{
		"none": {judgeTokens(tokenFacts{Profiles: 3}), `
ok | profiles | no token of a chat service is used twice by 3 gateways`},
		"two": {judgeTokens(tokenFacts{Profiles: 3, Shared: shared}), `
warning | TELEGRAM_BOT_TOKEN | 2 profiles use the same value, and only one gateway at a time can: a (secrets), b (.env) | give each profile a token of its own, or set state: down for all but one`},
		"unread": {judgeTokens(tokenFacts{Profiles: 3, Unknown: unread}), `
not checked | profiles | .env could not be read (c)`},
	}.check(t, tokensCheck)
}

// gateway is one of ours that is as it should be, since an hour, but for what change makes of it.
func gateway(change func(*Gateway)) Gateway {
	g := Gateway{Gateway: explain.Gateway{Profile: "a", Service: "gateway-a", Owned: true, Wanted: "up", State: "up", PID: 5}, Log: "/log"}
	g.Status = reconcile.Status{Supervised: true, WantUp: true, PID: 5, Since: before(time.Hour)}
	change(&g)
	return g
}

func TestGateways(t *testing.T) {
	no := false
	for name, c := range map[string]struct {
		change func(*Gateway)
		want   string
	}{
		"up":               {func(*Gateway) {}, ""},
		"down, as it may":  {func(g *Gateway) { g.State, g.Wanted = "down", "down" }, ""},
		"down, as it was":  {func(g *Gateway) { g.State, g.Wanted = "down", "last" }, ""},
		"foreign and down": {func(g *Gateway) { g.State, g.Owned, g.Drift = "down", false, []string{explain.DriftForeign} }, ""},
		"foreign crash loop": {func(g *Gateway) { g.Owned, g.State, g.Detail = false, "crash loop", "3 deaths, exited 1" },
			"warning | a | crash loop (3 deaths, exited 1) | see /log"},
		"foreign, not as it says": {func(g *Gateway) { g.Owned, g.Wanted = false, "down" }, ""},
		"foreign and ended":       {func(g *Gateway) { g.Owned, g.State, g.Status.ExitCode = false, "ended", 78 }, ""},
		"down":                    {func(g *Gateway) { g.State = "down" }, "error | a | it is down but should be up | hermes-reconcile start a"},
		"up in vain":              {func(g *Gateway) { g.Wanted = "down" }, "warning | a | it is up but should be down | hermes-reconcile stop a"},
		"unsupervised":            {func(g *Gateway) { g.State = "unsupervised" }, "error | a | no s6-supervise runs on it | hermes-reconcile apply"},
		"refused command line": {func(g *Gateway) {
			g.State, g.Restarts, g.Status.ExitCode, g.Refusal = "backing off", 7, 2, "hermes: error: unrecognized arguments: --x"
		},
			"error | a | this hermes does not know its command line, so it exits 2: hermes: error: unrecognized arguments: --x | set command to what this hermes takes: see hermes gateway run --help, and the table in docs/manifest.md"},
		"backing off": {func(g *Gateway) { g.State, g.Detail = "backing off", "next start in 9 s, exited 3" },
			"error | a | backing off (next start in 9 s, exited 3) | see /log"},
		"crash loop": {func(g *Gateway) { g.State, g.Detail = "crash loop", "3 deaths, ended by signal 9" },
			"error | a | crash loop (3 deaths, ended by signal 9) | see /log"},
		"perhaps out of a crash loop": {func(g *Gateway) { g.Restarts, g.Status.Since = 3, before(80*time.Second) },
			"warning | a | it died 3 times and has been up for 1m20s now | see /log"},
		"quiet since":       {func(g *Gateway) { g.Restarts, g.Status.Since = 30, before(11*time.Minute) }, ""},
		"died twice":        {func(g *Gateway) { g.Restarts, g.Status.Since = 2, before(time.Second) }, ""},
		"ended":             {func(g *Gateway) { g.State, g.Status.ExitCode = "ended", 78 }, "error | a | it exited 78, which means that no restart would help | see /log, then change its run script, or hermes-reconcile start a"},
		"done":              {func(g *Gateway) { g.State = "ended" }, ""},
		"starting":          {func(g *Gateway) { g.State, g.Status.Since = "starting", before(59*time.Second) }, ""},
		"starting for long": {func(g *Gateway) { g.State, g.Status.Since = "starting", before(61*time.Second) }, "warning | a | it has been starting for 1m1s | see /log"},
		"stopping for long": {func(g *Gateway) { g.State = "stopping" }, "warning | a | it was told to stop and still runs | see /log"},
		"not ready":         {func(g *Gateway) { g.Ready = &no }, "warning | a | it has been up for 1h0m0s and has not answered as ready | see /log"},
		"not alive":         {func(g *Gateway) { g.Alive, g.Failed, g.Detail = &no, true, "not alive for 2m0s: answers 503" }, "error | a | not alive for 2m0s: answers 503 | hermes-reconcile restart a, or see /log"},
		"not ready yet":     {func(g *Gateway) { g.Ready, g.Status.Since = &no, before(time.Second) }, ""},
		"edited":            {func(g *Gateway) { g.Drift = []string{"edited: run"} }, "warning | a | drift: edited: run | hermes-reconcile diff, then hermes-reconcile apply"},
		"loggers": {func(g *Gateway) { g.Drift = []string{explain.DriftLogStuck, explain.DriftLogDown} }, `
error | a | its logger cannot run | see what s6-svscan prints, and whether /log can be written
error | a | its logger told down | hermes-reconcile apply`},
		"owed": {func(g *Gateway) { g.Drift = []string{explain.DriftOldScript, explain.DriftOldLogger} }, `
error | a | it runs an old script: an interrupted apply owes it a restart | hermes-reconcile apply
error | a | its logger runs an old script: an interrupted apply owes it a restart | hermes-reconcile apply`},
	} {
		want := c.want
		if want == "" {
			want = "ok | all | nothing wrong with 1 gateway"
		}
		tell{name: {judgeGateways([]Gateway{gateway(c.change)}, true, now), want}}.check(t, gatewaysCheck)
	}
	tell{
		"none":      {judgeGateways(nil, true, now), "ok | all | no gateways here"},
		"no svscan": {judgeGateways([]Gateway{gateway(func(*Gateway) {})}, false, now), "not checked | all | no s6-svscan is running, so none is supervised"},
		"of several": {judgeGateways([]Gateway{gateway(func(*Gateway) {}), gateway(func(g *Gateway) { g.Profile, g.State = "b", "down" })}, true, now), `
error | b | it is down but should be up | hermes-reconcile start b
ok | all | nothing wrong with 1 gateway`},
	}.check(t, gatewaysCheck)
}

func TestPorts(t *testing.T) {
	a := portFacts{Number: 9201, Profile: "a", Wanted: true, PID: 5, Since: before(time.Second)}
	down := portFacts{Number: 9201, Profile: "a"}
	long := a
	long.Since = before(time.Hour)
	on := func(address string, pid, service int) sockets {
		l := process.Listener{Address: netip.MustParseAddrPort(address), UID: 33, PID: pid, Program: "python3", Service: service}
		if pid == 0 {
			l.Program = ""
		}
		return sockets{Listeners: []process.Listener{{Address: netip.MustParseAddrPort("0.0.0.0:80"), PID: 1}, l}, Services: map[int]string{5: "gateway-a", 6: "gateway-b"}}
	}
	const hint = " | end that, or give a another port in the manifest"
	tell{
		"none":     {judgePorts(nil, sockets{}, now), "ok | all | no gateway has a port"},
		"its own":  {judgePorts([]portFacts{long}, on("127.0.0.1:9201", 8, 5), now), "ok | all | 1 port; none is used by another program"},
		"free":     {judgePorts([]portFacts{a, down}[:1], on("127.0.0.1:80", 8, 5), now), "ok | all | 1 port; none is used by another program"},
		"another":  {judgePorts([]portFacts{a}, on("127.0.0.1:9201", 8, 0), now), `error | 9201 | taken by "python3" (pid 8, 127.0.0.1:9201), so gateway-a cannot have it` + hint},
		"anywhere": {judgePorts([]portFacts{a}, on("[::]:9201", 8, 0), now), `error | 9201 | taken by "python3" (pid 8, [::]:9201), so gateway-a cannot have it` + hint},
		"another one of ours": {judgePorts([]portFacts{a}, on("127.0.0.1:9201", 8, 6), now),
			`error | 9201 | taken by gateway-b ("python3", pid 8, 127.0.0.1:9201), so gateway-a cannot have it` + hint},
		"elsewhere":         {judgePorts([]portFacts{a}, on("10.0.0.1:9201", 8, 0), now), "ok | all | 1 port; none is used by another program"},
		"down":              {judgePorts([]portFacts{down}, on("127.0.0.1:9201", 8, 0), now), `warning | 9201 | taken by "python3" (pid 8, 127.0.0.1:9201), so gateway-a cannot have it` + hint},
		"whose is unseen":   {judgePorts([]portFacts{a}, on("127.0.0.1:9201", 0, 0), now), "not checked | 9201 | a program listens; it cannot be seen from here whether it is gateway-a"},
		"not its, whosever": {judgePorts([]portFacts{down}, on("127.0.0.1:9201", 0, 0), now), `warning | 9201 | taken by a process of user 33 (127.0.0.1:9201), so gateway-a cannot have it` + hint},
		"nobody":            {judgePorts([]portFacts{long}, on("127.0.0.1:80", 8, 5), now), "warning | 9201 | no program listens on it, and gateway-a is up for 1h0m0s | see its log, and whether its command takes the port"},
		"shared": {judgePorts([]portFacts{a, {Number: 9201, Profile: "b", Wanted: true}, {Number: 9202, Profile: "c"}, {Number: 9202, Profile: "d", Wanted: true}}, sockets{}, now), `
error | 9201 | 2 gateways have it: a, b | give one of them another port in the manifest
warning | 9202 | 2 gateways have it: c, d | give one of them another port in the manifest
ok | all | 4 ports; none is used by another program`},
		"not known": {judgePorts([]portFacts{a}, sockets{Err: errors.New("cannot see who listens: x")}, now), "not checked | all | cannot see who listens: x"},
	}.check(t, portsCheck)
}

func TestLeftovers(t *testing.T) {
	ours := gateway(func(*Gateway) {})
	foreign := gateway(func(g *Gateway) {
		g.Profile, g.Service, g.Owned, g.Drift = "f", "gateway-f", false, []string{explain.DriftForeign}
	})
	still := foreign
	still.Status, still.PID, still.Wanted = reconcile.Status{Supervised: true}, 0, "down"
	link := gateway(func(g *Gateway) {
		g.Service, g.Owned, g.Wanted, g.Drift = "gateway-l", false, "", []string{"is a symlink"}
		g.Status = reconcile.Status{}
	})
	left := leftoverFacts{
		Services: []Gateway{ours},
		Hidden:   []reconcile.Hidden{{Name: "gateway-x", Status: reconcile.Status{Supervised: true}}, {Name: "gateway-y"}, {Path: "hidden/3"}},
		Owed:     []string{"gateway-a", "gateway-z"}, Traces: reconcile.Traces{Staged: []string{"gateway-s"}},
	}
	busy, dark := left, left
	busy.Traces.Locked, dark.Dark = true, errDark
	const adopt = " | name it in the manifest to adopt it, or remove it with hermes-reconcile apply --prune=all"
	tell{
		"nothing": {judgeLeftovers(leftoverFacts{Services: []Gateway{ours}}), "ok | scandir | nothing is left of an interrupted apply"},
		"all kinds": {judgeLeftovers(left), `
warning | gateway-x | an interrupted apply had begun to remove it, and it runs on | hermes-reconcile apply
warning | gateway-y | an interrupted apply had begun to remove it | hermes-reconcile apply
warning | gateway-z | an interrupted apply owes it a restart, and it is not there | hermes-reconcile apply
warning | staging | an interrupted apply has left unfinished files: gateway-s | hermes-reconcile apply`},
		"an apply is at it": {judgeLeftovers(busy), "not checked | interrupted applies | an apply is under way"},
		"dark":              {judgeLeftovers(dark), "not checked | interrupted applies | permission denied"},
		"culprit": {judgeLeftovers(leftoverFacts{Culprits: []string{"old"}}),
			"error | old | a symlink that leads nowhere: from s6 2.12 on it aborts every scan, so nothing new is found | remove it"},
		"foreign":       {judgeLeftovers(leftoverFacts{Services: []Gateway{foreign}}), "warning | gateway-f | foreign: it runs, and neither the manifest nor this tool knows it" + adopt},
		"foreign named": {judgeLeftovers(leftoverFacts{Services: []Gateway{foreign}, Named: map[string]bool{"f": true}}), "ok | scandir | nothing is left of an interrupted apply"},
		"foreign, down": {judgeLeftovers(leftoverFacts{Services: []Gateway{still}}), `
ok | gateway-f | foreign: neither the manifest nor this tool knows it, and it is down
ok | scandir | nothing is left of an interrupted apply`},
		"symlink": {judgeLeftovers(leftoverFacts{Services: []Gateway{link}}), "warning | gateway-l | it is a symlink, and has no service directory | remove it"},
	}.check(t, leftoversCheck)
}

func TestOwnership(t *testing.T) {
	ours := reconcile.Service{Name: "gateway-a", Owned: true}
	open := reconcile.Service{Name: "gateway-b", Owned: true, Exposed: []string{".", "log"}, Files: map[string]reconcile.File{"run": {Exposed: true}, "type": {}}}
	foreign := reconcile.Service{Name: "gateway-f", Seized: []string{"supervise"}}
	tell{
		"safe": {judgeOwnership(ownershipFacts{Scandir: "/s", Services: []reconcile.Service{ours}, Looked: []string{"scandir", "manifest"}}), "ok | scandir, manifest | no other user can change these"},
		"scandir": {judgeOwnership(ownershipFacts{Scandir: "/s", Exposed: "others than its owner can write to it (mode 0777)", Looked: []string{"scandir"}}), `
error | /s | others than its owner can write to it (mode 0777): a user who can change it decides which programs s6-svscan runs | make it the folder of s6-svscan's user alone: chmod go-w, chown`},
		"services": {judgeOwnership(ownershipFacts{Services: []reconcile.Service{ours, open, foreign}}), `
error | gateway-b | others can change ., log, run in it, and so the programs that s6-svscan runs | hermes-reconcile apply
warning | gateway-f | others can change supervise in it, and so the programs that s6-svscan runs | name it in the manifest: apply takes it away from them`},
		"files": {judgeOwnership(ownershipFacts{Risks: []risk{{"secret T of a", "/home/x/t", "/home/x", "hermes"}}, Looked: []string{"secrets"}}), `
warning | /home/x/t | secret T of a: hermes can write /home/x | give it and the folders above it to root`},
		"searched": {judgeOwnership(ownershipFacts{Searched: []searched{
			{Folder: "/opt/data/.local/bin", Whose: "the PATH of the container, of s6-svscan", At: "/opt/data", Who: "user 1000", Rest: "/usr/bin:/bin"},
			{Whose: "the PATH here", Rest: "/usr/bin:/my bin"},
		}, Looked: []string{"scandir"}}), `
warning | /opt/data/.local/bin | on the PATH of the container, of s6-svscan: user 1000 can change /opt/data, and so the programs that root runs by name | leave this folder out of the PATH of root: export PATH=/usr/bin:/bin
warning | '' | on the PATH here: it means the working directory, whatever that is | leave this folder out of the PATH of root: export PATH='/usr/bin:/my bin'`},
		"unseen": {judgeOwnership(ownershipFacts{Unknown: []string{"the scandir cannot be read"}, Looked: []string{"manifest"}}), `
not checked | files | the scandir cannot be read
ok | manifest | no other user can change these`},
		"nothing seen": {judgeOwnership(ownershipFacts{Unknown: []string{"x"}}), "not checked | files | x"},
	}.check(t, ownershipCheck)
}

func TestHintsAreReadyToType(t *testing.T) {
	hint := func(text string, files []string, scandir string) string {
		return Typed([]explain.Finding{{Hint: text}}, files, scandir)[0].Hint
	}
	require.Equal(t, diffThen, hint(diffThen, nil, ""))
	require.Equal(t, "hermes-reconcile diff -f m.yaml --scandir /s, then hermes-reconcile apply -f m.yaml --scandir /s", hint(diffThen, []string{"m.yaml"}, "/s"))
	require.Equal(t, `hermes-reconcile validate -f "it's" -f b/`, hint(validate, []string{"it's", "b/"}, "/s"))
	require.Equal(t, `hermes-reconcile validate -f 'a b; $c'`, hint(validate, []string{"a b; $c"}, ""))
	require.Equal(t, "see /log, or hermes-reconcile start --scandir ' ' a", hint("see /log, or hermes-reconcile start a", nil, " "))
}

func TestListingNamesAFew(t *testing.T) {
	require.Equal(t, "a, b", listing([]string{"a", "b"}))
	require.Equal(t, "1, 2, 3, 4, 5, 6, 7, 8 and 1 more", listing(strings.Split("123456789", "")))
}
