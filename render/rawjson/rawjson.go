// Package rawjson reads and changes JSON objects that other programs write, and keeps all that it
// does not change byte for byte.
//
// encoding/json is not for that. It compares keys without regard to case, so it takes "STATE" for
// "state", and the long s (U+017F) for an s; it sorts keys, and loses those that stand twice. Here
// a key is the one that is asked for, or it is another one. What Python writes beside the standard
// is understood, too: a byte order mark, NaN and Infinity.
package rawjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Object is an object as it stands in a file.
type Object struct {
	data    []byte
	members []member
	open    int // behind the brace that opens it
}

// member is a key and its value, by their places in the file.
type member struct {
	key        string
	start, end int // of the value
}

// ErrNoObject is returned for what is no JSON object.
var ErrNoObject = errors.New("not a JSON object")

// byteOrderMark may stand before the text.
const byteOrderMark = "\ufeff"

// Parse reads an object. It keeps data.
func Parse(data []byte) (*Object, error) {
	o := &Object{data: data}
	s := &scanner{data: data, at: len(data) - len(bytes.TrimPrefix(data, []byte(byteOrderMark)))}
	s.blanks()
	if !s.take('{') {
		return nil, ErrNoObject
	}
	o.open = s.at
	for s.blanks(); !s.take('}'); s.blanks() {
		if len(o.members) > 0 && !s.take(',') {
			return nil, ErrNoObject
		}
		m, ok := s.member()
		if !ok {
			return nil, ErrNoObject
		}
		o.members = append(o.members, m)
	}
	if s.blanks(); s.at != len(data) {
		return nil, ErrNoObject
	}
	return o, nil
}

// Get is the value of a key. Of a key that stands twice the last one counts, as in most programs.
func (o *Object) Get(key string) (value json.RawMessage, found bool) {
	for _, m := range slices.Backward(o.members) {
		if m.key == key {
			return o.data[m.start:m.end], true
		}
	}
	return nil, false
}

// Set gives the object with another value of a key, as text. All else stays as it is. A key that
// stands twice gets the value both times, so that there is no doubt; one that is not there comes
// last.
func (o *Object) Set(key string, value json.RawMessage) []byte {
	var out []byte
	kept, found := 0, false
	for _, m := range o.members {
		if m.key == key {
			out = append(append(out, o.data[kept:m.start]...), value...)
			kept, found = m.end, true
		}
	}
	if found {
		return append(out, o.data[kept:]...)
	}
	quoted, _ := json.Marshal(key)
	text := append(append(quoted, ':'), value...)
	at := o.open
	if n := len(o.members); n > 0 {
		at = o.members[n-1].end
		if bytes.Contains(o.data[o.open:o.members[0].start],
			[]byte(": ")) { // as Python writes it by default
			text = append(append(quoted, ':', ' '), value...)
			text = append([]byte(", "), text...)
		} else {
			text = append([]byte(","), text...)
		}
	}
	return slices.Concat(o.data[:at], text, o.data[at:])
}

// Unmarshal reads those members of an object that are asked for into what they point to. One that
// is not there leaves it alone.
func Unmarshal(data []byte, into map[string]any) error {
	o, err := Parse(data)
	if err != nil {
		return err
	}
	for key, target := range into {
		value, found := o.Get(key)
		if !found {
			continue
		}
		if err := json.Unmarshal(value, target); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// scanner goes through a text.
type scanner struct {
	data []byte
	at   int
}

// peek is the next byte; 0 at the end, which JSON has nowhere.
func (s *scanner) peek() byte {
	if s.at < len(s.data) {
		return s.data[s.at]
	}
	return 0
}

// take goes past one byte, if it is the next.
func (s *scanner) take(c byte) bool {
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

// blanks goes past what JSON calls whitespace (RFC 8259, section 2), which is less than Unicode
// does.
func (s *scanner) blanks() {
	for s.at < len(s.data) && bytes.IndexByte([]byte(" \t\r\n"), s.data[s.at]) >= 0 {
		s.at++
	}
}

// member reads a key, the colon and the value.
func (s *scanner) member() (m member, ok bool) {
	if m.key, ok = s.key(); !ok {
		return m, false
	}
	s.blanks()
	m.start = s.at
	ok = s.value()
	m.end = s.at
	return m, ok
}

// key reads a key and the colon behind it. One that encoding/json cannot read is kept, and is none
// that is asked for.
func (s *scanner) key() (key string, ok bool) {
	s.blanks()
	start := s.at
	if !s.text() {
		return "", false
	}
	quoted := s.data[start:s.at]
	if json.Unmarshal(quoted, &key) != nil {
		key = string(quoted)
	}
	s.blanks()
	return key, s.take(':')
}

// value goes to the end of a value. What is nested in it may be nested to any depth.
func (s *scanner) value() bool {
	var open []byte // the brackets that will close what is open
	for {
		s.blanks()
		switch c := s.peek(); {
		case c == '{':
			s.at++
			if s.blanks(); s.peek() != '}' {
				if _, ok := s.key(); !ok {
					return false
				}
				open = append(open, '}')
				continue
			}
			s.at++
		case c == '[':
			s.at++
			if s.blanks(); s.peek() != ']' {
				open = append(open, ']')
				continue
			}
			s.at++
		default:
			if !s.scalar() {
				return false
			}
		}
		if more, ok := s.after(&open); !more {
			return ok
		}
	}
}

// after goes over what may follow a value within those that are open: their ends, or a comma and
// the next one's key.
func (s *scanner) after(open *[]byte) (more, ok bool) {
	for len(*open) > 0 {
		last := (*open)[len(*open)-1]
		s.blanks()
		switch {
		case s.take(last):
			*open = (*open)[:len(*open)-1]
		case s.take(',') && last == ']':
			return true, true
		case last == '}' && s.at > 0 && s.data[s.at-1] == ',':
			_, ok := s.key()
			return ok, ok
		default:
			return false, false
		}
	}
	return false, true
}

// words are the values that are no text, no number and nothing nested.
var words = []string{"true", "false", "null", "NaN", "Infinity", "-Infinity"}

// scalar goes past a text, a number, or one of the words; it does not read it.
func (s *scanner) scalar() bool {
	if s.peek() == '"' {
		return s.text()
	}
	for _, word := range words {
		if bytes.HasPrefix(s.data[s.at:], []byte(word)) {
			s.at += len(word)
			return true
		}
	}
	start := s.at
	for s.at < len(s.data) && bytes.IndexByte([]byte("+-.0123456789Ee"), s.data[s.at]) >= 0 {
		s.at++
	}
	return json.Valid(s.data[start:s.at])
}

// text goes to the end of a text in quotes. It keeps all characters.
func (s *scanner) text() bool {
	if !s.take('"') {
		return false
	}
	for s.at < len(s.data) {
		switch s.at++; s.data[s.at-1] {
		case '"':
			return true
		case '\\':
			s.at++
		}
	}
	return false
}
