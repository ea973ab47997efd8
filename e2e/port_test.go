//go:build e2e

package e2e

import (
	"testing"
)

// In these tests a gateway drains for a while: one that takes its port too early cannot bind it,
// and the stub records that.

func TestPortsAreSwapped(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	ports := freePorts(t, 2)
	tr.manifest(drainingPair, ports[0], ports[1])
	tr.mustApply()
	tr.serves("alpha", ports[0])
	tr.serves("beta", ports[1])

	tr.manifest(drainingPair, ports[1], ports[0])
	tr.mustApply()
	tr.serves("alpha", ports[1])
	tr.serves("beta", ports[0])
	tr.started("alpha", 2)
	tr.started("beta", 2)
	tr.mustBeDone()
}

const drainingPair = `
alpha: {port: %d, env: {STUB_DRAIN: 400ms}}
beta: {port: %d, env: {STUB_DRAIN: 100ms}}`

func TestPortsGoRound(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	p := freePorts(t, 3)
	write := func(a, b, c int) {
		tr.manifest(`
alpha: {port: %d, env: {STUB_DRAIN: 300ms}}
beta: {port: %d, env: {STUB_DRAIN: 100ms}}
gamma: {port: %d, env: {STUB_DRAIN: 200ms}}`, a, b, c)
	}
	write(p[0], p[1], p[2])
	tr.mustApply()
	write(p[1], p[2], p[0])
	tr.mustApply()
	tr.serves("alpha", p[1])
	tr.serves("beta", p[2])
	tr.serves("gamma", p[0])
}

func TestNewGatewayTakesThePortOfARemovedOne(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	port := freePorts(t, 1)[0]
	tr.manifest("keep: {}\nold: {port: %d, env: {STUB_DRAIN: 400ms}}", port)
	tr.mustApply()
	tr.serves("old", port)
	family := tr.family("old")

	tr.manifest("keep: {}\nnew: {port: %d}", port)
	tr.mustApply()
	tr.serves("new", port)
	tr.started("new", 1)
	tr.gone("old", family)
	tr.mustBeDone()
}

// TestStoppedGatewayGivesItsPortAway: state: down frees a port in the same apply that gives it to
// another.
func TestStoppedGatewayGivesItsPortAway(t *testing.T) {
	t.Parallel()
	tr := newTree(t, treeOpts{})
	p := freePorts(t, 2)
	tr.manifest("old: {port: %d, env: {STUB_DRAIN: 300ms}}\nnew: {port: %d}", p[0], p[1])
	tr.mustApply()
	tr.manifest("old: {state: down, env: {STUB_DRAIN: 300ms}}\nnew: {port: %d}", p[0])
	tr.mustApply()
	tr.serves("new", p[0])
	tr.mustBeDone()
}
