// Package ports reads the port of a profile, or that it is automatic, picks the automatic ones, and
// reports those that two profiles want.
package ports

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"

	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/wording"
	"hermes-reconcile/manifest/yamlfile"
)

// Wish is what a profile says of its port.
type Wish struct {
	Profile string
	Port    table.Setting[Port]
	At      yamlfile.Spot  // of the profile's key
	Path    *yamlfile.Path // of the profile
}

// auto depends on the profile's name and the range alone, so that a port does not move when other
// profiles come and go.
func auto(name string, in Range) int {
	sum := sha256.Sum256([]byte(name))
	size := uint64(in.Last - in.First + 1)
	return in.First + int(binary.BigEndian.Uint64(sum[:8])%size)
}

// assignment assigns and checks the ports of all profiles.
type assignment struct {
	r       *yamlfile.Reader
	wishes  []Wish
	numbers []int       // by wish; 0 is none
	owner   map[int]int // port to wish, the first in file order
	next    int         // where to look for the next free number
}

// Assign returns the port of each wish, and reports those that are taken. Where the range of
// automatic ports is not known, there is none of these.
func Assign(r *yamlfile.Reader, wishes []Wish, in Range, rangeIsKnown bool) []int {
	a := &assignment{
		r:       r,
		wishes:  wishes,
		numbers: make([]int, len(wishes)),
		owner:   map[int]int{},
		next:    in.First,
	}
	for i, w := range wishes {
		if w.Port.State != table.Given {
			continue
		}
		if w.Port.Value.Auto && rangeIsKnown {
			a.numbers[i] = auto(w.Profile, in)
		} else {
			a.numbers[i] = w.Port.Value.Number
		}
		if _, taken := a.owner[a.numbers[i]]; !taken && a.numbers[i] != 0 {
			a.owner[a.numbers[i]] = i
		}
	}
	for i, number := range a.numbers {
		if first := a.owner[number]; number != 0 && first != i {
			a.collision(i, first)
		}
	}
	return a.numbers
}

// collision reports that wish i is for the port of an earlier one.
func (a *assignment) collision(i, first int) {
	w, other := a.wishes[i], a.wishes[first]
	where := w.Port.At
	if where == other.Port.At { // one text, shared through an alias
		where = w.At
	}
	own, others := w.Port.Value.Auto, other.Port.Value.Auto
	kind, hint := "", ""
	if own {
		kind = "auto port "
	}
	if free := a.free(); (own || others) && free != 0 {
		hint = fmt.Sprintf("; port %d is free", free)
	}
	suffix := ""
	if others {
		suffix = ", auto"
	}
	a.r.FaultAt(
		where,
		w.Path.Key("port"),
		"%s%s is already used by profile %s (%s%s)%s",
		kind,
		strconv.Itoa(
			a.numbers[i],
		),
		wording.Quote(other.Profile),
		a.r.Position(other.Port.At),
		suffix,
		hint,
	)
}

// free gives a number that no profile has and that was not given before: one of the automatic
// range, else any above, else none.
func (a *assignment) free() int {
	for ; a.next <= values.MaxPort; a.next++ {
		if _, taken := a.owner[a.next]; !taken {
			a.next++
			return a.next - 1
		}
	}
	return 0
}
