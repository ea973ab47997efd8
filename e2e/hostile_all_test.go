//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// daemon is the uid and gid of the account daemon on Debian.
const daemon = 1

// tenth is a tree of nine gateways and of one whose user is hostile.
type tenth struct {
	*tree
	home   string   // of the tenth gateway, and its user's
	record string   // where planted programs note the user that ran them
	ends   []func() // of what the user does
	nice   int      // of what the user runs
}

func newTenth(t *testing.T) *tenth {
	t.Helper()
	path, record := volumePath(t, nobody)
	h := &tenth{tree: newTree(t, treeOpts{env: []string{"PATH=" + path}}), record: record}
	if _, asked := torture(t); !asked {
		h.nice = 19 // it takes both cores, else, and all other tests stand still
	}
	h.home = h.tree.path("evil-home")
	require.NoError(t, os.MkdirAll(filepath.Join(h.home, "stub"), 0o755))
	for _, folder := range []string{h.home, filepath.Join(h.home, "stub")} {
		require.NoError(t, os.Chown(folder, nobody, nobody))
	}
	for _, folder := range []string{h.tree.home, filepath.Join(h.tree.home, "stub")} {
		require.NoError(t, os.Chown(folder, daemon, daemon))
	}
	h.homes = append(h.homes, h.home)              // the stub must have seen no second gateway there, either
	h.bin += ":" + strings.SplitN(path, ":", 2)[0] // commands search what is planted first, too
	return h
}

// write writes the manifest, of the nine alone or of all.
func (h *tenth) write(value string, all bool) {
	h.t.Helper()
	var profiles strings.Builder
	for i := range 9 {
		fmt.Fprintf(&profiles, "p%d: {user: daemon, env: {VALUE: %s}}\n", i, value)
	}
	if all {
		fmt.Fprintf(&profiles, "evil: {user: nobody, home: %s, state: last, env: {VALUE: %s}}\n", h.home, value)
	}
	h.manifest("%s", profiles.String())
}

// openFIFOs puts a FIFO at each name in a folder, and keeps it open until the user ends.
func (h *tenth) openFIFOs(folder string, names ...string) {
	h.t.Helper()
	for _, name := range names {
		path := filepath.Join(folder, name)
		require.NoError(h.t, os.RemoveAll(path))
		require.NoError(h.t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(h.t, unix.Mkfifo(path, 0o666))
		require.NoError(h.t, os.Chown(path, nobody, nobody))
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(h.t, err)
		h.t.Cleanup(func() { f.Close() })
		h.ends = append(h.ends, func() { f.Close(); os.Remove(path) })
	}
}

// fill has the user make files in a folder, faster than they can be deleted.
func (h *tenth) fill(folder string) {
	h.t.Helper()
	full := filepath.Join(folder, "full")
	require.NoError(h.t, os.MkdirAll(full+"/a/b", 0o777))
	for _, at := range []string{full, full + "/a", full + "/a/b"} {
		require.NoError(h.t, os.Chown(at, nobody, nobody))
	}
	const script = `n=$((n + 1)); : >"f$n"; mkdir -p "d$n/x/y"; : >"d$n/x/y/z"; ln -s / "l$n"; sleep 0.01`
	h.ends = append(h.ends, h.niceMischief(h.nice, full, script), h.niceMischief(h.nice, full+"/a/b", script))
}

// hostileHome plants what a home of the user's can hold.
func (h *tenth) hostileHome() {
	h.t.Helper()
	profile := filepath.Join(h.home, "profiles", "evil")
	h.openFIFOs(profile, "gateway.pid", "processes.json", "config.yaml", ".env", "gateway.parked")
	h.openFIFOs(h.home, "gateway_state.json", "gateway.pid", "config.yaml", "logs/gateways/evil/current", "logs/gateways/evil/lock")
	require.NoError(h.t, os.WriteFile(filepath.Join(profile, "gateway_state.json"), oddState(1<<20), 0o644))
	h.giveTo(h.home, nobody)
}

// giveTo gives a folder and all in it to a user.
func (h *tenth) giveTo(folder string, uid int) {
	h.t.Helper()
	require.NoError(h.t, filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	}))
}

// oddState is a state file of so many bytes that has all that is odd in JSON, and what other
// programs take for it.
func oddState(size int) []byte {
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	head := "\ufeff" + `{"de\u017fired_state": "stopped", "Desired_State": "stopped", "desired\u005fstate": "running", "desired_state": null,
"load": [NaN, Infinity, -Infinity, -0, 1e400, ` + strings.Repeat("9", 5000) + `], "half": "\ud800", "": "\u0000\u202e",
"deep": ` + deep + `, "served_profiles": ["p0", "p1", "evil"], "pid": -1, "text": "`
	return []byte(head + strings.Repeat("x", size-len(head)-2) + `"}`)
}

