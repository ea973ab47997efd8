//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// fate is what a profile may have gone through when a round is over.
type fate struct {
	least, most int  // starts of its gateway
	logger      bool // its logger may be another process
	moved       bool // it may be another directory
	files       bool // its files may have been written
	either      bool // it may be up or down

	told     string // to its supervisor, by hand
	happened string // what happened to it before apply; "": nothing
}

// idle reports whether nothing at all may have happened.
func (f *fate) idle() bool { return f.most == 0 && !f.logger && !f.moved && !f.files }

// leftAlone are files that others may put into a service directory of ours, or its scripts.
var leftAlone = []string{"env/KEPT", "data/note", "data/pgid", "data/draining", "data/backoff", "data/liveness", "log/told", "log/held", "log/last"}

// fateOf the profile in this round.
func (l *life) fateOf(name string) *fate {
	if l.fates[name] == nil {
		l.fates[name] = &fate{}
	}
	return l.fates[name]
}

// foresee says what becomes of a profile with an apply that goes well.
func (l *life) foresee(name string, old map[string]wanted) {
	f := l.fateOf(name)
	was, ours := old[name]
	is, stays := l.profiles[name]
	logged, foreign := l.foreign[name]
	switch {
	case f.files && f.most > patientStarts: // after a disturbed apply nothing more can be told
	case !stays:
		f.most++
	case !ours && !foreign:
		f.moved, f.logger = true, true
		l.starting(f, is)
	case foreign:
		f.moved, f.logger, f.files = f.moved || !logged, true, true
		l.starting(f, is)
	default:
		f.files = f.files || was != is
		f.logger = f.logger || was.keep != is.keep
		rotated, unsure := l.rotated(name, was, is)
		restart := !is.down && (was.down || was.value != is.value || was.port != is.port || was.token != is.token || rotated)
		if f.happened == "edit run" || f.happened == "told down" {
			restart = !is.down
		}
		switch {
		case restart && f.happened == "crash":
			f.least, f.most = 1, 2 // apply may stop it before s6 starts it
		case restart:
			f.least, f.most = 1, 1
		case f.happened == "crash" && is.down:
			f.most = 1
		case f.happened == "crash":
			f.least, f.most = 1, 1
		}
		if unsure && !restart {
			f.most++
		}
	}
}

func (l *life) starting(f *fate, is wanted) {
	if !is.down {
		f.least++
		f.most++
	}
}

// patientStarts is more than an undisturbed round can have.
const patientStarts = 3

// mutate changes the manifest.
func (l *life) mutate() {
	if l.IntN(8) == 0 {
		l.waves = l.pick([]string{"", "{parallel: 1, per: up}", "{parallel: 2}", "{parallel: 3, per: 2s}"})
		l.note("start: %q", l.waves)
		l.rewaved = true
	}
	name := l.pick(names)
	p, exists := l.profiles[name]
	if !exists {
		p = wanted{keep: 3 + l.IntN(3), last: l.IntN(4) == 0 && !l.isForeign(name), drain: l.IntN(2) == 0}
		l.note("add %s", name)
	} else {
		switch l.IntN(13) {
		case 10, 11:
			p.drain = !p.drain
		case 12:
			p.rotates = !p.rotates
		case 0, 1:
			l.note("drop %s", name)
			delete(l.profiles, name)
			return
		case 2:
			l.rename(name)
			return
		case 3:
			p.down, p.last = l.IntN(2) == 0, l.IntN(3) == 0 && !l.isForeign(name)
		case 4:
			p.value = fmt.Sprintf("v%d", l.IntN(1000))
		case 5:
			p.keep = 3 + l.IntN(3)
		case 6:
			p.stop = 2000 + l.IntN(1000)
		case 7:
			if p.token != "" {
				p.token = ""
			} else {
				p.token, p.rotates = l.tokenOf(name), l.IntN(2) == 0
			}
		default:
			l.changePort(name, &p)
		}
		l.note("change %s: %+v", name, p)
	}
	l.profiles[name] = p
}

