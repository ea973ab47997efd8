// Command bench measures hermes-reconcile against the least work that any program could do, and
// fails where a ratio has become worse than the recorded one. Times are those of one machine on one
// day; a ratio of two programs that run in turn is not.
//
//	go run ./e2e/bench            compare with ratios.json
//	go run ./e2e/bench -update    record the ratios of today
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// tolerance is how much worse a ratio may be than the recorded one.
const tolerance = 1.5

// runs is how often each of the two is run, in turn.
const runs = 11

// recorded is the file with the ratios, relative to the module.
const recorded = "e2e/bench/ratios.json"

func main() {
	update := flag.Bool("update", false, "record the ratios instead of comparing with those on record")
	flag.Parse()
	if err := run(*update); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run works in memory where it can, so that no disk has a part in the times.
func run(update bool) error {
	work, err := os.MkdirTemp(memory(), "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b := &bench{work: work, ratios: map[string]float64{}}
	if err := errors.Join(b.build(), b.measure()); err != nil {
		return err
	}
	if update {
		text, err := json.MarshalIndent(b.ratios, "", "  ")
		if err != nil {
			return err
		}
		return os.WriteFile(recorded, append(text, '\n'), 0o644)
	}
	if b.compare() == nil {
		return nil
	}
	return b.again()
}

// again measures once more, in case it was the machine: of two ratios the better one counts.
func (b *bench) again() error {
	fmt.Println("once more:")
	first := b.ratios
	b.ratios = map[string]float64{}
	if err := b.measure(); err != nil {
		return err
	}
	for name, ratio := range first {
		b.ratios[name] = min(b.ratios[name], ratio)
	}
	return b.compare()
}

// memory is a folder of a filesystem in memory, where there is one: a disk would be measured else.
func memory() string {
	const shm = "/dev/shm"
	if info, err := os.Stat(shm); err == nil && info.IsDir() {
		return shm
	}
	return ""
}

// bench is one run of all measurements, and what it has found.
type bench struct {
	work   string
	ratios map[string]float64 // by name of the operation and number of profiles
}

func (b *bench) path(name string) string { return filepath.Join(b.work, name) }

// build builds both sides as they are released: without debugging information, without cgo.
func (b *bench) build() error {
	programs := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.work+"/",
		"./cmd/hermes-reconcile", "./e2e/bench/empty")
	programs.Env = append(os.Environ(), "CGO_ENABLED=0")
	floor := exec.Command("gcc", "-O2", "-static", "-Wall", "-o", b.path("floor"), "e2e/bench/floor/floor.c")
	for _, cmd := range []*exec.Cmd{programs, floor} {
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("cannot build: %v: %w\n%s", cmd.Args, err, out)
		}
	}
	return nil
}

// measure measures each operation.
func (b *bench) measure() error {
	if err := b.pair("start", nil, b.ours("version"), b.empty); err != nil {
		return err
	}
	for _, n := range []int{10, 1000} {
		if err := b.profiles(n); err != nil {
			return fmt.Errorf("%d profiles: %w", n, err)
		}
	}
	return b.live()
}

// profiles measures what is done with so many profiles.
func (b *bench) profiles(n int) error {
	scandir, tree := b.path("scandir"), b.path("tree")
	file, changed := b.manifest(n, "dry"), b.manifest(n, "warm")
	fresh := func() error {
		return errors.Join(os.RemoveAll(scandir), os.RemoveAll(tree), os.MkdirAll(scandir, 0o755))
	}
	if err := errors.Join(fresh(), spend(b.ours("apply", "-f", file, "--no-rescan")())); err != nil {
		return err
	}
	model := b.path("model")
	if err := errors.Join(os.RemoveAll(model), os.Rename(scandir, model)); err != nil {
		return err
	}
	for _, p := range []struct {
		name        string
		before      func() error
		ours, floor func() *exec.Cmd
	}{
		{"apply", fresh, b.ours("apply", "-f", file, "--no-rescan"), b.floor("copy", model, scandir)},
		{"render", fresh, b.ours("render", "-f", file, "--out", tree), b.floor("copy", model, scandir)},
		{"diff", nil, b.ours("diff", "-f", file, "--scandir", model), b.floor("read", model)},
		{"validate", nil, b.ours("validate", "-f", file), b.floor("read", model)},
		{"diff --against", nil, b.ours("diff", "-f", changed, "--against", file), b.floor("read", model)},
	} {
		if err := b.pair(fmt.Sprintf("%s %d", p.name, n), p.before, p.ours, p.floor); err != nil {
			return err
		}
	}
	return nil
}

