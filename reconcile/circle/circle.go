// Package circle decides which of the gateways that pass ports to each other may go on, and which
// run on as they are: a gateway that restarts on the port of another one gains nothing by being
// stopped before that one. Those that pass ports around in a circle can only go together.
package circle

import "slices"

// State is what becomes of a gateway in one apply.
type State int

const (
	// Goes: it gives up its port in this apply, or has none.
	Goes State = iota
	// Drains: it was asked to end, or is to be, and gives up its port later.
	Drains
	// Waits: it is left to a later apply.
	Waits
	// Fails: it stays as it is, and no later apply is known to change that.
	Fails
)

// Gateway is one that a plan changes.
type Gateway struct {
	Name   string
	Awaits []string // those whose port it takes
	State  State    // before it is known what those do that it awaits
	Held   bool     // it is left as it is, if it has to wait: it has not been asked to end
}

// Verdict is what is decided of a gateway.
type Verdict struct {
	State  State
	For    string // that it waits for, or fails with; empty: its state is its own
	Circle bool   // it waits, in the end, for itself
}

// Decide tells what becomes of these gateways. What they await and is none of them is left out.
func Decide(all []Gateway) map[string]Verdict {
	d := &decider{of: make(map[string]*node, len(all)), verdicts: make(map[string]Verdict, len(all))}
	for _, g := range all {
		if !g.depends() {
			g.Awaits = nil
		}
		d.of[g.Name] = &node{Gateway: g}
	}
	for _, g := range all {
		if n := d.of[g.Name]; n.number == 0 {
			d.visit(n)
		}
	}
	return d.verdicts
}

// depends reports whether what the gateway gives up depends on what it awaits.
func (g *Gateway) depends() bool {
	return g.State == Drains || g.State == Goes && g.Held
}

// decider finds circles by Tarjan's algorithm: each comes behind all that its members await.
type decider struct {
	of       map[string]*node
	stack    []*node
	numbers  int
	verdicts map[string]Verdict
}

type node struct {
	Gateway
	number, low int
	done        bool
}

func (d *decider) visit(n *node) {
	d.numbers++
	n.number, n.low = d.numbers, d.numbers
	d.stack = append(d.stack, n)
	for _, name := range n.Awaits {
		giver := d.of[name]
		switch {
		case giver == nil || giver.done:
		case giver.number == 0:
			d.visit(giver)
			n.low = min(n.low, giver.low)
		default:
			n.low = min(n.low, giver.number)
		}
	}
	if n.low != n.number {
		return
	}
	from := slices.Index(d.stack, n)
	d.judge(d.stack[from:])
	d.stack = d.stack[:from]
}

// judge decides about a circle, or about a gateway that is in none. Nothing of a circle is stopped
// while one of it has to wait for another reason. When all could go but for those that drain, these
// drain together, and the others run on meanwhile.
func (d *decider) judge(members []*node) {
	worst, drains := Goes, false
	for _, m := range members {
		drains = drains || m.State == Drains
		for _, name := range m.Awaits {
			if giver := d.of[name]; giver != nil && giver.done {
				worst = max(worst, reached(d.verdicts[name].State))
			}
		}
	}
	circle := len(members) > 1
	for _, m := range members {
		v := Verdict{State: m.State, Circle: circle}
		held := worst != Goes || circle && drains && m.State == Goes
		if m.Held && m.State <= Drains && held {
			v.State, v.For = max(worst, Waits), d.obstacle(m)
		}
		d.verdicts[m.Name] = v
	}
	for _, m := range members {
		m.done = true
	}
}

// reached is what a gateway has to do that awaits one of this state.
func reached(giver State) State {
	if giver == Drains {
		return Waits
	}
	return giver
}

// obstacle is what a gateway awaits that does not go: outside its circle, or else in it.
func (d *decider) obstacle(m *node) string {
	inside := ""
	for _, name := range m.Awaits {
		giver := d.of[name]
		switch {
		case giver == nil:
		case !giver.done:
			inside = name
		case d.verdicts[name].State != Goes:
			return name
		}
	}
	return inside
}
