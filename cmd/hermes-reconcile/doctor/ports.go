//go:build linux

package doctor

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/asuser"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
	"hermes-reconcile/s6ctl/process"
)

const portsCheck = "ports"

// portFacts is the port of a profile, and its gateway.
type portFacts struct {
	Number  int
	Profile string
	Wanted  bool      // the gateway should be up
	PID     int       // of the gateway, or 0
	Since   time.Time // when it came up
}

// sockets are the sockets that take connections here.
type sockets struct {
	Listeners []process.Listener
	Err       error // why that is not known
	// Services: of this scandir, by the process that s6-supervise has started.
	Services map[int]string
}

// judgePorts reports which ports are not their gateway's.
func judgePorts(ports []portFacts, s sockets, now time.Time) []explain.Finding {
	n := notes{check: portsCheck}
	if s.Err != nil {
		n.unknown("all", "%v", s.Err)
		return n.list
	}
	n.shared(ports)
	good := 0
	for _, p := range ports {
		if n.adds(func() { n.port(p, s, now) }) == 0 {
			good++
		}
	}
	switch {
	case len(ports) == 0:
		n.ok("all", "no gateway has a port")
	case good > 0:
		n.ok("all", "%s; none is used by another program", explain.Count(good, "port"))
	}
	return n.list
}

// shared reports ports that two gateways have.
func (n *notes) shared(ports []portFacts) {
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

// port reports which process has a port instead of its gateway.
func (n *notes) port(p portFacts, s sockets, now time.Time) {
	var others []process.Listener
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
			"a program listens; it cannot be seen from here whether it is gateway-%s", p.Profile)
	case p.PID != 0 && now.Sub(p.Since) >= slow:
		n.add(explain.LevelWarning, object, "see its log, and whether its command takes the port",
			"no program listens on it, and gateway-%s is up for %s", p.Profile, ago(p.Since, now))
	}
}

// inTheWay reports whether a socket at an address keeps a gateway from its port: gateways listen on
// the loopback, or everywhere.
func inTheWay(a netip.Addr) bool { return a.IsLoopback() || a.IsUnspecified() }

// who names the process of a socket.
func (s sockets) who(l process.Listener) string {
	switch {
	case l.PID == 0:
		return fmt.Sprintf("a process of user %d (%s)", l.UID, l.Address)
	case s.Services[l.Service] != "":
		return fmt.Sprintf("%s (%q, pid %d, %s)", s.Services[l.Service], l.Program, l.PID,
			l.Address)
	}
	return fmt.Sprintf("%q (pid %d, %s)", l.Program, l.PID, l.Address)
}

// lookAtPorts looks which processes listen on the ports of gateways: of those that the manifest
// names, and of services that it does not name.
func lookAtPorts(ctx context.Context, p *Facts) ([]explain.Finding, error) {
	byProfile := map[string]portFacts{}
	found := sockets{Services: map[int]string{}}
	for _, g := range p.Gateways {
		found.Services[g.PID] = g.Service
		up := g.PID != 0 || g.Wanted == string(manifest.StateUp)
		byProfile[g.Profile] = portFacts{
			Number:  g.Port,
			Profile: g.Profile,
			Wanted:  up,
			PID:     g.PID,
			Since:   g.Status.Since,
		}
	}
	if p.Manifest != nil {
		for _, profile := range p.Manifest.Profiles {
			port := byProfile[profile.Name]
			port.Number, port.Profile = profile.Port, profile.Name
			port.Wanted = profile.State == manifest.StateUp ||
				profile.State == manifest.StateLast && port.PID != 0
			byProfile[profile.Name] = port
		}
	}
	delete(found.Services, 0)
	var ports []portFacts
	for _, profile := range slices.Sorted(maps.Keys(byProfile)) {
		if byProfile[profile].Number != 0 {
			ports = append(ports, byProfile[profile])
		}
	}
	if len(ports) == 0 {
		return judgePorts(nil, found, p.Now), nil
	}
	found.Listeners, found.Err = process.Listeners(process.ThisHost())
	found.Listeners = p.completed(ctx, found.Listeners, ports)
	return judgePorts(ports, found, p.Now), nil
}

// completed are the listeners of ports, with what the users of gateways can see of theirs.
func (p *Facts) completed(
	ctx context.Context, all []process.Listener, ports []portFacts,
) []process.Listener {
	if os.Geteuid() != 0 {
		return all
	}
	asked := map[uint32]bool{}
	users := p.users()
	for _, port := range ports {
		who := accounts.LookUp(users[port.Profile])
		unseen := func(l process.Listener) bool {
			return l.PID == 0 && int(l.Address.Port()) == port.Number && l.UID == who.UID
		}
		if who.UID == 0 || asked[who.UID] || !slices.ContainsFunc(all, unseen) {
			continue
		}
		asked[who.UID] = true
		asuser.Complete(ctx, who, all)
	}
	return all
}
