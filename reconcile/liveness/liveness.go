// Package liveness judges whether a gateway that has served still does, and whether it takes too
// much memory. It says what to do about one that does not serve; it asks and ends nothing itself.
//
// data/check of a gateway makes a look each interval, in a process that ends afterwards. What one
// look has to know of earlier ones is in a Record, in a file that status reads, too.
//
// The files:
//
//	liveness.go  a look, and what follows from it
//	record.go    the record: read and written
//	state.go     what it says of the gateway that runs now
package liveness

import (
	"fmt"
	"time"
)

// Rules are what the manifest says of a gateway.
type Rules struct {
	URL      string        // that is asked; empty: nothing is
	Interval time.Duration // between two looks
	Failures int           // bad answers in a row that make a gateway one that is not alive
	Restart  bool          // end one that is not alive; else only say so
	// Memory is how much its processes may have in use, in bytes; 0: there is no limit.
	Memory int64
	// Drain is how long the gateway may take to end its turns after it was asked to drain; 0: it
	// has no signal for that.
	Drain time.Duration
	// Stop is how long it may take to end after SIGTERM.
	Stop time.Duration
}

// TooLong is for how long a gateway may take more memory than it should: a peak passes.
const TooLong = time.Minute

// LongestPause is between two looks where there is a limit of memory, so that a minute of too much
// is seen.
const LongestPause = 30 * time.Second

// endPause is between two looks at a gateway that was told to end.
const endPause = time.Second

// Seen is what a look sees. Times count from when the machine was started.
type Seen struct {
	Gateway Gateway
	Now     time.Duration
	Clock   time.Time // the same as the time of day, to be read by people
	// Leave is why nothing is to be asked or done now, since the gateway does not run as usual:
	// "is being stopped". Empty: it does.
	Leave  string
	Memory int64 // that its processes have in use, in bytes; 0: that is not known
	// Ask asks the gateway. An error of the kind Unknown says nothing of the gateway.
	Ask func() error
}

// Gateway is the process that is looked at. Numbers of processes are used again, so when it was
// started belongs to it.
type Gateway struct {
	PID   int `json:"pid"`
	Start int `json:"start"` // in ticks since the machine was started
}

// Unknown is an error that says nothing of the gateway: this process could not ask.
type Unknown struct{ Err error }

func (e *Unknown) Error() string { return e.Err.Error() }
func (e *Unknown) Unwrap() error { return e.Err }

// Act is what to do to a gateway.
type Act string

const (
	Nothing Act = ""
	Drain   Act = "drain" // ask it to end its turns, and then itself
	Term    Act = "term"  // tell it to end
	Kill    Act = "kill"
)

// Verdict is what follows from a look.
type Verdict struct {
	Act   Act
	Say   string        // a line for the log of the gateway, or empty
	Pause time.Duration // until the next look
}

// Look takes into a record what is seen, and says what to do.
func (r *Record) Look(rules Rules, seen Seen) Verdict {
	r.begin(rules, seen)
	v := r.judge(rules, seen)
	r.Next = seen.Now + v.Pause
	return v
}

// judge says what to do about what is seen.
func (r *Record) judge(rules Rules, seen Seen) Verdict {
	switch {
	case r.Ending != nil:
		return r.end(rules, seen)
	case seen.Leave != "":
		r.Failures, r.Over, r.Why = 0, 0, ""
		return Verdict{Pause: pause(rules)}
	}
	if v := r.weigh(rules, seen); v.Act != Nothing {
		return v
	}
	v := r.ask(rules, seen)
	v.Pause = pause(rules)
	if v.Act != Nothing {
		v.Pause = endPause
	}
	return v
}

// begin forgets what concerns another process, or another question: an answer to the former one
// says nothing of this one.
func (r *Record) begin(rules Rules, seen Seen) {
	if r.Gateway != seen.Gateway {
		last := r.Last
		if r.Ending != nil && r.Gateway.PID != 0 {
			last = r.Ending.restart()
		}
		*r = Record{Gateway: seen.Gateway, Last: last}
	}
	if question := digest(rules.URL); r.Question != question {
		r.Question, r.Answered, r.Asked = question, 0, 0
		r.Failures, r.Why, r.Said = 0, "", false
	}
	r.Looked = seen.Now
}

