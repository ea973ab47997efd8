// Package progress says in a line how far an operation has come, and what it waits for. It is told
// of events and of the time, and looks at nothing else.
package progress

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// Work is an operation under way.
type Work struct {
	// Verb is what is done with each service: "restarted".
	Verb string
	// Stops is how long each service may take to stop before it is killed. It names all services of
	// the operation.
	Stops map[string]time.Duration
	// Age is for how long a process has run; 0: that cannot be told.
	Age func(pid int) time.Duration
	// Patience is how long the lock is waited for.
	Patience time.Duration

	mu     sync.Mutex
	done   map[string]bool
	waits  map[string]wait
	holder *wait // the wait for the lock; nil: there is none
	pid    int   // who has it
}

// wait is what is waited for, and since when.
type wait struct {
	step  reconcile.Step
	since time.Time
}

// Tell takes in an event that comes now.
func (w *Work) Tell(e reconcile.Event, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waits == nil {
		w.done, w.waits = map[string]bool{}, map[string]wait{}
	}
	if e.Step == reconcile.StepLock {
		if w.pid = e.PID; w.holder == nil {
			w.holder = &wait{e.Step, now}
		}
		return
	}
	w.holder = nil
	service := strings.TrimSuffix(e.Service, "/log")
	switch {
	case e.Step == reconcile.StepDone:
		w.done[service] = true
		delete(w.waits, service)
	case w.waits[service].step != e.Step || w.waits[service].since.IsZero():
		w.waits[service] = wait{e.Step, now}
	}
}

// Plan says which services the operation is about, once that is known.
func (w *Work) Plan(verb string, stops map[string]time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Verb, w.Stops, w.holder = verb, stops, nil
}

// Line says how far it has come: "12/300 restarted; waiting for coder to stop, SIGKILL in 63s". It
// is empty as long as there is nothing to say.
func (w *Work) Line(now time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holder != nil {
		return w.lock(now)
	}
	if len(w.Stops) == 0 {
		return ""
	}
	done := 0
	for service := range w.Stops {
		if w.done[service] {
			done++
		}
	}
	text := fmt.Sprintf("%d/%d %s", done, len(w.Stops), w.Verb)
	if what := w.waiting(now); what != "" {
		text += "; waiting for " + what
	}
	return text
}

// lock says who has the lock, and until when it is waited for.
func (w *Work) lock(now time.Time) string {
	text := "waiting for another apply to end"
	if w.pid != 0 {
		text += fmt.Sprintf(" (pid %d", w.pid)
		if age := w.Age(w.pid); age > 0 {
			text += ", running for " + seconds(age)
		}
		text += ")"
	}
	return text + "; giving up in " + seconds(w.Patience-now.Sub(w.holder.since))
}

// waiting names what has been waited for longest, and how much else there is.
func (w *Work) waiting(now time.Time) string {
	first := ""
	for service, wait := range w.waits {
		if first == "" || wait.since.Before(w.waits[first].since) ||
			wait.since.Equal(w.waits[first].since) && service < first {
			first = service
		}
	}
	if first == "" {
		return ""
	}
	longest := w.waits[first]
	text := render.ProfileOf(first) + " " + verbs[longest.step]
	if n := len(w.waits) - 1; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	if limit := w.Stops[first]; longest.step == reconcile.StepStop && limit > 0 {
		return text + ", SIGKILL in " + seconds(limit-now.Sub(longest.since))
	}
	return text + ", for " + seconds(now.Sub(longest.since))
}

// verbs say what a service is waited for to do.
var verbs = map[reconcile.Step]string{
	reconcile.StepStop:   "to stop",
	reconcile.StepStart:  "to start",
	reconcile.StepFollow: "to come up",
	reconcile.StepScan:   "to be supervised",
	reconcile.StepEnd:    "to end",
}

// seconds is a duration in whole seconds, as "63s".
func seconds(d time.Duration) string {
	return fmt.Sprintf("%ds", int(max(d, 0).Round(time.Second).Seconds()))
}
