package circle

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// kinds are all that a gateway can be before it is known what the others do.
var kinds = []Gateway{
	{State: Goes, Held: true},   // restarts at once
	{State: Drains, Held: true}, // is to be asked
	{State: Drains},             // was asked
	{State: Goes},               // is removed, or down
	{State: Waits},
	{State: Fails},
}

var names = []string{"a", "b", "c", "d"}

// each calls do with all gateways of n that await any of the others, at most so many each.
func each(n, most int, kinds []Gateway, do func([]Gateway)) {
	all := make([]Gateway, n)
	var fill func(i int)
	fill = func(i int) {
		if i == n {
			do(all)
			return
		}
		for set := range 1 << n {
			var awaits []string
			for k := range n {
				if set&(1<<k) != 0 {
					awaits = append(awaits, names[k])
				}
			}
			if set&(1<<i) != 0 || len(awaits) > most {
				continue
			}
			for _, kind := range kinds {
				all[i] = kind
				all[i].Name, all[i].Awaits = names[i], awaits
				fill(i + 1)
			}
		}
	}
	fill(0)
}

// every is every small case: three gateways that await any others, four that await one and can go.
func every(do func([]Gateway)) {
	each(3, 2, kinds, do)
	each(4, 1, kinds[:4], do)
}

// reaches tells for each gateway which others it awaits, in the end: a bit each.
func reaches(all []Gateway) []int {
	sets := make([]int, len(all))
	for range all {
		for i, g := range all {
			if !g.depends() {
				continue
			}
			for k, other := range all {
				for _, giver := range g.Awaits {
					if giver == other.Name {
						sets[i] |= 1<<k | sets[k]
					}
				}
			}
		}
	}
	return sets
}

// check fails with the case; to make a text of each would take longer than the rest.
func check(t *testing.T, holds bool, what string, all []Gateway, verdicts map[string]Verdict) {
	if !holds {
		t.Fatalf("%s: %+v %+v", what, all, verdicts)
	}
}

// TestNoneIsStoppedOrWaitsForNothing: what is stopped, or asked to end, has all that it awaits going
// with it; in a circle each goes, or one that drains is what the others run on for. One that is held
// awaits, in the end, what drains, waits or fails.
func TestNoneIsStoppedOrWaitsForNothing(t *testing.T) {
	every(func(all []Gateway) {
		verdicts, sets := Decide(all), reaches(all)
		for i, g := range all {
			v := verdicts[g.Name]
			check(t, v.Circle == (sets[i]&(1<<i) != 0), g.Name+": circle", all, verdicts)
			if !g.Held {
				check(t, v.State == g.State && v.For == "", g.Name+" cannot be held", all, verdicts)
				continue
			}
			goes, reason, fails := v.State == Goes || v.State == Drains, false, false
			for k, other := range all {
				if sets[i]&(1<<k) == 0 {
					continue
				}
				reason, fails = reason || other.State != Goes, fails || other.State == Fails
				state, together := verdicts[other.Name].State, sets[k]&(1<<i) != 0
				fine := state == Goes || v.State == Drains && together && state != Fails
				check(t, !goes || fine, g.Name+" is stopped for nothing", all, verdicts)
			}
			if goes {
				continue
			}
			check(t, reason, g.Name+" waits for nothing", all, verdicts)
			check(t, v.State == Waits || fails, g.Name+" fails with nothing", all, verdicts)
			check(t, verdicts[v.For].State != Goes, g.Name+" names what goes", all, verdicts)
		}
	})
}

// TestAllGoInTheEnd: each time those that were asked have ended, by whichever order, the next look
// brings all further, until each has gone. What fails keeps only those that await it.
func TestAllGoInTheEnd(t *testing.T) {
	every(func(first []Gateway) {
		all := append([]Gateway(nil), first...)
		for i := range all {
			if all[i].State == Waits {
				all[i].State = Goes // its reason has gone
			}
		}
		for range 2 * len(all) {
			verdicts := Decide(all)
			var left []Gateway
			for _, g := range all {
				switch v := verdicts[g.Name]; {
				case v.State == Drains: // it ends, and waits for what it awaits
					g.State, g.Held = Goes, true
					left = append(left, g)
				case v.State != Goes:
					left = append(left, g)
				}
			}
			all = left
		}
		for _, g := range all {
			check(t, g.State == Fails || fails(first, g.Name), g.Name+" never goes", first, Decide(first))
		}
	})
}

// fails reports whether a gateway awaits, in the end, one that fails.
func fails(all []Gateway, name string) bool {
	for i, set := range reaches(all) {
		for k, other := range all {
			if all[i].Name == name && set&(1<<k) != 0 && other.State == Fails {
				return true
			}
		}
	}
	return false
}

func TestSamples(t *testing.T) {
	for name, sample := range map[string]struct {
		gateways []Gateway
		want     string
	}{
		"a chain behind one that drains": {
			[]Gateway{{Name: "a", State: Drains, Held: true}, {Name: "b", Awaits: []string{"a"}, State: Drains, Held: true}, {Name: "c", Awaits: []string{"b"}, Held: true}},
			"a drains, b waits for a, c waits for b",
		},
		"a circle that drains, but for one": {
			[]Gateway{{Name: "a", Awaits: []string{"b"}, State: Drains, Held: true}, {Name: "b", Awaits: []string{"c"}, State: Drains, Held: true}, {Name: "c", Awaits: []string{"a"}, Held: true}},
			"a drains, b drains, c waits for a",
		},
		"a circle that waits for one outside": {
			[]Gateway{{Name: "a", Awaits: []string{"b"}, State: Drains, Held: true}, {Name: "b", Awaits: []string{"a", "c"}, State: Drains, Held: true}, {Name: "c", State: Drains}},
			"a waits for b, b waits for c, c drains",
		},
		"one that cannot be done": {
			[]Gateway{{Name: "a", State: Fails}, {Name: "b", Awaits: []string{"a"}, State: Drains, Held: true}, {Name: "c", Awaits: []string{"b"}, Held: true}},
			"a fails, b fails for a, c fails for b",
		},
		"one that is no part of it": {
			[]Gateway{{Name: "a", Awaits: []string{"gone"}, State: Drains, Held: true}}, "a drains",
		},
	} {
		verdicts, got := Decide(sample.gateways), ""
		for i, g := range sample.gateways {
			v := verdicts[g.Name]
			if i > 0 {
				got += ", "
			}
			got += g.Name + " " + []string{"goes", "drains", "waits", "fails"}[v.State]
			if v.For != "" {
				got += fmt.Sprintf(" for %s", v.For)
			}
		}
		require.Equal(t, sample.want, got, name)
	}
}
