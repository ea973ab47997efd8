//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
)

// wanted is what a gateway should be.
type wanted struct {
	down  bool
	last  bool   // it should be what it was last, which down says
	value string // VALUE in its environment
	port  int
	keep  int    // log.keep
	stop  int    // stop_timeout, ms; 0: the default
	user  string // empty: the tree's
	token string // file of its secret TOKEN
	// rotates says that it starts anew when its secret changes.
	rotates bool
	drain   bool // it is asked to end before it is stopped
}

func (p wanted) yaml() string {
	keys := []string{fmt.Sprintf("log: {keep: %d}", p.keep)}
	if p.last {
		keys = append(keys, "state: last")
	} else if p.down {
		keys = append(keys, "state: down")
	}
	if p.value != "" {
		keys = append(keys, fmt.Sprintf("env: {VALUE: %s}", p.value))
	}
	if p.port != 0 {
		keys = append(keys, fmt.Sprintf("port: %d", p.port))
	}
	if p.user != "" {
		keys = append(keys, "user: "+p.user)
	}
	if p.token != "" {
		keys = append(keys, fmt.Sprintf("secrets: {TOKEN: %s}", p.token))
	}
	if p.rotates {
		keys = append(keys, "restart_on: [secrets]")
	}
	if p.drain {
		keys = append(keys, "drain: {timeout: 1m}")
	}
	if p.stop != 0 {
		keys = append(keys, fmt.Sprintf("stop_timeout: %dms", p.stop))
	}
	return strings.Join(keys, ", ")
}

// manifestOf writes the manifest that wants these profiles.
func (tr *tree) manifestOf(profiles map[string]wanted) {
	tr.t.Helper()
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		lines = append(lines, name+": {"+profiles[name].yaml()+"}")
	}
	tr.manifest("%s", strings.Join(lines, "\n"))
}

// view is what runs in a tree, and perhaps what lies there. It reads /proc, and asks no program:
// who looks often looks fast.
type view struct {
	units    map[string]unit // by name of the service
	gateways []proc          // processes of the hermes program
	entries  []entry
}

// unit is a supervised service.
type unit struct {
	supervisor int
	pid        int // 0: down
	argv       []string
}

func (tr *tree) view() view {
	v := view{units: map[string]unit{}}
	for _, s := range childrenOf(tr.svscan.pid) {
		if len(s.argv) != 2 || s.argv[0] != "s6-supervise" {
			continue
		}
		name := s.argv[1]
		v.units[name] = unit{supervisor: s.pid}
		for _, p := range childrenOf(s.pid) {
			v.units[name] = unit{s.pid, p.pid, p.argv}
			if len(p.argv) > 2 && p.argv[0] == "hermes" {
				v.gateways = append(v.gateways, p)
			}
		}
	}
	return v
}

// forgetRecords removes what the stubs wrote down, once all that run have done so. It returns the
// pids of these, for the next time.
func (tr *tree) forgetRecords(v view, known map[int]bool) map[int]bool {
	tr.t.Helper()
	pids := map[int]bool{}
	for _, p := range v.gateways {
		pids[p.pid] = true
		wrote := func() bool {
			return slices.ContainsFunc(tr.starts(p.argv[2]), func(s start) bool { return s.PID == p.pid })
		}
		if !known[p.pid] {
			eventually(tr.t, patience, wrote, fmt.Sprintf("%s with pid %d has recorded its start", p.argv[2], p.pid))
		}
	}
	for _, kind := range []string{"starts", "stops"} {
		old, err := filepath.Glob(tr.path("home", "stub", "*."+kind))
		require.NoError(tr.t, err)
		for _, path := range old {
			aside := path + ".old"
			require.NoError(tr.t, os.Rename(path, aside))
			if kind == "starts" { // one that has become a gateway since the view has done so, too
				for _, s := range records[start](tr.t, aside) {
					pids[s.PID] = true
				}
			}
			require.NoError(tr.t, os.Remove(aside))
		}
	}
	return pids
}

