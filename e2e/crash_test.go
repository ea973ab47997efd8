//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

// runsRound: the process that runs was started with what the manifest says in this round.
func (tr *tree) runsRound(profile string, round int) {
	tr.t.Helper()
	want := fmt.Sprintf("v%d", round)
	eventually(tr.t, patience, func() bool { // its run script is a shell's at first
		got, _ := envOf(processEnv(tr.gatewayPid(profile)), "VALUE")
		return got == want
	}, "the process of "+profile+" was started with VALUE="+want)
}

// TestKilledWhileACommandIsUnderWay: the s6-svc that a killed apply had started must not stop a
// gateway behind the back of the next apply.
func TestKilledWhileACommandIsUnderWay(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{allowLeft: true}) // the fake program's sleep
	tr.manifest("alpha: {env: {VALUE: v0}}")
	tr.mustApply()
	tr.started("alpha", 1)
	// On a machine under load a command may be on its way for long.
	tr.fake("s6-svc", "sleep 1")
	tr.manifest("alpha: {env: {VALUE: v1}}")
	first := tr.start("apply")
	eventually(t, patience, func() bool { return len(tr.calls("s6-svc")) > 0 }, "apply runs s6-svc")
	kill(first.pid)
	<-first.done

	tr.fake("s6-svc", "")
	tr.mustApply()
	tr.runsRound("alpha", 1)
	eventually(t, patience, func() bool { return !tr.underWay("s6-svc") }, "the late s6-svc ends")
	tr.mustBeDone()
	tr.runsRound("alpha", 1)
}

// underWay reports whether a program that the tree has started has not come to its end.
func (tr *tree) underWay(program string) bool {
	return slices.ContainsFunc(tr.processes(), func(p proc) bool {
		return slices.ContainsFunc(p.argv, func(arg string) bool { return filepath.Base(arg) == program })
	})
}
