// Package inputs knows which content of its files a gateway has read when it started, and whether
// that is still what they hold. It opens nothing, and sees no content: it compares digests.
//
// The kernel does not tell what a process has read. What is known is
//
//   - what a file held at a look before the gateway began to read, and at one after that: where both
//     are the same, it has read that;
//   - when a file was changed last: where that was before the gateway began to read, it has read what
//     the file holds now.
//
// Where neither tells, the gateway may have read something else, and counts as one that has.
//
// The files:
//
//	inputs.go  what is seen and recorded of one file, and what follows
//	pace.go    how soon after a restart the next one may follow
package inputs

import (
	"maps"
	"slices"
	"time"
)

// Look is what was seen of an input: a file, or a folder of files.
type Look struct {
	Digest string // of its content, keyed; Absent: there is no such file
	// Changed is when the content may have changed last: that of the file, and that of the symlinks
	// that lead to it. Moved is the same with the folder that it is in, which may have been put there
	// as a whole, and changes for other reasons, too. They are by the clock of its disk.
	Changed, Moved time.Time
	Foreign        bool   // the clock of its disk may be another one than that of this machine
	Fault          string // why nothing else is known; empty: it is
}

// Digests that are none. Unknown is never that of a look.
const (
	Absent  = "absent"
	Unknown = "unknown"
)

// MaxDigest is the longest digest, in characters.
const MaxDigest = 64

// Sight is one look at all inputs of a gateway, from when to when it took. Times are since boot: no
// change of the clock concerns them.
type Sight struct {
	Begin, End time.Duration
	Looks      map[string]Look // by what the input is: "secret TOKEN", ".env"
}

// Life names one process of a gateway; the zero value is none. One that has ended for good has Died
// alone.
type Life struct {
	PID   int   `json:"pid,omitempty"`
	Start int   `json:"start,omitempty"` // by the kernel's count: numbers of processes are used again
	Died  int64 `json:"died,omitempty"`  // Unix time, ns
}

// Now is what a gateway is.
type Now struct {
	Life Life
	// Start is when the process was started, since boot, or a little earlier.
	Start time.Duration
	// Reads says that it has begun to read: its run script waits for nothing any more. Before is a
	// moment before that, or, of one that has ended, when it did.
	Reads  bool
	Before time.Time
}

// tick is how finely the kernel tells when a process was started.
const tick = 10 * time.Millisecond

// Input is what is recorded of an input of a gateway.
type Input struct {
	Life   Life          `json:"life,omitzero"`
	Read   string        `json:"read,omitempty"` // what this life has read
	Seen   string        `json:"seen,omitempty"` // at the last look at which that was another one than before
	SeenAt time.Duration `json:"seen_at,omitempty"`
}

// Gateway is what is recorded of all inputs of a gateway.
type Gateway struct {
	Inputs map[string]Input `json:"inputs"`
	Pace   Pace             `json:"pace,omitzero"`
}

// Judge says what to record after a look, and names the inputs, sorted, that hold something else than
// the gateway has read. The caller looks at the gateway after its inputs.
func (g Gateway) Judge(now Now, sight Sight) (next Gateway, rotated []string) {
	next = Gateway{Inputs: map[string]Input{}, Pace: g.Pace}
	for _, name := range slices.Sorted(maps.Keys(sight.Looks)) {
		look, was := sight.Looks[name], g.Inputs[name]
		if look.Fault != "" { // a file that is just being replaced may be missing
			if was != (Input{}) {
				next.Inputs[name] = was
			}
			continue
		}
		is := was.after(now, sight, look)
		next.Inputs[name] = is
		// Without its file a gateway might not start, or not as it should: a restart would not help.
		if is.Read != "" && is.Life == now.Life && is.Read != look.Digest && look.Digest != Absent {
			rotated = append(rotated, name)
		}
	}
	return next, rotated
}

// after is what is known of an input after a look.
func (was Input) after(now Now, sight Sight, look Look) Input {
	running := now.Life.PID != 0
	switch {
	case now.Life == Life{}, running && now.Start >= sight.End:
		return was.seeing(look, sight)
	case running && (!now.Reads || now.Start+tick > sight.Begin):
		return was // it is not known which of both came first
	}
	is := was.seeing(look, sight)
	if is.Life != now.Life {
		is.Life, is.Read = now.Life, was.readBy(now, look)
	}
	return is
}

// seeing takes a look in. One that shows nothing new is not recorded: nothing is written for it.
func (was Input) seeing(look Look, sight Sight) Input {
	if was.Seen != look.Digest {
		was.Seen, was.SeenAt = look.Digest, sight.End
	}
	return was
}

// readBy is what a gateway has read of an input, where the last record is about an earlier life.
func (was Input) readBy(now Now, look Look) string {
	ended := now.Life.PID == 0
	switch {
	case ended && was.Life.PID != 0:
		return was.Read // it is the one that has ended
	case was.Seen == "" || !ended && was.SeenAt > now.Start:
		if look.Changed.Before(now.Before) {
			return look.Digest
		}
	case was.Seen == look.Digest:
		return look.Digest
	case !look.Foreign && look.Moved.Before(now.Before):
		return look.Digest
	}
	return Unknown
}

// Fresh lists the inputs that have changed since the last look but just now, so that they may be
// written still. A clock that runs ahead makes a change look so, too.
func (g Gateway) Fresh(sight Sight, clock time.Time, age time.Duration) (names []string) {
	for name, look := range sight.Looks {
		was := g.Inputs[name].Seen
		if look.Fault == "" && was != "" && was != look.Digest && clock.Sub(look.Changed) < age {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
