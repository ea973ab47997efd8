package inputs

import "time"

// Pace is how often a gateway was restarted for its inputs. A gateway can write its own .env and
// config.yaml, and one that does so each time that it starts must not be restarted each time.
type Pace struct {
	Asked Life          `json:"asked,omitzero"` // that was restarted last
	Count int           `json:"count,omitempty"`
	At    time.Duration `json:"at,omitempty"` // of the last one, since boot
}

const (
	firstPause = time.Minute
	longPause  = 12 * time.Hour
	forgotten  = 24 * time.Hour // restarts, when none has followed for so long
)

// Wait is how long to wait for the next restart. A pause doubles where the gateway itself may have
// made the change.
func (p Pace) Wait(now time.Duration, own bool) time.Duration {
	since := now - p.At
	if p.Count == 0 || since < 0 || since >= forgotten {
		return 0
	}
	pause := firstPause
	for i := 1; own && i < p.Count && pause < longPause; i++ {
		pause *= 2
	}
	return max(0, min(pause, longPause)-since)
}

// Restarts counts a restart of this life, once however often it is planned.
func (p Pace) Restarts(life Life, now time.Duration) Pace {
	if p.Asked == life {
		return p
	}
	if since := now - p.At; since < 0 || since >= forgotten {
		p.Count = 0
	}
	return Pace{Asked: life, Count: p.Count + 1, At: now}
}