// pause is how long until the next look.
func pause(rules Rules) time.Duration {
	if rules.Memory > 0 {
		return min(rules.Interval, LongestPause)
	}
	return rules.Interval
}

// weigh compares what the gateway takes with what it may.
func (r *Record) weigh(rules Rules, seen Seen) Verdict {
	r.Memory = seen.Memory
	if rules.Memory == 0 || seen.Memory <= rules.Memory {
		r.Over = 0
		return Verdict{}
	}
	if r.Over == 0 {
		r.Over = seen.Now
	}
	long := seen.Now - r.Over
	if long < TooLong {
		return Verdict{}
	}
	why := fmt.Sprintf("took %s, more than %s, for %s",
		Bytes(seen.Memory), Bytes(rules.Memory), long.Truncate(time.Second))
	act := Term
	if rules.Drain > 0 {
		act = Drain
	}
	v := r.begun(act, why, seen)
	r.Ending.Memory = true
	return v
}

// ask asks the gateway, when it is time to. Only one that has answered once can fail: until then it
// starts.
func (r *Record) ask(rules Rules, seen Seen) Verdict {
	// A look may come a moment early, and the next one would be late by a whole pause.
	if rules.URL == "" || r.Asked != 0 && seen.Now-r.Asked < rules.Interval-pause(rules)/2 {
		return Verdict{}
	}
	r.Asked = seen.Now
	err := seen.Ask()
	if _, unknown := err.(*Unknown); unknown {
		return Verdict{}
	}
	if err == nil {
		return r.answered(seen)
	}
	r.Why = clip(err.Error())
	if r.Answered == 0 {
		return Verdict{}
	}
	r.Failures++
	if r.Failures < rules.Failures {
		return Verdict{}
	}
	why := fmt.Sprintf("no good answer for %s: %s",
		(seen.Now - r.Answered).Truncate(time.Second), r.Why)
	if rules.Restart {
		return r.begun(Term, why, seen)
	}
	if r.Said {
		return Verdict{}
	}
	r.Said = true
	return Verdict{Say: "is not alive: " + why}
}

// answered notes a good answer.
func (r *Record) answered(seen Seen) Verdict {
	var v Verdict
	if r.Said {
		v.Say = fmt.Sprintf("answers again, after %s", (seen.Now - r.Answered).Truncate(time.Second))
	}
	r.Answered, r.Failures, r.Why, r.Said = seen.Now, 0, "", false
	return v
}

// begun begins to end the gateway.
func (r *Record) begun(act Act, why string, seen Seen) Verdict {
	r.Ending = &Ending{
		PID: seen.Gateway.PID, Act: act, At: seen.Now, Why: clip(why), Clock: seen.Clock.Round(0),
	}
	return Verdict{Act: act, Say: why + ": restarting it", Pause: endPause}
}

// end goes on with the end of a gateway that was told to: each step has its time. One that s6 stops
// as well is s6's to kill.
func (r *Record) end(rules Rules, seen Seen) Verdict {
	e, long := r.Ending, seen.Now-r.Ending.At
	switch {
	case seen.Leave != "":
	case e.Act == Drain && long >= rules.Drain:
		e.Act, e.At = Term, seen.Now
		return Verdict{
			Act: Term, Pause: endPause,
			Say: fmt.Sprintf("has not drained in %s: telling it to end", rules.Drain),
		}
	case e.Act == Term && long >= rules.Stop:
		e.Act, e.At = Kill, seen.Now
		return Verdict{
			Act: Kill, Pause: endPause,
			Say: fmt.Sprintf("has not ended in %s: killing it", rules.Stop),
		}
	case e.Act == Kill:
		return Verdict{Act: Kill, Pause: endPause}
	}
	return Verdict{Pause: endPause}
}
