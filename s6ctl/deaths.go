//go:build linux

package s6ctl

import (
	"encoding/binary"
	"time"
)

// deathSize is what s6-supervise writes down of a death, in bytes: a TAI64N label, the exit code
// and the signal. Source: s6_dtally_pack.c.
const (
	deathSize   = 14
	deathCode   = 12
	deathSignal = 13
)

// MaxDeaths is how many deaths s6-supervise remembers, unless a file max-death-tally says
// otherwise, and mostDeaths how many it can be told to (s6-supervise.c).
const (
	MaxDeaths  = 100
	mostDeaths = 4096
)

// Deaths are those of the service in dir since its supervisor was started or its rendered ./finish
// saw a stop, the oldest first: the last MaxDeaths. There are none where they cannot be read.
func (s *Scandir) Deaths(dir string) []Death {
	data, _, err := s.readBelow(dir+"/supervise/death_tally", mostDeaths*deathSize)
	if err != nil {
		return nil
	}
	return parseDeaths(data)
}

// parseDeaths reads a death tally. What is left of a death at its end was not written in full.
func parseDeaths(data []byte) []Death {
	data = data[:len(data)/deathSize*deathSize]
	data = data[max(0, len(data)-MaxDeaths*deathSize):]
	deaths := make([]Death, 0, len(data)/deathSize)
	for ; len(data) > 0; data = data[deathSize:] {
		d := Death{
			At:       unixTime(data),
			ExitCode: int(data[deathCode]),
			Signal:   int(data[deathSignal]),
		}
		if d.Signal != 0 {
			d.ExitCode = -1
		}
		deaths = append(deaths, d)
	}
	return deaths
}

// unixTime is the time of a TAI64N label.
func unixTime(label []byte) time.Time {
	seconds, nanoseconds := binary.BigEndian.Uint64(label), binary.BigEndian.Uint32(label[8:])
	return time.Unix(int64(seconds-taiOffset), int64(nanoseconds))
}
