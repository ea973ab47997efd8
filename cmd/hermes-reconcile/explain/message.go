package explain

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"

	"hermes-reconcile/manifest/visible"
)

// Message is an error, a warning or a hint, made for programs: one line on stderr beside the
// document on stdout. Its JSON form is described by schema/message.json.
type Message struct {
	Level MessageLevel `json:"level"`
	Code  Code         `json:"code,omitempty"` // of errors and warnings
	// Cause is the code of the error that a warning tells of.
	Cause Code   `json:"cause,omitempty"`
	Text  string `json:"text"`
	Hint  string `json:"hint,omitempty"` // what to type or to edit next
	// The place in a manifest that the text is about; lines and columns count from 1.

	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// MessageLevel says what a message is.
type MessageLevel string

const (
	MessageError   MessageLevel = "error"
	MessageWarning MessageLevel = "warning"
	MessageHint    MessageLevel = "hint"
)

// Code says in a word what kind of error or warning it is. Texts may change with a version, codes stay.
type Code string

const (
	CodeUsage       Code = "usage"
	CodeManifest    Code = "manifest"
	CodeNoS6        Code = "s6-not-installed"
	CodeNoSvscan    Code = "s6-svscan-not-running"
	CodeNoRoom      Code = "no-room"
	CodeLongName    Code = "long-name"
	CodeObstacle    Code = "obstacle"
	CodePartial     Code = "partial"
	CodeLate        Code = "late"
	CodeInterrupted Code = "interrupted"
	CodeHopeless    Code = "not-up"
	CodeTimeout     Code = "timeout"
	CodeLocked      Code = "locked"
	CodeStale       Code = "stale-plan"
	CodeUnprinted   Code = "unprinted"
	CodeFailed      Code = "failed"
	CodeCanary      Code = "canary"
)

// The codes of warnings, besides those of notes.
const (
	WarnNoSvscan          = CodeNoSvscan
	WarnLongName     Code = "name-too-long-for-hermes"
	WarnSameToken    Code = "same-token"
	WarnUnknown      Code = "unknown-to-hermes"
	WarnNoManifest   Code = "manifest-left-out"
	WarnOtherScandir Code = "scandir-changes"
	WarnExposed      Code = "others-can-change"
	WarnUnseen       Code = "others-not-seen"
	WarnExit0        Code = "exit-0-restarts"
	WarnInput        Code = "input-not-seen"
	WarnTroubled     Code = "state-unknown"
	WarnPaused       Code = "paused"
	WarnNotPaused    Code = "not-paused"
	WarnUnlocked     Code = "without-lock"
	WarnRolledBack   Code = "rolled-back"
	WarnCounts       Code = "counts-again"
	WarnHistory      Code = "history"
	WarnCanary       Code = "canary-under-way"
	WarnUndone       Code = "undone-by-apply"
	WarnRemoved      Code = "removed-by-apply"
	WarnLog          Code = "log"
	WarnNoLog        Code = "no-log"
	WarnHome         Code = "home"
	WarnReport       Code = "report"
	WarnDraft        Code = "draft"
	WarnNoEffect     Code = "no-effect"
	WarnUnwatched    Code = "not-watched"
	WarnUntold       Code = "event-not-told"
	WarnRole         Code = "role-none"
)

// MessageSchema describes the JSON form of a Message, in JSON Schema's draft-07.
//
//go:embed schema/message.json
var MessageSchema []byte

// JSON is the message for programs: a line.
func (m Message) JSON() ([]byte, error) { return encodeLine(m) }

// encodeLine is JSON in one line, escaped as encode does it.
func encodeLine(v any) ([]byte, error) {
	var b bytes.Buffer
	safe := visible.NewWriter(&b, visible.JSON)
	e := json.NewEncoder(safe)
	e.SetEscapeHTML(false)
	err := errors.Join(e.Encode(v), safe.Close())
	return b.Bytes(), err
}
