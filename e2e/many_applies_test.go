//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// crowd is how many applies want the scandir at once.
const crowd = 8

// TestCrowd: many applies of different manifests at once, while their gateways are controlled by
// hand and another program's services come and go. One apply after the other gets its turn, and the
// last one's manifest is what is true.
func TestCrowd(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	ports := freePorts(t, crowd)
	for i := range crowd {
		tr.manifest("shared: {env: {VALUE: v%d}}\nported: {port: %d}\nnext%d: {port: %d}\nflips: {state: %s}\nown%d: {log: {keep: %d}}",
			i, ports[i], (i+1)%3, ports[(i+1)%crowd], []string{"up", "down"}[i%2], i, 5+i)
		require.NoError(t, os.Rename(tr.path("profiles.yaml"), tr.path(fmt.Sprintf("m%d.yaml", i))))
	}
	tr.plainService("neighbour")
	tr.service("gateway-foreign", map[string]string{"run": foreignRun("foreign"), "log/run": tr.foreignLogger()})
	foreign, neighbour := tr.family("foreign"), tr.pid("neighbour")
	tr.mustApply("-f", "m0.yaml")

	quiet := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() { tr.handsOn(quiet) })
	busy.Go(func() { tr.comeAndGo(quiet, "visitor") })
	busy.Go(func() { tr.comeAndGo(quiet, "gateway-visitor") })
	turns := 0
	for round := range 5 {
		turns += tr.rush(round)
	}
	require.GreaterOrEqual(t, turns, 5, "of each round one apply at least gets its turn")
	turns += tr.rush(crowd) // these wait as long as it takes
	close(quiet)
	busy.Wait()

	tr.isOneOfTheCrowd()
	require.Equal(t, foreign, tr.family("foreign"))
	require.Equal(t, neighbour, tr.pid("neighbour"))
	t.Logf("%d of %d applies had their turn", turns, 6*crowd)
}

// rush starts all applies at once. Those that do not wait for their turn may be told who holds the
// lock. It returns how many had their turn.
func (tr *tree) rush(patient int) (turns int) {
	tr.t.Helper()
	var all []*background
	pids := map[int]bool{}
	for i := range crowd {
		wait := "4m"
		if i > patient {
			wait = "50ms"
		}
		bg := tr.start("apply", "-f", fmt.Sprintf("m%d.yaml", i), "--lock-timeout", wait)
		all, pids[bg.pid] = append(all, bg), true
	}
	for i, bg := range all {
		r := <-bg.done
		if r.code == 0 {
			turns++
			continue
		}
		require.Equal(tr.t, 111, r.code, "apply of m%d: %v", i, r)
		require.Greater(tr.t, i, patient, "it was to wait: %v", r)
		_, text, _ := strings.Cut(r.stderr, "is held by another apply (pid ")
		text, _, _ = strings.Cut(text, ")")
		holder, err := strconv.Atoi(text)
		require.NoError(tr.t, err, "%v", r)
		require.True(tr.t, pids[holder] && holder != bg.pid, "pid %d is none of the others: %v", holder, r)
		require.Empty(tr.t, r.stdout)
	}
	return turns
}

// isOneOfTheCrowd: what is there is what one manifest says, and no other.
func (tr *tree) isOneOfTheCrowd() {
	tr.t.Helper()
	var fits []int
	one := func() bool {
		fits = nil
		for i := range crowd {
			if tr.run("diff", "--exit-code", "-f", fmt.Sprintf("m%d.yaml", i)).code == 0 {
				fits = append(fits, i)
			}
		}
		return len(fits) == 1
	}
	// A gateway that was told down and up again by hand may still be on its way.
	eventually(tr.t, patience, one, "the state is that of one manifest")
	tr.runsRound("shared", fits[0])
	tr.loggerKeeps(fmt.Sprintf("own%d", fits[0]), 5+fits[0])
	require.Empty(tr.t, tr.hidden())
}

// handsOn controls gateways by hand until it should be quiet, and leaves none down for good.
func (tr *tree) handsOn(quiet <-chan struct{}) {
	for {
		for _, letters := range []string{"-d", "-u", "-t", "-r", "-h", "-d", "-u"} {
			for _, profile := range []string{"shared", "ported"} {
				// It fails where the service is gone for a moment.
				_ = exec.Command(tools["s6-svc"], letters, tr.dir(profile)).Run()
			}
			if letters != "-d" && pausedUntil(quiet) {
				return
			}
		}
	}
}

// pausedUntil lets a moment pass, and reports whether it should be quiet.
func pausedUntil(quiet <-chan struct{}) bool {
	const moment = 20 * time.Millisecond
	select {
	case <-quiet:
		return true
	case <-time.After(moment):
		return false
	}
}

// comeAndGo is a program that has services of its own in the scandir.
func (tr *tree) comeAndGo(quiet <-chan struct{}, prefix string) {
	for n := 0; !pausedUntil(quiet); n++ {
		if err := tr.visit(fmt.Sprintf("%s%d", prefix, n)); err != nil {
			tr.t.Errorf("a service of another program: %v", err)
			return
		}
	}
}

// visit makes a service, and removes it as apply would.
func (tr *tree) visit(name string) error {
	staged, live := filepath.Join(tr.scandir, ".new-"+name), filepath.Join(tr.scandir, name)
	gone := filepath.Join(tr.scandir, ".old-"+name)
	if err := os.Mkdir(staged, 0o755); err != nil {
		return err
	}
	tr.writeScript(filepath.Join(staged, "run"), "#!/bin/sh\nexec sleep 1000\n")
	if err := os.Rename(staged, live); err != nil {
		return err
	}
	if err := scanUntil(tr, "-a", "is supervised", func() bool { return supervised(live) }); err != nil {
		return err
	}
	inode := tr.inode(name)
	if err := os.Rename(live, gone); err != nil {
		return err
	}
	if tr.inode(filepath.Base(gone)) != inode {
		return fmt.Errorf("another program replaced %s", name)
	}
	if err := scanUntil(tr, "-an", "is supervised no more", func() bool { return !supervised(gone) }); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}

func supervised(dir string) bool { return exec.Command(tools["s6-svok"], dir).Run() == nil }

// scanUntil wakes s6-svscan, and waits for what that should do.
func scanUntil(tr *tree, arg, what string, cond func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), maxRun)
	defer cancel()
	if out, err := exec.CommandContext(ctx, tools["s6-svscanctl"], arg, tr.scandir).CombinedOutput(); err != nil {
		return fmt.Errorf("s6-svscanctl %s: %w: %s", arg, err, out)
	}
	if !poll(patience, cond) {
		return fmt.Errorf("it takes too long until it %s", what)
	}
	return nil
}
