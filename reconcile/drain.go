package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"hermes-reconcile/render"
)

// Drain says that a gateway was asked to end when its work is done. It is part of what is owed to its
// service, and recorded with it: one apply begins a drain and goes on, and a later apply finds how far
// it is. It names one process: when the gateway has another process, it has drained.
type Drain struct {
	PID   int `json:"pid"`
	Start int `json:"start"` // numbers of processes are used again
	// Age is that of the process when it was asked. It does not change when the clock is set or the
	// machine sleeps.
	Age     time.Duration `json:"age"`
	Timeout time.Duration `json:"timeout"`
	Signal  string        `json:"signal"`
	// Told says that the signal was sent. Without it, it may have been: it is sent again.
	Told bool `json:"told,omitempty"`
	// Fresh says that what s6 starts after this process runs the files that are there now.
	Fresh bool `json:"fresh,omitempty"`
	// Ends says that no other process of the gateway should follow: it is to be stopped, or removed.
	Ends bool `json:"ends,omitempty"`

	// The rest is what is seen of it.

	Alive bool          `json:"-"` // the process runs
	Spent time.Duration `json:"-"` // since it was asked
}

// Next is what comes when a gateway has drained.
type Next int

const (
	Again Next = iota // s6 starts it
	Later             // an apply starts it
	Never             // it stays down
)

// Over reports whether the gateway had the time that it may have.
func (d Drain) Over() bool { return d.Spent >= d.Timeout }

// Say is how far it is: "3m of 30m".
func (d Drain) Say() string { return brief(d.Spent) + " of " + brief(d.Timeout) }

// Letter is the command of s6-svc that sends the signal, or empty.
func (d Drain) Letter() string { return drainLetters[d.Signal] }

// drainLetters are the signals that s6-supervise can send to a service without stopping it, and its
// commands for them.
var drainLetters = map[string]string{
	"SIGUSR1": "1", "SIGUSR2": "2", "SIGHUP": "h", "SIGINT": "i", "SIGQUIT": "q", "SIGTERM": "t",
	"SIGWINCH": "y",
}

// brief is a duration in whole units: "45s", "3m", "1h30m".
func brief(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%ds", int(d.Seconds()))
	}
	d = d.Truncate(time.Minute)
	hours, minutes := int(d.Hours()), int(d.Minutes())%60
	switch {
	case hours == 0:
		return fmt.Sprintf("%dm", minutes)
	case minutes == 0:
		return fmt.Sprintf("%dh", hours)
	}
	return fmt.Sprintf("%dh%dm", hours, minutes)
}

// See takes in what process a service has now.
func (d *Drain) See(status Status, sup Supervisor) {
	d.Alive, d.Spent = false, 0
	if d.PID == 0 || status.PID != d.PID || sup.Started(d.PID) != d.Start {
		return
	}
	d.Alive = true
	if d.Age != 0 {
		d.Spent = max(sup.Age(d.PID)-d.Age, 0)
	}
}

// Drain is how the gateway that runs in the directory is asked to end: as the directory says, since
// what the manifest says now may be meant for another program. Its Timeout is 0 where it is not.
func (s *Service) Drain() Drain {
	d := s.Marker.Drain
	if !s.Owned || d == nil {
		return Drain{}
	}
	asked := Drain{Signal: d.Signal, Timeout: time.Duration(d.Timeout) * time.Millisecond}
	if asked.Letter() == "" {
		return Drain{}
	}
	return asked
}

// Drains reports whether the gateway was asked to end, and has not yet.
func (c *Change) Drains() bool { return c.Owed.Drain.Alive }

// tellDrain adds to the reasons of a change that stops the gateway that this has begun.
func (c *Change) tellDrain() {
	if c.Drains() && (c.Op == Remove || c.Gateway == Down || c.Gateway == Restart) {
		c.because(c.Owed.reason(), c.Owed.Why())
	}
}

// isDrained reports whether the gateway has ended since it was asked to, and what runs now, or is
// about to, is what the files say: the restart that was owed is made.
func (c *Change) isDrained() bool {
	d := c.Owed.Drain
	return c.Gateway == Restart && !c.Replace && c.Owed.Gateway && d.Fresh && !d.Alive &&
		!c.ChangesScript()
}

// ChangesScript reports whether the process of the gateway is not what its new files say. When it may
// start is no part of that. Where none runs, its script may be one that s6 could not execute.
func (c *Change) ChangesScript() bool {
	another := FileChange.startsAnother
	if c.Actual.Status.PID == 0 {
		another = func(f FileChange) bool { return f.startsAnother() || f.changesMode() }
	}
	return c.changes(render.NotificationPath) || slices.ContainsFunc(c.Files, another)
}

// startsAnother reports whether a run script would start another gateway than the former one.
func (f FileChange) startsAnother() bool {
	return f.Path == "run" && (f.Before == nil || f.After == nil || f.Before.Irregular ||
		f.Before.Exposed || f.Before.Mode&modeOthers != 0 ||
		!render.SameGateway(f.Before.Data.Bytes(), f.After.Data.Bytes()))
}

// modeOthers are the rights of others to change a file: what it holds now may not be what was
// started.
const modeOthers = 0o022

// changesMode reports whether a run script gets other rights.
func (f FileChange) changesMode() bool {
	return f.Path == "run" && f.Before != nil && f.After != nil && f.Before.Mode != f.After.Mode
}

// OldScript reports whether the gateway runs from files that have changed since, and no restart has
// begun.
func (o Owed) OldScript() bool { return o.Gateway && !o.Drain.Alive && !o.Drain.Fresh }

// Waits reports whether a gateway that was asked to end has ended, and its restart is still to be
// taken off the record.
func (o Owed) Waits() bool {
	return o.Gateway && o.Drain.PID != 0 && !o.Drain.Alive
}

// Settled reports whether nothing of this is left to do: it is a drain alone, and its process has
// ended.
func (o Owed) Settled() bool { return !o.Gateway && !o.Logger && !o.Start && !o.Drain.Alive }

// Up reports whether the gateway should be up again, whatever it is now.
func (o Owed) Up() bool { return o.Gateway || o.Start }

// DelayError says that a change, or the rest of it, is left to a later apply since a gateway
// drains. It is no failure.
type DelayError struct {
	Drain Drain  // of the service itself; none: it waits for that of another one
	For   string // that other one, or what else it waits for
	Turn  bool   // it waits for nothing but its turn, which the next apply may give it
}

func (e *DelayError) Error() string {
	if e.Drain.PID != 0 {
		return "draining (" + e.Drain.Say() + ")"
	}
	return "waits for " + e.For
}

// IsDelay reports whether an error is that something waits for a drain.
func IsDelay(err error) bool {
	var delay *DelayError
	return errors.As(err, &delay)
}
