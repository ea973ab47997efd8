//go:build linux

// Command scale measures what many gateways need in one container: it has hermes-reconcile apply
// manifests of more and more profiles on an s6-svscan of its own, whose gateways only sleep, and
// counts processes, memory and open files. Times depend on the machine, so they are shown as ratios to
// the first number of profiles.
//
//	go run ./e2e/bench/scale 10 100 1000
package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is how long s6-svscan may take to start, or to end all that it has started.
const patience = 5 * time.Minute

// uid and gid are those of the account that gateways run as, on all common systems.
const uid, gid = 65534, 65534

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(sizes []string) error {
	if len(sizes) == 0 {
		return errors.New("which numbers of profiles? As 10 100 1000")
	}
	work, err := os.MkdirTemp("", "scale")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.Chmod(work, 0o755); err != nil { // gateways run as another user
		return err
	}
	program := filepath.Join(work, "hermes-reconcile")
	if out, err := exec.Command("go", "build", "-o", program, "./cmd/hermes-reconcile").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	var base *measured
	for _, size := range sizes {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 {
			return fmt.Errorf("%s is no number of profiles", size)
		}
		m, err := measure(program, filepath.Join(work, size), n)
		if err != nil {
			return fmt.Errorf("%d profiles: %w", n, err)
		}
		if base == nil {
			base = m
		}
		m.print(base)
	}
	return nil
}

// measured is what some gateways need.
type measured struct {
	profiles         int
	first, nothing   time.Duration  // of an apply that makes them all, and of one that changes nothing
	processes, files int            // of s6 and the gateways; files that they have open
	svscan           int            // open files of s6-svscan
	memory           map[string]int // in kB, by the name of the program; what is shared is divided
	count            map[string]int
	disk             int // kB of the scandir
	tables           int // kB of page tables, which no process's own memory has
}

func (m *measured) print(base *measured) {
	fmt.Printf("%d profiles: %d processes, %d open files, %d of them of s6-svscan, %d kB in the scandir\n",
		m.profiles, m.processes, m.files, m.svscan, m.disk)
	for _, name := range slices.Sorted(maps.Keys(m.count)) {
		n := m.count[name]
		fmt.Printf("  %-14s %6d processes, %8d kB, %.1f kB each\n", name, n, m.memory[name], float64(m.memory[name])/float64(n))
	}
	fmt.Printf("  page tables    %6d kB\n", m.tables)
	fmt.Printf("  first apply %.1f times, apply of nothing %.1f times as long as with %d profiles\n",
		float64(m.first)/float64(base.first), float64(m.nothing)/float64(base.nothing), base.profiles)
}

// measure runs so many gateways, and ends them.
func measure(program, dir string, profiles int) (*measured, error) {
	scandir := filepath.Join(dir, "scandir")
	if err := os.MkdirAll(scandir, 0o755); err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nruntime: s6\nscandir: %s\nhermes_home: %s/home\n", scandir, dir)
	b.WriteString("defaults: {user: nobody, command: [sleep, infinity]}\nprofiles:\n")
	for n := range profiles {
		fmt.Fprintf(&b, "  p%d: {port: %d}\n", n, 10000+n)
	}
	manifest, home := filepath.Join(dir, "profiles.yaml"), filepath.Join(dir, "home")
	err := errors.Join(os.Mkdir(home, 0o755), os.Chown(home, uid, gid), os.WriteFile(manifest, []byte(b.String()), 0o644))
	if err != nil {
		return nil, err
	}
	end, pid, err := supervise(scandir, 2*profiles+10)
	if err != nil {
		return nil, err
	}
	m := &measured{profiles: profiles}
	apply := func() (time.Duration, error) {
		begin := time.Now()
		out, err := exec.Command(program, "apply", "--quiet", "--wait=up", "-f", manifest).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("apply: %w: %s", err, out[max(0, len(out)-1000):])
		}
		return time.Since(begin), err
	}
	if m.first, err = apply(); err == nil {
		m.nothing, err = apply()
	}
	if err == nil {
		err = m.look(pid, scandir)
	}
	return m, errors.Join(err, end())
}

// supervise starts an s6-svscan, and waits until it takes commands. What it returns ends it.
func supervise(scandir string, services int) (end func() error, pid int, err error) {
	cmd := exec.Command("s6-svscan", "-c", strconv.Itoa(services), scandir)
	cmd.Dir = "/"
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	end = func() error {
		_ = exec.Command("s6-svscanctl", "-t", scandir).Run()
		select {
		case <-ended:
			return nil
		case <-time.After(patience):
			return fmt.Errorf("s6-svscan, pid %d, does not end", cmd.Process.Pid)
		}
	}
	for deadline := time.Now().Add(patience); exec.Command("s6-svscanctl", "-a", scandir).Run() != nil; {
		if time.Now().After(deadline) {
			return nil, 0, errors.Join(errors.New("s6-svscan takes no commands"), end())
		}
		time.Sleep(50 * time.Millisecond)
	}
	return end, cmd.Process.Pid, nil
}

// look counts s6-svscan and all that came of it.
func (m *measured) look(svscan int, scandir string) error {
	m.memory, m.count = map[string]int{}, map[string]int{}
	children := map[int][]int{}
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	for _, name := range names {
		text, _ := os.ReadFile(name) // a process may have ended
		_, rest, _ := bytes.Cut(text, []byte(") "))
		if fields := bytes.Fields(rest); len(fields) > 1 {
			parent, _ := strconv.Atoi(string(fields[1]))
			pid, _ := strconv.Atoi(strings.Split(name, "/")[2])
			children[parent] = append(children[parent], pid)
		}
	}
	for all := []int{svscan}; len(all) > 0; all = all[1:] {
		all = append(all, children[all[0]]...)
		if err := m.add(all[0], all[0] == svscan); err != nil {
			return err
		}
	}
	return m.weigh(scandir)
}

// add counts a process.
func (m *measured) add(pid int, svscan bool) error {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	name, err := os.ReadFile(filepath.Join(proc, "comm"))
	if err != nil {
		return err
	}
	files, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		return err
	}
	rollup, err := os.ReadFile(filepath.Join(proc, "smaps_rollup"))
	if err != nil {
		return err
	}
	_, pss, _ := strings.Cut(string(rollup), "\nPss:")
	kb, err := strconv.Atoi(strings.Fields(pss)[0])
	if err != nil {
		return err
	}
	status, err := os.ReadFile(filepath.Join(proc, "status"))
	if err != nil {
		return err
	}
	_, pte, _ := strings.Cut(string(status), "\nVmPTE:")
	tables, err := strconv.Atoi(strings.Fields(pte)[0])
	if err != nil {
		return err
	}
	m.tables += tables
	m.processes++
	m.files += len(files)
	if svscan {
		m.svscan = len(files)
	}
	key := strings.TrimSpace(string(name))
	m.count[key]++
	m.memory[key] += kb
	return nil
}

// weigh adds up what the files of a folder take on disk.
func (m *measured) weigh(scandir string) error {
	const block = 512 // bytes, in which stat counts
	return filepath.WalkDir(scandir, func(_ string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			m.disk += int(info.Sys().(*syscall.Stat_t).Blocks) * block / 1024
		}
		return err
	})
}
