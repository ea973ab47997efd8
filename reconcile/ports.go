package reconcile

import (
	"fmt"
)

// awaitPorts finds for each gateway that will start on a port the services that hold that port now.
// Those that give it up are awaited; one that is left alone is named.
func awaitPorts(changes []Change, actual Actual) {
	holders := portHolders(actual)
	gives := map[string]bool{}
	for _, h := range actual.Hidden {
		gives[h.Name] = true
	}
	for _, c := range changes {
		// Nothing is done to what cannot be read: those that await it fail at once.
		if c.Op == Remove || c.Gateway == Restart || c.Gateway == Down ||
			c.Acts() && c.Actual.Fault != nil {
			gives[c.Service] = true
		}
	}
	for i := range changes {
		c := &changes[i]
		starts := c.Op == Create || c.Gateway == Restart || c.Gateway == BringUp
		if !starts || c.Port == 0 || c.WantsDown() {
			continue
		}
		for _, holder := range holders[c.Port] {
			switch {
			case holder == c.Service:
			case gives[holder]:
				c.Await = append(c.Await, holder)
			default:
				c.because(ReasonPortHeld,
					fmt.Sprintf("port %d is held by %s, which is left alone", c.Port, holder))
			}
		}
	}
}

// portHolders tells which services may hold which ports now: those that run, hidden ones that are
// not gone, and those that have drained and wait for others: as long as they wait, they come back on
// their port if the apply is interrupted.
func portHolders(actual Actual) map[int][]string {
	holders := map[int][]string{}
	type claim struct {
		port    int
		service string
	}
	known := map[claim]bool{}
	hold := func(port int, service string) {
		if one := (claim{port, service}); port != 0 && !known[one] {
			known[one] = true
			holders[port] = append(holders[port], service)
		}
	}
	for _, s := range actual.Services {
		owed := actual.Owed[s.Name]
		runs := s.Status.Supervised && !s.Status.Down()
		if s.Fault != nil || runs || owed.Waits() { // the first: that cannot be told
			hold(s.Marker.Port, s.Name)
			hold(owed.Port, s.Name)
		}
	}
	for _, h := range actual.Hidden {
		if h.Status.Supervised {
			hold(h.Port, h.Name)
		}
	}
	return holders
}