// runs reports whether the profile's process is the hermes program with these last arguments.
func (v view) runs(profile string, args ...string) bool {
	want := append([]string{"hermes", "-p", profile, "gateway"}, args...)
	return slices.Equal(want, v.units["gateway-"+profile].argv)
}

// logs reports whether the process is s6-log with this argument.
func (u unit) logs(arg string) bool {
	return len(u.argv) > 0 && u.argv[0] == "s6-log" && slices.Contains(u.argv, arg)
}

// differs lists what is not as it should be. Foreign profiles may run, too.
func (v view) differs(profiles map[string]wanted, foreign ...string) []string {
	var found []string
	for profile, p := range profiles {
		gateway, running := v.units["gateway-"+profile]
		switch {
		case !running:
			found = append(found, profile+" is not supervised")
		case p.down && gateway.pid != 0:
			found = append(found, profile+" is not down")
		case !p.down && !v.runsAs(profile, p):
			found = append(found, fmt.Sprintf("%s does not run as asked: %+v", profile, gateway))
		}
		if logger := v.units["gateway-"+profile+"/log"]; !logger.logs("n" + strconv.Itoa(p.keep)) {
			found = append(found, fmt.Sprintf("the logger of %s does not run as asked: %+v", profile, logger))
		}
	}
	for service := range v.units {
		profile, gateway := strings.CutPrefix(strings.TrimSuffix(service, "/log"), "gateway-")
		if _, asked := profiles[profile]; gateway && !asked && !slices.Contains(foreign, profile) {
			found = append(found, service+" is still supervised")
		}
	}
	return found
}

// runsAs reports whether the profile's gateway was started by a script that says the same.
func (v view) runsAs(profile string, p wanted) bool {
	env := processEnv(v.units["gateway-"+profile].pid)
	value, _ := envOf(env, "VALUE")
	port, told := envOf(env, "API_SERVER_PORT")
	_, secret := envOf(env, "TOKEN")
	return v.runs(profile, "run", "--external-supervisor", "--force") && value == p.value && secret == (p.token != "") &&
		told == (p.port != 0) && (!told || port == strconv.Itoa(p.port))
}

// noDouble fails the test if two gateways of a profile run, or ever ran, at a time, or met on a
// port.
func (tr *tree) noDouble(v view) {
	tr.t.Helper()
	of := map[string]int{}
	for _, p := range v.gateways {
		require.Zero(tr.t, of[p.argv[2]], "%s runs twice: %s", p.argv[2], describe(v.gateways))
		of[p.argv[2]] = p.pid
	}
	for _, home := range tr.homes {
		tr.checkRecord(filepath.Join(home, "stub", "double"), false)
		tr.checkRecord(filepath.Join(home, "stub", "bindfail"), false)
	}
	require.False(tr.t, tr.t.Failed())
}

// soundAtOnce checks what holds at every instant, also after an apply was killed. Profiles may be
// strangers': their directories are foreign.
func (tr *tree) soundAtOnce(strangers ...string) view {
	tr.t.Helper()
	names, err := os.ReadDir(tr.scandir)
	require.NoError(tr.t, err)
	for _, e := range names {
		name := e.Name()
		if name == ".hermes-reconcile" || name == ".s6-svscan" || strings.HasPrefix(name, moved) {
			continue
		}
		profile, found := strings.CutPrefix(name, "gateway-")
		if !found && slices.Contains(strangers, name) {
			continue
		}
		require.True(tr.t, found && e.IsDir(), "%s is in the scandir", name)
		if strings.HasSuffix(name, copied) {
			continue
		}
		if !slices.Contains(strangers, profile) || exists(tr.dir(profile, markerFile)) {
			tr.complete(profile)
		}
	}
	v := tr.view()
	tr.noDouble(v)
	return v
}

// copied is what the names of copies of service directories end in, which have the marker of
// another.
const copied = ".copy"

// moved is what the names of service directories begin with that were moved out of the way.
const moved = ".moved-"

