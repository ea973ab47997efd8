// Package loglines knows lines of logs and when they were written, and merges logs by that. It
// reads nothing but what it is given.
//
// The files:
//
//	loglines.go  lines, whole or in pieces, with their times
//	when.go      times as s6-log and people write them
//	merge.go     lines of several logs, the oldest first
//	refusal.go   what a hermes says that refuses to start
package loglines

import (
	"bytes"
	"encoding/hex"
	"slices"
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
	if at, plain := localTime(line[:isoLength]); plain {
		return at, true
	}
	at, err := time.ParseInLocation(isoLayout, string(line[:isoLength]), time.Local)
	return at, err == nil
}

// localTime reads a time as s6-log writes it, which takes a third of what time.Parse does: a log
// has one in each line. It leaves all else to that, days at the end of a month included.
func localTime(text []byte) (time.Time, bool) {
	const form = "0000-00-00 00:00:00.000000000"
	for i := range form {
		digit := text[i] >= '0' && text[i] <= '9'
		if form[i] == '0' && !digit || form[i] != '0' && text[i] != form[i] {
			return time.Time{}, false
		}
	}
	number := func(from, to int) (n int) {
		for _, digit := range text[from:to] {
			n = 10*n + int(digit-'0')
		}
		return n
	}
	const shortest = 28 // days of a month
	month, day := number(5, 7), number(8, 10)
	hour, minute, second := number(11, 13), number(14, 16), number(17, 19)
	if month < 1 || month > 12 || day < 1 || day > shortest ||
		hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	return time.Date(number(0, 4), time.Month(month), day, hour, minute, second,
		number(20, isoLength), time.Local), true
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

// chunk is how much text of lines is kept in one piece, in bytes, so that a line that comes alone
// costs no allocation of its own. A line that is kept for long keeps all of its piece.
const chunk = 32 << 10

// Splitter makes lines of text that comes in pieces. A line without a time has that of the one
// before it: it belongs to that.
type Splitter struct {
	Log  int
	Take func([]Line) error // nil: Cut alone is used
	// Untimed says that the times of lines play no part, so that they have none.
	Untimed bool

	rest  []byte // behind the last line end
	last  time.Time
	spare []byte // of a chunk: no line has it yet
}

// Write takes a piece of text, and hands on the lines that are whole.
func (s *Splitter) Write(text []byte) (int, error) {
	return len(text), s.hand(s.Cut(nil, text))
}

// Close hands on what has no line end.
func (s *Splitter) Close() error { return s.hand(s.End(nil)) }

// hand hands on lines, if there are any.
func (s *Splitter) hand(lines []Line) error {
	if len(lines) == 0 {
		return nil
	}
	return s.Take(lines)
}

// Cut takes a piece of text, and adds to lines those that are whole now.
func (s *Splitter) Cut(lines []Line, text []byte) []Line {
	if end := bytes.LastIndexByte(text, '\n') + 1; end > 0 {
		lines = slices.Grow(lines, bytes.Count(text, []byte("\n")))
		whole := s.keep(text[:end])
		text = text[end:]
		for len(whole) > 0 {
			n := bytes.IndexByte(whole, '\n')
			lines = append(lines, s.line(whole[:n:n]))
			whole = whole[n+1:]
		}
	}
	s.rest = append(s.rest, text...)
	if len(s.rest) >= maxLine {
		lines = s.End(lines)
	}
	return lines
}

// End adds to lines what has no line end.
func (s *Splitter) End(lines []Line) []Line {
	if len(s.rest) == 0 {
		return lines
	}
	lines = append(lines, s.line(s.rest))
	s.rest = nil
	return lines
}

// keep copies text, behind what was left of the piece before it.
func (s *Splitter) keep(text []byte) []byte {
	n := len(s.rest) + len(text)
	if n > len(s.spare) {
		s.spare = make([]byte, max(n, chunk))
	}
	kept := s.spare[:n:n]
	s.spare = s.spare[n:]
	copy(kept[copy(kept, s.rest):], text)
	s.rest = s.rest[:0]
	return kept
}

// line makes a line of a text that is not used elsewhere.
func (s *Splitter) line(text []byte) Line {
	if s.Untimed {
		return Line{Log: s.Log, Text: text}
	}
	if at, known := TimeOf(text); known {
		s.last = at
	}
	return Line{Log: s.Log, Time: s.last, Text: text}
}