// changePort gives the profile a port, takes it away, or swaps it with another profile's.
func (l *life) changePort(name string, p *wanted) {
	port := l.ports[l.IntN(len(l.ports))]
	if l.IntN(4) == 0 {
		port = 0
	}
	for other, q := range l.profiles {
		if other != name && port != 0 && q.port == port {
			q.port = p.port
			l.profiles[other] = q
			l.note("swap its port with %s", other)
		}
	}
	p.port = port
}

func (l *life) rename(name string) {
	to := l.pick(names)
	if _, exists := l.profiles[to]; exists {
		return
	}
	l.note("rename %s to %s", name, to)
	p := l.profiles[name]
	if p.token != "" {
		p.token = l.tokenOf(to)
	}
	p.last = p.last && !l.isForeign(to)
	l.profiles[to] = p
	delete(l.profiles, name)
}

func (l *life) isForeign(name string) bool {
	_, foreign := l.foreign[name]
	return foreign
}

// asTold is the manifest as if it said what its gateways were told by hand.
func (l *life) asTold() map[string]wanted {
	was := maps.Clone(l.profiles)
	for name, f := range l.fates {
		if p, ours := was[name]; ours && f.told != "" {
			p.down = f.told == "-d"
			was[name] = p
		}
	}
	return was
}

// remind says what those are that should be what they were last: what is new is down.
func (l *life) remind(was map[string]wanted) {
	for name, p := range l.profiles {
		if before, there := was[name]; p.last {
			p.down = before.down || !there
			l.profiles[name] = p
		}
	}
}

// lookUp asks s6 what became of those that a disturbed apply has removed or not: up or down, that
// is what they were last.
func (l *life) lookUp() {
	for name, f := range l.fates {
		if p := l.profiles[name]; p.last && f.either {
			p.down = slices.Equal(l.svstat("gateway-"+name, "wantedup"), []string{"false"})
			l.profiles[name] = p
		}
	}
}

// pick is a random one of these.
func (l *life) pick(of []string) string { return of[l.IntN(len(of))] }

// happen lets something happen to a gateway that nothing has happened to yet.
func (l *life) happen() {
	name := l.pick(names)
	p, ours := l.profiles[name]
	if l.fates[name] != nil {
		return
	}
	if !ours {
		if _, exists := l.foreign[name]; !exists {
			l.placeForeign(name)
		}
		return
	}
	acts := []func(*fate, string){l.editQuiet, l.addDown, l.addNote, l.killLogger, l.tellLoggerDown, l.editLogRun}
	if p.down {
		acts = append(acts, l.tellUp)
	} else {
		acts = append(acts, l.editRun, l.spoilRun, l.addNotification, l.tellDown, l.tellDown, l.crash, l.crash, l.selfRestart)
	}
	if p.token != "" {
		acts = append(acts, l.swapToken, l.swapToken, l.touchToken)
	}
	acts = append(acts, l.killSupervisor, l.removeLogs)
	if !p.last { // what it was last could not be told
		acts = append(acts, l.deleteDir, l.moveDir, l.copyDir)
	}
	acts[l.IntN(len(acts))](l.fateOf(name), name)
}

func (l *life) placeForeign(name string) {
	logged := l.IntN(2) == 0
	files := map[string]string{"run": strangerRun(name)}
	if logged {
		files["log/run"], files["env/KEPT"], files["down-signal"] = strings.ReplaceAll(l.foreignLogger(), "foreign-log", "foreign-"+name), "1", "TERM\n"
	}
	l.note("place a foreign %s, with a logger: %v", name, logged)
	l.service("gateway-"+name, files)
	l.started(name, 1)
	l.foreign[name] = logged
	*l.fateOf(name) = fate{least: 1, most: 1, moved: true, logger: true, files: true, happened: "placed"}
}

func (l *life) crash(f *fate, name string) {
	l.note("crash %s", name)
	f.happened = "crash"
	kill(l.before.units["gateway-"+name].pid)
}

func (l *life) tellDown(f *fate, name string) {
	l.note("tell %s down", name)
	f.happened = "told down"
	f.told = "-d"
	l.tell("gateway-"+name, f.told)
}

func (l *life) tellUp(f *fate, name string) {
	l.note("tell %s up", name)
	f.happened = "crash" // it may be started once more
	f.told = "-u"
	l.tell("gateway-"+name, f.told)
}

