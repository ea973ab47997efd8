//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// proc is a living process; zombies are dead.
type proc struct {
	pid, ppid int
	argv      []string
}

// processes are those of the tree: the descendants of its s6-svscan, and those that have a working
// directory, an argument or an environment that names the tree, which holds for orphans too. The
// test and the program under test are not.
func (tr *tree) processes() []proc {
	all := allProcesses()
	inTree := make(map[int]bool)
	if tr.svscan != nil {
		inTree[tr.svscan.pid] = true
	}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if inTree[p.ppid] && !inTree[p.pid] {
				inTree[p.pid], grown = true, true
			}
		}
	}
	var found []proc
	for _, p := range all {
		switch {
		case p.pid == os.Getpid() || p.ppid == os.Getpid() && !tr.isSvscan(p.pid):
		case inTree[p.pid] || tr.mentionedBy(p.pid) || tr.named(p.argv):
			found = append(found, p)
		}
	}
	return found
}

func (tr *tree) isSvscan(pid int) bool {
	return tr.svscan != nil && tr.svscan.pid == pid
}

// mentionedBy: cwd or environment of the process lead into the tree.
func (tr *tree) mentionedBy(pid int) bool {
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	if err == nil && (cwd == tr.base || strings.HasPrefix(cwd, tr.base+"/")) {
		return true
	}
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && bytes.Contains(env, []byte("="+tr.base+"/"))
}

// named: an argument leads into the tree, as those of the s6 programs do that the program starts.
func (tr *tree) named(argv []string) bool {
	return slices.ContainsFunc(argv, func(arg string) bool { return strings.HasPrefix(arg, tr.base+"/") })
}

// supervisors are the s6-supervise processes of a profile's gateway and logger, by service name.
func (tr *tree) supervisors(profile string) map[string]int {
	found := make(map[string]int)
	for _, p := range tr.processes() {
		if len(p.argv) == 2 && p.argv[0] == "s6-supervise" && isServiceOf(p.argv[1], profile) {
			found[p.argv[1]] = p.pid
		}
	}
	return found
}

func isServiceOf(service, profile string) bool {
	return service == "gateway-"+profile || service == "gateway-"+profile+"/log"
}

// allProcesses reads /proc. A process that ends meanwhile is left out.
func allProcesses() []proc {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var found []proc
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if p, ok := readProc(pid); ok {
			found = append(found, p)
		}
	}
	return found
}

// readProc reports whether the process lives.
func readProc(pid int) (proc, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return proc{}, false
	}
	// "pid (name) state ppid ...": the name may hold blanks and parentheses.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 2 || fields[0] == "Z" || fields[0] == "X" {
		return proc{}, false
	}
	ppid, _ := strconv.Atoi(fields[1])
	return proc{pid: pid, ppid: ppid, argv: nulSeparated(fmt.Sprintf("/proc/%d/cmdline", pid))}, true
}

// childrenOf a process with one thread that live. The kernel lists them; to look through all of
// /proc takes a thousand times as long. It may miss one while others end.
func childrenOf(pid int) []proc {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	var found []proc
	for field := range strings.FieldsSeq(string(data)) {
		child, _ := strconv.Atoi(field)
		if p, ok := readProc(child); ok {
			found = append(found, p)
		}
	}
	return found
}

// alive: pids are not reused as fast as a test asks.
func alive(pid int) bool {
	_, ok := readProc(pid)
	return ok
}

// processEnv is the environment that the process was started with.
func processEnv(pid int) []string {
	return nulSeparated(fmt.Sprintf("/proc/%d/environ", pid))
}

func nulSeparated(path string) []string {
	data, err := os.ReadFile(path)
	if err != nil || len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
}

func describe(procs []proc) string {
	var b strings.Builder
	for _, p := range procs {
		fmt.Fprintf(&b, "%d (child of %d): %q\n", p.pid, p.ppid, p.argv)
	}
	return b.String()
}

// kill sends SIGKILL to a process that the test knows by its pid.
func kill(pid int) {
	_ = unix.Kill(pid, unix.SIGKILL)
}
