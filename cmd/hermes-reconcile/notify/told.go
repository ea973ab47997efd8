//go:build linux

package notify

import (
	"time"

	"hermes-reconcile/reconcile"
)

// Told knows what was told of what lasts, so that it is told once, or again after a time.
type Told struct {
	Repeat time.Duration // 0: never again
	of     map[string]told
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
	switch state := l.State(); {
	case state == reconcile.StateCrashLoop || state == reconcile.StateBackingOff:
		name = EventCrashLoop
	case state == reconcile.StateEnded:
		name = EventEnded
	case !state.Runs():
		return "", false
	}
	before := t.of[service].what
	if name == "" && before != "" {
		name = EventBack
		delete(t.of, service)
		return name, false
	}
	tell, again := t.Worth(now, service, string(name))
	if !tell {
		name = ""
	}
	return name, again
}
