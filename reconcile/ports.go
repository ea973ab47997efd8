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
			case holder.service == c.Service:
			case gives[holder.service]:
				c.Await = append(c.Await, holder.service)
			case !holder.waits:
				c.because(ReasonPortHeld,
					fmt.Sprintf("port %d is held by %s, which is left alone", c.Port, holder.service))
			}
		}
	}
}

// portHolder is a service that may hold a port.
type portHolder struct {
	service string
	waits   bool // it has drained: the port is its own only if it comes back
}

// portHolders tells which services may hold which ports now: those that run, hidden ones that are
// not gone, and those that have drained and wait for others: as long as they wait, they come back on
// their port if the apply is interrupted.
func portHolders(actual Actual) map[int][]portHolder {
	holders := map[int][]portHolder{}
	type claim struct {
		port    int
		service string
	}
	known := map[claim]bool{}
	hold := func(port int, holder portHolder) {
		if one := (claim{port, holder.service}); port != 0 && !known[one] {
			known[one] = true
			holders[port] = append(holders[port], holder)
		}
	}
	for _, s := range actual.Services {
		owed := actual.Owed[s.Name]
		runs := s.Status.Supervised && !s.Status.Down()
		holds := s.Fault != nil || runs // of the first that is not known
		if holds || owed.Waits() {
			holder := portHolder{s.Name, !holds}
			hold(s.Marker.Port, holder)
			for _, port := range owed.Ports {
				hold(port, holder)
			}
		}
	}
	for _, h := range actual.Hidden {
		if h.Status.Supervised {
			for _, port := range append([]int{h.Port}, actual.Owed[h.Name].Ports...) {
				hold(port, portHolder{service: h.Name})
			}
		}
	}
	return holders
}
