package reconcile

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"hermes-reconcile/reconcile/liveness"
	"hermes-reconcile/s6ctl/seen"
)

// State is in a word what a gateway is. See the package comment for what leads from one to another.
type State string

const (
	StateUp       State = "up"
	StateReady    State = "ready" // up, and s6 was told that it serves
	StateDown     State = "down"
	StateStarting State = "starting"
	// StateWaiting: a phase: another gateway of its profile, maybe in another container, has its
	// home.
	StateWaiting  State = "waiting"
	StateStopping State = "stopping"
	// StateDraining: it was asked to end when its work is done, and has time for that.
	StateDraining State = "draining"
	// StateBackingOff: a phase: its next start waits, because it died again and again.
	StateBackingOff State = "backing off"
	// StateCrashLoop: it runs again, but not for longer than it did before it died.
	StateCrashLoop State = "crash loop"
	StateEnded     State = "ended"
	StateDouble    State = "double" // a second gateway of its profile runs outside its place
	// StateFrozenLog: up, but what it prints reaches no file, and it will block.
	StateFrozenLog    State = "frozen log"
	StateUnsupervised State = "unsupervised"
	StateUnknown      State = "unknown" // its directory cannot be read
)

// Runs reports whether a gateway in this state does its work, as far as that is known.
func (s State) Runs() bool { return s == StateUp || s == StateReady }

// Hopeless reports whether a wait for a gateway in this state has no end: it stays as it is, or it
// died again and again.
func (s State) Hopeless() bool {
	return s == StateEnded || s == StateBackingOff || s == StateCrashLoop
}

// Look is what can be seen of a gateway at one time.
type Look struct {
	Status
	At     time.Time
	Phase  Phase
	Pause  time.Duration // that its run script makes or made before it became the gateway
	Deaths []Death       // since it was last started on purpose, the oldest first
	// OnFailure says that exit code 0 ends it for good, and Tells that s6 is told when it serves.
	OnFailure, Tells bool
	Drain            Drain  // that it was asked for
	Once             bool   // s6 would not start it again, and does not stop it
	Twice            bool   // a second one runs outside its place
	FrozenLog        string // why what it prints reaches no log file, or empty
	Liveness         liveness.State
}

// State says what the gateway is. Where its run script is not through yet, it is what the phase
// says.
func (l Look) State() State {
	switch {
	case !l.Supervised:
		return StateUnsupervised
	case l.Twice && l.WantUp:
		return StateDouble
	case l.PID != 0 && l.Drain.Alive && !l.Drain.Over():
		return StateDraining
	case l.PID != 0 && !l.WantUp && !l.Once:
		return StateStopping
	case l.PID != 0 && l.Phase == seen.BackingOff:
		return StateBackingOff
	case (l.PID != 0 || l.Finishing || l.WantUp) && l.loops():
		return StateCrashLoop
	case l.PID != 0 && l.Phase == seen.Queued:
		return StateStarting
	case l.PID != 0 && l.Phase != "":
		return State(l.Phase)
	case l.PID != 0 && l.FrozenLog != "":
		return StateFrozenLog
	case l.PID != 0 && l.Tells && l.Ready:
		return StateReady
	case l.PID != 0:
		return StateUp
	case l.Finishing || l.WantUp:
		return StateStarting
	case HasEnded(l.Status, l.OnFailure):
		return StateEnded
	}
	return StateDown
}

// How rendered run scripts count deaths: see run.tmpl.
const (
	manyDeaths   = 3                // with that many deaths in a row, or more, the next start waits
	ForgetDeaths = 10 * time.Minute // deaths are forgotten after that time
)

// Streak is how often in a row the gateway has died: without a life of some minutes in between.
func (l Look) Streak() int {
	n := 0
	for i, d := range l.Deaths {
		if i > 0 && d.At.Sub(l.Deaths[i-1].At) > ForgetDeaths+l.Pause {
			n = 0
		}
		n++
	}
	if n > 0 && l.At.Sub(l.Deaths[len(l.Deaths)-1].At) > ForgetDeaths+l.Pause {
		return 0
	}
	return n
}

// loops reports whether the gateway died again and again, and has not yet run for longer than it
// did before the last death.
func (l Look) loops() bool { return l.Streak() >= manyDeaths && l.Uptime() <= l.LastLife() }

// Uptime is for how long the gateway has run. The pause of its run script does not count.
func (l Look) Uptime() time.Duration {
	if l.PID == 0 || l.Phase != "" {
		return 0
	}
	return max(0, l.At.Sub(l.Since)-l.Pause)
}

// LastLife is for how long, at most, the gateway ran before it died last; 0: that is not known.
// The first pause comes after the third death, and each further one is at most twice as long.
func (l Look) LastLife() time.Duration {
	n := len(l.Deaths)
	if n < 2 {
		return 0
	}
	life := l.Deaths[n-1].At.Sub(l.Deaths[n-2].At)
	if l.Streak() > manyDeaths {
		life -= l.Pause / 2
	}
	return max(0, min(ForgetDeaths, life))
}

// Say is the state in words: "backing off (next start in 12 s, exited 1)".
func (l Look) Say() string {
	if detail := l.Detail(); detail != "" {
		return string(l.State()) + " (" + detail + ")"
	}
	return string(l.State())
}

// Detail is what helps to judge the state: "next start in 12 s, exited 1". It is empty where there
// is nothing to add.
func (l Look) Detail() string {
	state, details := l.State(), []string(nil)
	switch state {
	case StateBackingOff:
		left := l.Pause - l.At.Sub(l.Since)
		details = append(details,
			fmt.Sprintf("next start in %d s", max(0, int(left.Round(time.Second).Seconds()))))
	case StateCrashLoop:
		details = append(details, fmt.Sprintf("%d deaths", l.Streak()))
	case StateDraining:
		details = append(details, l.Drain.Say())
	}
	if l.Queued() {
		details = append(details, "waits for its turn")
	}
	end := l.LastEnd()
	switch state {
	case StateEnded:
		details = append(details, cmp.Or(end, "exited 0"))
	case StateBackingOff, StateCrashLoop, StateStarting:
		if end != "" {
			details = append(details, end)
		}
	}
	if (l.PID != 0 || state == StateStarting) && l.Liveness.Detail != "" {
		details = append(details, l.Liveness.Detail)
	}
	return strings.Join(details, ", ")
}

// Queued reports whether the gateway waits for its turn to start.
func (l Look) Queued() bool { return l.State() == StateStarting && l.Phase == seen.Queued }

// NextStart is when the pause of a gateway ends that backs off; zero for all others.
func (l Look) NextStart() time.Time {
	if l.State() != StateBackingOff {
		return time.Time{}
	}
	return l.Since.Add(l.Pause)
}

// LastEnd says how the last process of a gateway ended: "exited 1". It is empty where there is
// nothing to say.
func (l Look) LastEnd() string {
	switch {
	case l.Signal != 0:
		return fmt.Sprintf("ended by signal %d", l.Signal)
	case l.ExitCode > 0:
		return fmt.Sprintf("exited %d", l.ExitCode)
	}
	return ""
}

// Level is how far the gateways that should run have to come.
type Level string

const (
	// LevelNone: nothing is waited for, not even those that drain.
	LevelNone Level = "none"
	// LevelSupervised: an s6-supervise has taken the service on. Its process plays no part.
	LevelSupervised Level = "supervised"
	LevelUp         Level = "up" // it runs, and has for a while
	// LevelReady: s6 was told that it serves; one that has no way to tell counts when it is up.
	LevelReady Level = "ready"
)