const markerFile = "data/hermes-reconcile.json"

// complete: a directory of ours has all that its marker lists.
func (tr *tree) complete(profile string) {
	tr.t.Helper()
	data, err := os.ReadFile(tr.dir(profile, markerFile))
	require.NoError(tr.t, err)
	var marker struct {
		Profile string            `json:"profile"`
		Files   map[string]string `json:"files"`
	}
	require.NoError(tr.t, json.Unmarshal(data, &marker), "marker of %s", profile)
	require.Equal(tr.t, profile, marker.Profile)
	require.GreaterOrEqual(tr.t, len(marker.Files), 7, "marker of %s", profile)
	// Those that an update takes away, before the marker says so. The run script does without them.
	for _, path := range []string{"down", "data/start", "data/turn"} {
		delete(marker.Files, path)
	}
	for path := range marker.Files {
		require.FileExists(tr.t, tr.dir(profile, path))
	}
}

// nothingLeft: apply has cleared away all that it needed, and what it removed is gone. To
// strangers' services of which it could not finish the adoption it still owes something.
func (tr *tree) nothingLeft(strangers ...string) {
	tr.t.Helper()
	for _, kind := range []string{"staging", "hidden", "owed"} {
		left, err := os.ReadDir(filepath.Join(tr.scandir, ".hermes-reconcile", kind))
		require.NoError(tr.t, err)
		for _, e := range left {
			owed := kind == "owed" && slices.Contains(strangers, strings.TrimPrefix(e.Name(), "gateway-"))
			require.True(tr.t, owed, "%s is left in %s", e.Name(), kind)
		}
	}
	for _, p := range tr.processes() {
		cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p.pid))
		require.False(tr.t, err == nil && strings.HasSuffix(cwd, " (deleted)"), "%q works in %s", p.argv, cwd)
	}
}

// patience is how long to wait for what has to happen.
const patience = kit.Patience

// strangerRun drains for a moment, so that two at once would be seen.
func strangerRun(profile string) string {
	return strings.ReplaceAll(foreignRun(profile), "STUB_DRAIN=300ms", "STUB_DRAIN=20ms")
}

// entries is a snapshot of the scandir that does not tell when a directory was written to.
func (tr *tree) entries() []entry {
	tr.t.Helper()
	found := tr.snapshot()
	for i := range found {
		if found[i].Mode.IsDir() {
			found[i].Mtime, found[i].Size = 0, 0
		}
	}
	return found
}

// timeless leaves what every apply to the same manifest would leave.
func timeless(entries []entry) []entry {
	all := slices.DeleteFunc(slices.Clone(entries), func(e entry) bool {
		kind, _, _ := strings.Cut(strings.TrimPrefix(e.Path, ".hermes-reconcile/"), "/")
		// woken is of an apply that did not see what s6-svscan found: the next one removes it. The
		// history goes on with each way.
		return kind == "woken" || kind == "history" || kind == "rolledback" || kind == "canary" || kind == "turns"
	})
	for i := range all {
		all[i].Mtime, all[i].Inode = 0, 0
		switch all[i].Path { // they say which process took it and when, and what the gateways of now have read
		case ".hermes-reconcile/lock", ".hermes-reconcile/inputs":
			all[i].Size, all[i].Digest = 0, ""
		}
	}
	return all
}

// live is what can be seen of the services in a snapshot.
func live(entries []entry) []entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e entry) bool {
		return e.Path == "." || strings.HasPrefix(e.Path, ".hermes-reconcile"+string(filepath.Separator)) || e.Mode&fs.ModeSymlink != 0
	})
}

// killSupervisor kills the supervisor of a service, and waits until s6-svscan has started another
// one.
func (tr *tree) killSupervisor(service string) {
	tr.t.Helper()
	old := tr.view().units[service].supervisor
	kill(old)
	another := func() bool { now := tr.view().units[service].supervisor; return now != 0 && now != old }
	eventually(tr.t, patience, another, service+" has another supervisor")
}
