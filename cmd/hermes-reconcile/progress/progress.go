// Package progress says in a line how far an operation has come, and what it waits for. It is told
// of events and of the time, and looks at nothing else.
package progress

import (
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

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
	// Patience is how long the lock is waited for.
	Patience time.Duration

	mu     sync.Mutex
	stage  stage
	began  time.Time // when it was known what the operation is about
	done   map[string]bool
	waits  map[string]wait
	holder *wait           // the wait for the lock; nil: there is none
	taker  reconcile.Event // who has it, and since when
}

// stage is what is done before it is known what the operation is about: "reading" of what, or
// looking at services, so many of so many.
type stage struct {
	verb, object string // empty: there is nothing to say
	since        time.Time
	looked, of   int
}

// wait is what is waited for, and since when.
type wait struct {
	step  reconcile.Step
	since time.Time
	drain reconcile.Drain // as it was at that time
}

// Tell takes in an event that comes now.
func (w *Work) Tell(e reconcile.Event, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waits == nil {
		w.done, w.waits = map[string]bool{}, map[string]wait{}
	}
	if e.Step == reconcile.StepLock {
		if w.taker = e; w.holder == nil {
			w.holder = &wait{step: e.Step, since: now}
		}
		return
	}
	w.holder = nil
	if e.Step == reconcile.StepLook {
		w.stage.looked, w.stage.of = w.stage.looked+1, e.Of
		return
	}
	service := strings.TrimSuffix(e.Service, "/log")
	switch {
	case e.Step == reconcile.StepDone:
		w.done[service] = true
		delete(w.waits, service)
	case w.waits[service].step != e.Step || w.waits[service].since.IsZero():
		w.waits[service] = wait{e.Step, now, e.Drain}
	}
}

// Doing says what is done now, before it is known what the operation is about.
func (w *Work) Doing(verb, object string, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stage.since.IsZero() {
		w.stage.since = now // the whole of it counts: a person has waited so long
	}
	w.stage = stage{verb: verb, object: object, since: w.stage.since}
}

// Plan says now which services the operation is about.
func (w *Work) Plan(verb string, stops map[string]time.Duration, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Verb, w.Stops, w.holder, w.began = verb, stops, nil, now
	w.stage = stage{}
}

// Line says in at most so many columns how far it has come: "12/300 restarted; waiting for coder to
// stop, SIGKILL in 63s". Where that is too long it says less: only what is longer than any limit in
// its shortest form is longer than this one. 0 is no limit. It is empty as long as there is nothing
// to say, and otherwise differs each second.
func (w *Work) Line(now time.Time, width int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	forms := w.counts(now)
	if w.holder != nil {
		forms = w.lock(now)
	}
	line := ""
	for _, line = range forms {
		if width == 0 || utf8.RuneCountInString(line) <= width {
			break
		}
	}
	return line
}

// counts says how much is done, and what is waited for, in several forms, each shorter than the
// one before.
func (w *Work) counts(now time.Time) []string {
	if len(w.Stops) == 0 {
		return w.stage.forms(now)
	}
	done := 0
	for service := range w.Stops {
		if w.done[service] {
			done++
		}
	}
	count := fmt.Sprintf("%d/%d", done, len(w.Stops))
	first, ok := w.longest()
	if !ok {
		return []string{fmt.Sprintf("%s %s, %s so far", count, w.Verb, seconds(now.Sub(w.began)))}
	}
	since, limit := w.waits[first].since, w.Stops[first]
	clock := "for " + seconds(now.Sub(since))
	if w.waits[first].step == reconcile.StepStop && limit > 0 {
		clock = "SIGKILL in " + seconds(limit-now.Sub(since))
	}
	if w.waits[first].step == reconcile.StepDrain {
		drain := w.waits[first].drain
		drain.Spent += now.Sub(since)
		clock = drain.Say()
	}
	name, verb := render.ProfileOf(first), verbs[w.waits[first].step]
	more, plus := "", ""
	if n := len(w.waits) - 1; n > 0 {
		more, plus = fmt.Sprintf(" and %d more", n), fmt.Sprintf(" +%d", n)
	}
	return []string{
		fmt.Sprintf("%s %s; waiting for %s %s%s, %s", count, w.Verb, name, verb, more, clock),
		fmt.Sprintf("%s %s; %s%s %s, %s", count, w.Verb, name, more, verb, clock),
		fmt.Sprintf("%s %s; %s%s %s, %s", count, w.Verb, name, plus, verb, clock),
		fmt.Sprintf("%s; %s %s, %s", count, name, verb, clock),
		fmt.Sprintf("%s; %s, %s", count, verb, clock),
	}
}

// forms say what is done, in several forms, each shorter than the one before.
func (s stage) forms(now time.Time) []string {
	if s.verb == "" {
		return nil
	}
	clock := seconds(now.Sub(s.since))
	if s.of > 0 {
		count := fmt.Sprintf("%d/%d gateways", s.looked, s.of)
		return []string{"looked at " + count + ", " + clock + " so far", count + ", " + clock, clock}
	}
	return []string{
		s.verb + " " + s.object + ", " + clock + " so far", s.verb + ", " + clock, clock,
	}
}

// lock says who has the lock, since when, and until when it is waited for.
func (w *Work) lock(now time.Time) []string {
	by, who, when := "another apply", "", ""
	if w.taker.PID != 0 {
		by = fmt.Sprintf("pid %d", w.taker.PID)
		if since := w.taker.Since; !since.IsZero() && !since.After(now) {
			when = seconds(now.Sub(since)) + " ago"
		}
		who = " (" + by + ")"
	}
	if when != "" {
		who = fmt.Sprintf(" (%s, locked %s)", by, when)
	}
	left := "giving up in " + seconds(w.Patience-now.Sub(w.holder.since))
	return []string{
		"waiting for another apply to end" + who + "; " + left,
		strings.TrimSpace("locked by "+by+" "+when) + "; " + left,
		left,
	}
}

// longest is the service that has been waited for longest.
func (w *Work) longest() (first string, ok bool) {
	for service, wait := range w.waits {
		if first == "" || wait.since.Before(w.waits[first].since) ||
			wait.since.Equal(w.waits[first].since) && service < first {
			first = service
		}
	}
	return first, first != ""
}

// verbs say what a service is waited for to do.
var verbs = map[reconcile.Step]string{
	reconcile.StepStop:   "to stop",
	reconcile.StepDrain:  "to drain",
	reconcile.StepStart:  "to start",
	reconcile.StepFollow: "to come up",
	reconcile.StepScan:   "to be supervised",
	reconcile.StepEnd:    "to end",
}

// seconds is a duration in whole seconds, as "63s".
func seconds(d time.Duration) string {
	return fmt.Sprintf("%ds", int(max(d, 0).Round(time.Second).Seconds()))
}