func (l *life) tellLoggerDown(f *fate, name string) {
	l.note("tell the logger of %s down", name)
	f.logger = true
	l.tell("gateway-"+name+"/log", "-d")
}

// tell waits until the supervisor has heard.
func (l *life) tell(service, letters string) {
	l.svc(service, letters)
	want := fmt.Sprint(letters == "-u")
	eventually(l.t, patience, func() bool { return slices.Equal(l.svstat(service, "wantedup"), []string{want}) }, service+" was told "+letters)
}

// killSupervisor kills the supervisor of the gateway, or of its logger, as the OOM killer does.
// s6-svscan starts another one.
func (l *life) killSupervisor(f *fate, name string) {
	service := "gateway-" + name
	if l.IntN(3) == 0 {
		service += "/log"
	}
	l.note("kill the supervisor of %s", service)
	f.happened, f.moved, f.logger = "crash", true, true
	l.tree.killSupervisor(service)
	if strings.HasSuffix(service, "/log") {
		f.happened = "logger"
	}
}

// removeLogs deletes the log of a gateway under its logger.
func (l *life) removeLogs(f *fate, name string) {
	l.note("remove the log of %s", name)
	f.logger = true
	logs := l.path("home", "logs", "gateways", name)
	eventually(l.t, patience, func() bool { return os.RemoveAll(logs) == nil }, "it is removed")
}

// deleteDir deletes the directory of a gateway, which runs on.
func (l *life) deleteDir(f *fate, name string) {
	l.note("delete the directory of %s", name)
	l.displaced(f)
	eventually(l.t, patience, func() bool { return os.RemoveAll(l.dir(name)) == nil }, "it is deleted")
}

// moveDir moves the directory of a gateway, which runs on, out of the way, or out of the scandir.
func (l *life) moveDir(f *fate, name string) {
	to := filepath.Join(l.pick([]string{l.scandir, filepath.Dir(l.scandir)}), moved+name)
	l.note("move the directory of %s to %s", name, to)
	l.displaced(f)
	require.NoError(l.t, os.Rename(l.dir(name), to))
	l.litter = append(l.litter, to)
}

// copyDir leaves a copy beside the directory of a gateway. Apply keeps it down.
func (l *life) copyDir(f *fate, name string) {
	l.note("copy the directory of %s", name)
	to := l.dir(name) + copied
	out, err := exec.Command("cp", "-a", l.dir(name), to).CombinedOutput()
	require.NoError(l.t, err, "%s", out)
	require.NoError(l.t, os.RemoveAll(filepath.Join(to, "supervise")))
	require.NoError(l.t, os.RemoveAll(filepath.Join(to, "log", "supervise")))
	l.litter = append(l.litter, to)
}

// displaced is the fate of a gateway whose directory is not where it was: it is ended, and a new
// one is started.
func (l *life) displaced(f *fate) { f.happened, f.moved, f.logger, f.files = "crash", true, true, true }

// tidyUp removes the directories that were moved or copied.
func (l *life) tidyUp() {
	for _, path := range l.litter {
		require.NoError(l.t, os.RemoveAll(path))
	}
	if len(l.litter) > 0 {
		l.svscanctl("-an")
	}
	l.litter = nil
}

func (l *life) killLogger(f *fate, name string) {
	l.note("kill the logger of %s", name)
	f.logger = true
	pid := l.before.units["gateway-"+name+"/log"].pid
	kill(pid)
	eventually(l.t, patience, func() bool { return !alive(pid) }, "the logger is dead")
}

func (l *life) editRun(f *fate, name string) {
	f.happened = "edit run"
	l.edit(f, name, "run")
}

func (l *life) spoilRun(f *fate, name string) {
	l.note("make run of %s unusable", name)
	f.files, f.happened = true, "spoil run" // the process is what it was
	require.NoError(l.t, os.Chmod(l.dir(name, "run"), 0o644))
}

func (l *life) addNotification(f *fate, name string) {
	f.happened = "edit run"
	l.edit(f, name, "notification-fd")
}

