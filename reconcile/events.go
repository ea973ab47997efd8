package reconcile

import "time"

// Step is what an operation does with a service, or waits for.
type Step int

const (
	// StepLook is that a service was looked at, before it is known what is to be done.
	StepLook Step = iota
	// StepLock is that another process, PID, has the right to change the scandir.
	StepLock
	// StepStop is that a service was told to go down.
	StepStop
	// StepDrain is that a gateway was asked to end its work, and has not yet.
	StepDrain
	// StepStart is that a service was told to come up.
	StepStart
	// StepFollow is that a gateway runs, and has to come further.
	StepFollow
	// StepScan is that s6-svscan has to find a service.
	StepScan
	// StepEnd is that the supervisor of a service that goes has to end.
	StepEnd
	// StepDone is the end of this operation for a service, after a success or a failure.
	StepDone
)

// Event is how far an operation has come.
type Event struct {
	Step    Step
	Service string // empty: of none
	Of      int    // of StepLook: how many services are to be looked at
	PID     int    // of StepLock; 0: it is not known
	// Since: of StepLock, when that process has taken the lock; zero: it is not known.
	Since time.Time
	Drain Drain // of StepDrain
}

// Listener is told of events as they come, from several goroutines. It must return at once. Nil is
// none.
type Listener func(Event)

// Tell tells the listener, if there is one.
func (l Listener) Tell(step Step, service string) {
	if l != nil {
		l(Event{Step: step, Service: service})
	}
}

// TellLook tells it that one service of so many was looked at.
func (l Listener) TellLook(service string, of int) {
	if l != nil {
		l(Event{Step: StepLook, Service: service, Of: of})
	}
}

// TellDrain tells it how far a gateway is that drains.
func (l Listener) TellDrain(service string, d Drain) {
	if l != nil {
		l(Event{Step: StepDrain, Service: service, Drain: d})
	}
}
