//go:build linux

package notify

import (
	"cmp"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/liveness"
)

// Told knows what was told of what lasts, so that it is told once, or again after a time.
type Told struct {
	Repeat time.Duration // 0: never again
	of     map[string]told
	// restarts are the last ones by those who look at gateways, by service.
	restarts map[string]time.Time
}

// told is what was told last, and when.
type told struct {
	what string
	at   time.Time
}

// Worth reports whether what is so of a subject is to be told now, and whether that is for another
// time. Nothing, "", is never told.
func (t *Told) Worth(now time.Time, subject, what string) (tell, again bool) {
	before := t.of[subject]
	again = before.what == what
	if again && (what == "" || t.Repeat == 0 || now.Sub(before.at) < t.Repeat) {
		return false, true
	}
	if t.of == nil {
		t.of = map[string]told{}
	}
	t.of[subject] = told{what, now}
	return what != "", again
}

// Gateway tells what is to be told of a gateway. That it is back is worth to be told where it was
// told to be away. One that is on its way is neither.
func (t *Told) Gateway(now time.Time, service string, l reconcile.Look) (name EventName, again bool) {
	name = t.away(service, l)
	before := EventName(t.of[service].what)
	switch {
	case name != "":
	case !l.State().Runs():
		return "", false
	case before == EventNotAlive && l.Liveness.Asked && l.Liveness.Alive == nil:
		return "", false // it runs, and whether it answers is not known yet
	case before != "":
		delete(t.of, service)
		return EventBack, false
	}
	tell, again := t.Worth(now, service, string(name))
	if !tell {
		name = ""
	}
	return name, again
}

// away is why a gateway does not do what it is there for, or did not since the last look.
func (t *Told) away(service string, l reconcile.Look) EventName {
	restart := t.restart(service, l)
	switch state := l.State(); {
	case state == reconcile.StateCrashLoop || state == reconcile.StateBackingOff:
		return EventCrashLoop
	case state == reconcile.StateEnded:
		return EventEnded
	case restart != nil && restart.Memory:
		return EventMemory
	case restart != nil || l.Liveness.Silent:
		return EventNotAlive
	}
	return ""
}

// restart is a restart by one that looks at a gateway: one under way, or one that has come and gone
// since the last call. What was there at the first call is none: another watch has told it.
func (t *Told) restart(service string, l reconcile.Look) *liveness.Last {
	if t.restarts == nil {
		t.restarts = map[string]time.Time{}
	}
	before, known := t.restarts[service]
	restart := cmp.Or(l.Liveness.Restarting, l.Liveness.Restarted)
	switch {
	case restart != nil:
		t.restarts[service] = restart.At
	case !known:
		t.restarts[service] = time.Time{}
	}
	if l.Liveness.Restarting != nil || restart != nil && known && !restart.At.Equal(before) {
		return restart
	}
	return nil
}
