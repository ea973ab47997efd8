// Package loglines knows lines of logs and when they were written, and merges logs by that. It
// reads nothing but what it is given.
//
// The files:
//
//	loglines.go  lines, whole or in pieces, with their times
//	when.go      times as s6-log and people write them
//	merge.go     lines of several logs, the oldest first
package loglines

import (
	"bytes"
	"encoding/hex"
	"time"
)

// Line is a line of one of several logs.
type Line struct {
	Log  int       // which of them
	Time time.Time // when it was written; zero: that is not known
	Text []byte    // without its line end
}

// The labels that s6-log puts before a line: with T the local time as ISO 8601 has it, with t a
// TAI64N label.
const (
	isoLayout = "2006-01-02 15:04:05.999999999"
	isoLength = 29 // nanoseconds have nine digits
	taiLength = 25 // "@" and 24 hexadecimal digits
)

// taiOffset is what a TAI64 label adds to Unix time: 2^62 plus the leap seconds that s6 knows of.
const taiOffset = 1<<62 + 37

// TimeOf is the time that s6-log has put before a line, and false where it has put none.
func TimeOf(line []byte) (time.Time, bool) {
	if len(line) >= taiLength && line[0] == '@' {
		return TAI64N(string(line[1:taiLength]))
	}
	if len(line) < isoLength || line[4] != '-' {
		return time.Time{}, false
	}
	at, err := time.ParseInLocation(isoLayout, string(line[:isoLength]), time.Local)
	return at, err == nil
}

// Unlabelled is a line without the time that s6-log has put before it: one space stands behind a
// TAI64N label, and two stand behind a local time.
func Unlabelled(line []byte) []byte {
	if _, known := TimeOf(line); !known {
		return line
	}
	if line[0] == '@' {
		return bytes.TrimPrefix(line[taiLength:], []byte(" "))
	}
	return bytes.TrimPrefix(line[isoLength:], []byte("  "))
}

// TAI64N reads a label without its "@".
func TAI64N(label string) (time.Time, bool) {
	var raw [12]byte
	if n, err := hex.Decode(raw[:], []byte(label)); err != nil || n != len(raw) {
		return time.Time{}, false
	}
	var seconds, nanoseconds int64
	for _, b := range raw[:8] {
		seconds = seconds<<8 | int64(b)
	}
	for _, b := range raw[8:] {
		nanoseconds = nanoseconds<<8 | int64(b)
	}
	return time.Unix(seconds-taiOffset, nanoseconds), true
}

// maxLine is the longest line that is kept in one piece, in bytes: a log may have no line end at
// all. s6-log itself ends a line after 8 KiB unless it is told otherwise.
const maxLine = 64 << 10

// Splitter makes lines of text that comes in pieces. A line without a time has that of the one
// before it: it belongs to that.
type Splitter struct {
	Log  int
	Take func([]Line) error

	rest []byte
	last time.Time
}

// Write takes a piece of text, and hands on the lines that are whole.
func (s *Splitter) Write(text []byte) (int, error) {
	var lines []Line
	rest := text
	for {
		line, behind, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			break
		}
		lines = append(lines, s.line(append(s.rest, line...)))
		s.rest, rest = nil, behind
	}
	s.rest = append(s.rest, rest...)
	if len(s.rest) >= maxLine {
		lines = append(lines, s.line(s.rest))
		s.rest = nil
	}
	if len(lines) == 0 {
		return len(text), nil
	}
	return len(text), s.Take(lines)
}

// Close hands on what has no line end.
func (s *Splitter) Close() error {
	if len(s.rest) == 0 {
		return nil
	}
	last := []Line{s.line(s.rest)}
	s.rest = nil
	return s.Take(last)
}

// line makes a line of a text that is not used elsewhere.
func (s *Splitter) line(text []byte) Line {
	if at, known := TimeOf(text); known {
		s.last = at
	}
	return Line{Log: s.Log, Time: s.last, Text: bytes.Clone(text)}
}