// manifest writes a manifest of so many profiles.
func (b *bench) manifest(n int, tone string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "version: 1\nruntime: s6\nscandir: %s\nhermes_home: %s\ndefaults: {user: nobody, env: {TONE: %s}}\nprofiles:\n",
		b.path("scandir"), b.work, tone)
	for i := range n {
		fmt.Fprintf(&text, "  p%04d: {port: %d}\n", i, 10_000+i)
	}
	name := b.path(fmt.Sprintf("%s%d.yaml", tone, n))
	if err := os.WriteFile(name, []byte(text.String()), 0o644); err != nil {
		panic(err) // in a folder of our own
	}
	return name
}

// ours is a command of hermes-reconcile, made anew for each run.
func (b *bench) ours(args ...string) func() *exec.Cmd {
	return func() *exec.Cmd { return exec.Command(b.path("hermes-reconcile"), args...) }
}

// floor is the least work for the same end, in C, without a check of anything.
func (b *bench) floor(args ...string) func() *exec.Cmd {
	return func() *exec.Cmd { return exec.Command(b.path("floor"), args...) }
}

// empty is the least that a program in Go can do.
func (b *bench) empty() *exec.Cmd { return exec.Command(b.path("empty")) }

// pair runs both in turn and keeps the median of the ratios of their processor times: what else the
// machine does concerns both of a pair, more or less.
func (b *bench) pair(name string, before func() error, ours, floor func() *exec.Cmd) error {
	processor, _, err := inTurn(runs, before, ours, floor)
	b.ratios[name] = processor
	return err
}

// inTurn runs both so often, in turn, and returns the medians of the ratios of their processor
// times and of the times that passed.
func inTurn(
	runs int, before func() error, ours, floor func() *exec.Cmd,
) (processor, elapsed float64, err error) {
	var ofProcessor, ofElapsed []float64
	for range runs {
		var spent, passed [2]time.Duration
		for i, make := range []func() *exec.Cmd{ours, floor} {
			if before != nil {
				if err := before(); err != nil {
					return 0, 0, err
				}
			}
			cmd, begin := make(), time.Now()
			if err := spend(cmd); err != nil {
				return 0, 0, err
			}
			passed[i] = time.Since(begin)
			spent[i] = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		}
		ofProcessor = append(ofProcessor, ratio(spent))
		ofElapsed = append(ofElapsed, ratio(passed))
	}
	slices.Sort(ofProcessor)
	slices.Sort(ofElapsed)
	return ofProcessor[runs/2], ofElapsed[runs/2], nil
}

// ratio is that of two times.
func ratio(times [2]time.Duration) float64 {
	return float64(times[0]) / float64(max(times[1], time.Microsecond))
}

// spend runs a program to its end.
func spend(cmd *exec.Cmd) error {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd.Args, err, stderr.Bytes())
	}
	return nil
}

// compare prints the ratios beside those on record.
func (b *bench) compare() error {
	data, err := os.ReadFile(recorded)
	if err != nil {
		return err
	}
	before := map[string]float64{}
	if err := json.Unmarshal(data, &before); err != nil {
		return fmt.Errorf("%s: %w", recorded, err)
	}
	var worse []string
	fmt.Printf("%-26s %9s %9s\n", "x the floor", "recorded", "now")
	for _, name := range slices.Sorted(maps.Keys(b.ratios)) {
		verdict := ""
		if was, known := before[name]; !known || b.ratios[name] > tolerance*was {
			verdict = "  worse"
			worse = append(worse, name)
		}
		fmt.Printf("%-26s %9.2f %9.2f%s\n", name, before[name], b.ratios[name], verdict)
	}
	if len(worse) > 0 {
		return fmt.Errorf("more than %v times what is recorded: %s (record it with -update, if that is meant)",
			tolerance, strings.Join(worse, ", "))
	}
	return nil
}