// editQuiet edits a file that s6 reads when it needs it.
func (l *life) editQuiet(f *fate, name string) {
	l.edit(f, name, l.pick([]string{"finish", "timeout-finish", "flag-timeout-killpg", "log/type"}))
}

func (l *life) addDown(f *fate, name string)    { l.edit(f, name, "down") }
func (l *life) addNote(f *fate, name string)    { l.edit(f, name, "data/note") }
func (l *life) editLogRun(f *fate, name string) { f.logger = true; l.edit(f, name, "log/run") }

// edit adds a line to a file, as an editor does: a new file takes the name.
func (l *life) edit(f *fate, name, file string) {
	l.note("edit %s of %s", file, name)
	f.files = true
	path := l.dir(name, file)
	data, err := os.ReadFile(path)
	if !os.IsNotExist(err) {
		require.NoError(l.t, err)
	}
	l.writeScript(path+"~", string(data)+"# by hand\n")
	require.NoError(l.t, os.Rename(path+"~", path))
}

// disturbedApply begins with the manifest, does not get to its end, and perhaps the manifest
// changes once more.
func (l *life) disturbedApply(old, was map[string]wanted) {
	versions := []map[string]wanted{maps.Clone(l.profiles)}
	after := time.Duration(1.2 * l.Float64() * float64(l.took)) // some get to their end
	l.applies++
	switch l.IntN(7) {
	case 5, 6:
		versions = append(versions, l.watched(was)...)
	case 0:
		l.note("apply, too slow for %v", after)
		l.apply("--timeout", (after + time.Millisecond).String())
	case 1:
		l.note("apply without a rescan")
		l.apply("--no-rescan")
	case 2:
		l.hit(after, unix.SIGTERM)
	default:
		l.hit(after, unix.SIGKILL)
	}
	l.soundAtOnce(append(slices.Sorted(maps.Keys(l.foreign)), "neighbour")...)
	for range l.IntN(3) {
		l.mutate()
	}
	l.remind(was)
	l.writeManifest()
	all := append([]map[string]wanted{old, l.profiles}, versions...)
	everyone := map[string]wanted{}
	for _, m := range all {
		maps.Copy(everyone, m)
	}
	for name := range everyone {
		stays := sameKeys(name, all...)
		differs := func(m map[string]wanted) bool { return m[name] != old[name] }
		either := func(m map[string]wanted) bool { return m[name].down != was[name].down }
		l.blur(name, stays && !slices.ContainsFunc(all, differs), !stays || slices.ContainsFunc(versions, either))
	}
}

// sameKeys reports whether a profile is in all of them, or in none.
func sameKeys(name string, all ...map[string]wanted) bool {
	_, first := all[0][name]
	return !slices.ContainsFunc(all, func(m map[string]wanted) bool { _, found := m[name]; return found != first })
}

// blur says that little can be told of a profile after a disturbed apply, unless it had nothing to
// do with it. Where that may have brought the gateway up or down, or not, it was last the one or
// the other.
func (l *life) blur(name string, same, either bool) {
	f := l.fateOf(name)
	_, foreign := l.foreign[name]
	if same && f.happened == "" && !f.logger && !f.files && !foreign {
		return
	}
	least := 0
	if p, exists := l.profiles[name]; exists && !p.down && !either && (f.told == "-d" || f.happened == "crash" && f.told == "") {
		least = 1 // apply may have done more, but it has brought it down
	}
	*f = fate{least: least, most: 2 * patientStarts, logger: true, moved: true, files: true, either: either, told: f.told, happened: f.happened}
}

// hit sends apply a signal after a while.
func (l *life) hit(after time.Duration, signal unix.Signal) {
	turns := l.turns()
	l.note("apply %v, %v after %v", turns, signal, after)
	bg := l.start(append([]string{"apply"}, turns...)...)
	select {
	case r := <-bg.done:
		bg.done <- r
	case <-time.After(after):
		_ = unix.Kill(bg.pid, signal)
	}
	r := <-bg.done
	l.note("%v", r)
	require.Contains(l.t, []int{-1, 0, 1}, r.code, "%v", r) // -1: a signal, or one that came before it could be caught
}
