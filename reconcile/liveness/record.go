package liveness

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Path is the file of a service directory that has the record. ./run opens it for data/check, which
// runs as the gateway's user: nothing in the directory is that user's.
const Path = "data/liveness"

// Size is how long the file always is, in bytes: a record, and spaces. It is written by one call,
// so a reader sees no half of it.
const Size = 2048

// maxWhy is the longest reason that is kept, in bytes: three of them fit into Size, however many of
// their characters JSON escapes.
const maxWhy = 200

// Record is what looks at a gateway leave each other. Times count from when the machine was
// started; 0 is never.
type Record struct {
	Gateway  Gateway       `json:"gateway"`
	Question string        `json:"question,omitempty"` // that was asked last: see digest
	Looked   time.Duration `json:"looked"`
	Next     time.Duration `json:"next,omitempty"` // look that is due
	Asked    time.Duration `json:"asked,omitempty"`
	Answered time.Duration `json:"answered,omitempty"` // the last good answer
	Failures int           `json:"failures,omitempty"` // bad answers in a row
	Why      string        `json:"why,omitempty"`      // what was wrong with the last
	Said     bool          `json:"said,omitempty"`     // the log says that it is not alive
	Memory   int64         `json:"memory,omitempty"`
	Over     time.Duration `json:"over,omitempty"` // since when it takes too much memory
	// Ending: the gateway was told to end. ./finish looks for it, see render.
	Ending *Ending `json:"ending,omitempty"`
	Last   *Last   `json:"last,omitempty"`
}

// Ending is the end of a gateway that is under way.
type Ending struct {
	// PID is the gateway's, by itself: ./finish finds it by the text before it and behind it.
	PID   int           `json:"pid"`
	Act   Act           `json:"act"` // the last step
	At    time.Duration `json:"at"`  // of that
	Why   string        `json:"why"`
	Clock time.Time     `json:"clock"` // when it began
	// Memory: it took too much memory. Otherwise it did not answer.
	Memory bool `json:"memory,omitempty"`
}

// Last is the last restart that a look has made.
type Last struct {
	At     time.Time `json:"at"`
	Why    string    `json:"why"`
	Memory bool      `json:"memory,omitempty"` // as in an Ending
}

// restart is the restart that the end of a gateway is, also before another one runs.
func (e *Ending) restart() *Last { return &Last{At: e.Clock, Why: e.Why, Memory: e.Memory} }

// Parse reads a record. The file belongs to no user of a gateway, but what is in it comes of one.
func Parse(data []byte) (*Record, error) {
	data = bytes.TrimRight(data, " \n\x00")
	if len(data) == 0 {
		return &Record{}, nil
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, errors.New("it is not the record of a look")
	}
	r.Why = clip(r.Why)
	if r.Ending != nil {
		r.Ending.Why = clip(r.Ending.Why)
	}
	if r.Last != nil {
		r.Last.Why = clip(r.Last.Why)
	}
	return &r, nil
}

// Text is the record as the file has it.
func (r *Record) Text() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return nil, err
	}
	data := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if len(data) >= Size {
		return nil, fmt.Errorf("a record of %d bytes (want less than %d)", len(data), Size)
	}
	data = append(data, bytes.Repeat([]byte{' '}, Size-1-len(data))...)
	return append(data, '\n'), nil
}

// clip makes a reason fit: on one line, and not too long.
func clip(text string) string {
	text = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(text, "?"))
	if len(text) <= maxWhy {
		return text
	}
	const more = "..."
	cut := maxWhy - len(more)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + more
}

// digest stands for a question: a path may be long.
func digest(url string) string {
	if url == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(url))
	return hex.EncodeToString(sum[:8])
}

// Bytes is an amount of memory for people, in the units of manifests.
func Bytes(n int64) string {
	const unit = 1000
	value, units := float64(n), []string{"B", "kB", "MB", "GB"}
	i := 0
	for ; value >= unit && i < len(units)-1; i++ {
		value /= unit
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[i])
}
