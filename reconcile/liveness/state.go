package liveness

import (
	"fmt"
	"strings"
	"time"
)

// State is what is known of a gateway by looks at it.
type State struct {
	// Alive is nil where that is not known: the gateway has not answered yet, or nothing asks it.
	Alive *bool
	// Silent says that the gateway does not answer, and that nothing will be done about it.
	Silent bool
	// Detail is what helps to judge it: "not alive for 2m0s: no answer within 5s".
	Detail string
	// Memory is what its processes had in use at the last look, in bytes, where that is limited.
	Memory int64
	// Restarted is the last restart that a look has made, or nil. Restarting is one under way: it has
	// the same time once it is the last one.
	Restarted, Restarting *Last
	// Asked says that looks ask the gateway.
	Asked bool
}

// Recent is how long the reason of a restart is told beside the state.
const Recent = 10 * time.Minute

// lateLook is by how much a look may be late until it counts as one that does not come.
const lateLook = time.Minute

// Now is what a record says of the gateway that runs now. A PID of 0 is none.
func (r *Record) Now(gateway Gateway, now time.Duration, clock time.Time) State {
	s := State{Restarted: r.Last, Asked: r.Question != ""}
	ending := r.Ending
	if r.Gateway != gateway {
		if ending != nil {
			s.Restarted, ending = ending.restart(), nil
		}
		s.Detail = s.restarted(clock)
		return s
	}
	s.Memory = r.Memory
	var details []string
	yes, no := true, false
	switch {
	case ending != nil:
		s.Alive, s.Restarting = &no, ending.restart()
		details = append(details, "is being restarted: "+ending.Why)
	case r.Next != 0 && now > r.Next+lateLook:
		details = append(details, fmt.Sprintf("nothing has looked whether it is alive for %s",
			(now-r.Looked).Truncate(time.Second)))
	case r.Said:
		s.Alive, s.Silent = &no, true
		details = append(details, fmt.Sprintf("not alive for %s: %s",
			(now-r.Answered).Truncate(time.Second), r.Why))
	case r.Answered != 0:
		s.Alive = &yes
	}
	if ending == nil {
		if was := s.restarted(clock); was != "" {
			details = append(details, was)
		}
	}
	s.Detail = strings.Join(details, ", ")
	return s
}

// restarted tells of a restart that is not long ago.
func (s *State) restarted(clock time.Time) string {
	if s.Restarted == nil {
		return ""
	}
	ago := clock.Sub(s.Restarted.At)
	if ago < 0 || ago > Recent {
		return ""
	}
	return fmt.Sprintf("restarted %s ago: %s", ago.Truncate(time.Second), s.Restarted.Why)
}
