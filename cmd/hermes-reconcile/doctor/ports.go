package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/s6ctl"
)

// Port is the port of a profile, and its gateway.
type Port struct {
	Number  int
	Profile string
	Wanted  bool      // the gateway should be up
	PID     int       // of the gateway, or 0
	Since   time.Time // when it came up
}

// Sockets are who listens here.
type Sockets struct {
	Listeners []s6ctl.Listener
	Err       error          // why that is not known
	Services  map[int]string // of this scandir, by the process that s6-supervise has started
}

// JudgePorts tells which ports are not their gateway's.
func JudgePorts(ports []Port, s Sockets, now time.Time) []explain.Finding {
	n := notes{check: Ports}
	if s.Err != nil {
		n.unknown("all", "%v", s.Err)
		return n.list
	}
	n.shared(ports)
	good := 0
	for _, p := range ports {
		before := len(n.list)
		n.port(p, s, now)
		if len(n.list) == before {
			good++
		}
	}
	switch {
	case len(ports) == 0:
		n.ok("all", "no gateway has a port")
	case good > 0:
		n.ok("all", "%s, taken by no other program", explain.Count(good, "port"))
	}
	return n.list
}

// shared tells of ports that two gateways have.
func (n *notes) shared(ports []Port) {
	const hint = "give one of them another port in the manifest"
	of, wanted := map[int][]string{}, map[int]int{}
	var numbers []int
	for _, p := range ports {
		if of[p.Number] = append(of[p.Number], p.Profile); len(of[p.Number]) == 2 {
			numbers = append(numbers, p.Number)
		}
		if p.Wanted {
			wanted[p.Number]++
		}
	}
	slices.Sort(numbers)
	for _, number := range numbers {
		level := explain.LevelWarning
		if wanted[number] > 1 {
			level = explain.LevelError
		}
		n.add(level, strconv.Itoa(number), hint, "%d gateways have it: %s", len(of[number]),
			listing(of[number]))
	}
}

// port tells who has a port instead of its gateway.
func (n *notes) port(p Port, s Sockets, now time.Time) {
	var others []s6ctl.Listener
	hidden := false
	for _, l := range s.Listeners {
		switch {
		case int(l.Address.Port()) != p.Number:
		case p.PID != 0 && l.Service == p.PID:
			return // it is its own
		case l.PID == 0 && p.PID != 0:
			hidden = true
		case inTheWay(l.Address.Addr()):
			others = append(others, l)
		}
	}
	object := strconv.Itoa(p.Number)
	switch {
	case len(others) > 0:
		level := explain.LevelWarning
		if p.Wanted {
			level = explain.LevelError
		}
		n.add(level, object, "end that, or give "+p.Profile+" another port in the manifest",
			"taken by %s, so gateway-%s cannot have it", s.who(others[0]), p.Profile)
	case hidden:
		n.unknown(object,
			"a program listens, and whether that is gateway-%s cannot be seen from here", p.Profile)
	case p.PID != 0 && now.Sub(p.Since) >= slow:
		n.add(explain.LevelWarning, object, "see its log, and whether its command takes the port",
			"no program listens on it, and gateway-%s is up for %s", p.Profile, ago(p.Since, now))
	}
}

// inTheWay reports whether a socket at an address keeps a gateway from its port: gateways listen on
// the loopback, or everywhere.
func inTheWay(a netip.Addr) bool { return a.IsLoopback() || a.IsUnspecified() }

// who says whose a socket is.
func (s Sockets) who(l s6ctl.Listener) string {
	switch {
	case l.PID == 0:
		return fmt.Sprintf("a process of user %d (%s)", l.UID, l.Address)
	case s.Services[l.Service] != "":
		return fmt.Sprintf("%s (%q, pid %d, %s)", s.Services[l.Service], l.Program, l.PID,
			l.Address)
	}
	return fmt.Sprintf("%q (pid %d, %s)", l.Program, l.PID, l.Address)
}
