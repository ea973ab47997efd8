package reconcile

import "fmt"

// Phase is how far the process of a service is that s6 calls up: empty once its run script has become the service.
type Phase string

// State is in a word what a gateway is.
type State string

const (
	StateUp           State = "up"
	StateDown         State = "down"
	StateStarting     State = "starting"
	StateStopping     State = "stopping"
	StateBackingOff   State = "backing off" // a phase: its next start waits, because it died again and again
	StateEnded        State = "ended"
	StateUnsupervised State = "unsupervised"
	StateUnknown      State = "unknown" // its directory cannot be read
)

// State says what a gateway is. Where its run script is not through yet, it is what the phase says.
func (s Status) State(phase Phase, onFailure bool) State {
	switch {
	case !s.Supervised:
		return StateUnsupervised
	case s.PID != 0 && !s.WantUp:
		return StateStopping
	case s.PID != 0 && phase != "":
		return State(phase)
	case s.PID != 0:
		return StateUp
	case s.Finishing || s.WantUp:
		return StateStarting
	case s.Ended(onFailure):
		return StateEnded
	}
	return StateDown
}

// LastEnd says how the last process of a gateway ended that has none or starts again. It is empty where there is nothing to say.
func (s Status) LastEnd() string {
	switch {
	case s.Signal != 0:
		return fmt.Sprintf(" (signal %d ended it)", s.Signal)
	case s.ExitCode > 0:
		return fmt.Sprintf(" (it exited %d)", s.ExitCode)
	}
	return ""
}

// Level is how far the gateways that shall run have to come.
type Level string

const (
	LevelSupervised Level = "supervised"
	LevelUp         Level = "up"    // it runs, and has for a while
	LevelReady      Level = "ready" // s6 was told that it serves; one of which nobody can tell counts when it is up
)