// foreign makes the tenth a foreign gateway whose directory is its user's, with all that can stand
// there.
func (h *tenth) foreign() {
	h.t.Helper()
	h.write("a", false)
	h.mustApply()
	setuidgid := filepath.Join(filepath.Dir(tools["s6-log"]), "s6-setuidgid") // not what is planted: that is not ours to help
	h.service("gateway-evil", map[string]string{
		"run": fmt.Sprintf("#!/bin/sh\nexec 2>&1\nexport HERMES_HOME=%s\nexec %s nobody hermes -p evil gateway run "+
			"--external-supervisor --force\n", h.home, setuidgid),
		"log/run": fmt.Sprintf("#!/bin/sh\nexec %s -b n3 %s\n", tools["s6-log"], h.tree.path("log-of-evil")), "data/note": "",
	})
	h.gatewayPid("evil")
	aged(h.t, h.supervisors("evil"))
	dir := h.dir("evil")
	h.giveTo(dir, nobody)
	h.ends = append(h.ends, h.flood("evil", h.nice))
	for _, folder := range []string{"event", "supervise", "log/event", "log/supervise", "data"} {
		h.fill(filepath.Join(dir, folder))
	}
	h.openFIFOs(dir, "supervise/status", "supervise/lock", "supervise/death_tally", "log/supervise/status", "log/supervise/lock",
		"log/supervise/death_tally", "data/hermes-reconcile.json", "data/pgid", "data/backoff", "data/check", "event/x", "run", "finish",
		"type", "down", "notification-fd", "timeout-kill", "timeout-finish", "flag-timeout-killpg", "log/run", "log/type")
}

// own makes the tenth one of ours, of which its user has no more than the control FIFOs and the
// home.
func (h *tenth) own() {
	h.t.Helper()
	h.write("a", true)
	h.mustApply()
	h.svc("gateway-evil", "-u") // no state file says that it was up
	h.gatewayPid("evil")
	h.ends = append(h.ends, h.flood("evil", h.nice))
	h.fill(h.home)
}

// TestAllThatIsHostileAtOnce: of ten gateways one has a hostile user, who has put all in place that
// can be: FIFOs that are kept open at each name that is read, processes that fill each folder that
// is deleted, a flood of the control FIFO, planted programs on PATH, a state file with all oddities
// of JSON. Apply serves the other nine in the time that it was given, and names the tenth; so do
// the other commands. When the user ends, the tenth comes right, too.
func TestAllThatIsHostileAtOnce(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // there is no other user
	}
	for name, prepare := range map[string]func(*tenth){"a foreign one": (*tenth).foreign, "one of ours": (*tenth).own} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newTenth(t)
			_, untouched := h.victim()
			prepare(h)
			h.hostileHome()
			h.write("b", true)
			h.servesTheNine()
			untouched()
			h.ranNothing()
			h.comesRight()
		})
	}
}

// servesTheNine runs commands while the user is at work.
func (h *tenth) servesTheNine() {
	h.t.Helper()
	for _, args := range [][]string{{"status"}, {"diff"}} {
		r := h.run(args...)
		require.Zero(h.t, r.code, "%v", r)
		for i := range 9 {
			require.Contains(h.t, r.stdout, fmt.Sprintf("p%d", i), "%v", r)
		}
		require.Contains(h.t, r.stdout, "evil", "%v", r)
	}
	const limit = 45 * time.Second // the tenth takes all of it
	r := h.apply("--timeout", limit.String())
	h.t.Logf("%v", r)
	require.Contains(h.t, []int{0, 1, 99}, r.code, "%v", r)
	for i := range 9 {
		profile := fmt.Sprintf("p%d", i)
		requirePlanLine(h.t, r.stdout, profile, "updated")
		h.started(profile, 2)
	}
	require.Contains(h.t, r.stdout+r.stderr, "evil", "%v", r)
	r = h.run("restart", "p3")
	require.Zero(h.t, r.code, "%v", r)
	h.started("p3", 3)
	r = h.run("down", "--timeout", limit.String())
	require.Contains(h.t, []int{0, 1, 99}, r.code, "%v", r)
	for i := range 9 {
		h.down(fmt.Sprintf("gateway-p%d", i))
	}
}

// ranNothing: of the programs that the user has planted root has run none.
func (h *tenth) ranNothing() {
	h.t.Helper()
	entries, err := os.ReadDir(h.record)
	require.NoError(h.t, err)
	require.False(h.t, slices.ContainsFunc(entries, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "0-") }), "%v", entries)
}

// comesRight ends what the user does, and has all gateways as the manifest says.
func (h *tenth) comesRight() {
	h.t.Helper()
	for _, end := range h.ends {
		end()
	}
	var r result
	eventually(h.t, patience, func() bool { r = h.apply("--timeout", "30s"); return r.code == 0 }, "all is as it should be")
	h.onlyControlIsTheUsers("evil", nobody)
	for i := range 9 {
		h.gatewayPid(fmt.Sprintf("p%d", i))
	}
}
