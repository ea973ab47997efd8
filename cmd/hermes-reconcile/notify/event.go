package notify

import (
	_ "embed"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
)

// Event is what watch tells to a program on its standard input.
type Event struct {
	Format  int       `json:"format"`
	Event   EventName `json:"event"`
	Time    string    `json:"time"`
	Scandir string    `json:"scandir,omitempty"` // unknown as long as no manifest was right
	// Of a gateway:

	Profile string `json:"profile,omitempty"`
	Service string `json:"service,omitempty"`
	State   string `json:"state,omitempty"`
	Detail  string `json:"detail,omitempty"`
	// Gateways are those that something was done to, or that it could not be done to.
	Gateways []EventGateway    `json:"gateways,omitempty"`
	Errors   []explain.Message `json:"errors,omitempty"`   // of a manifest, or of a pass as a whole
	Repeated bool              `json:"repeated,omitempty"` // it was told before, and is still so
	Dropped  int               `json:"dropped,omitempty"`  // so many events before it were not told
}

// EventGateway is a gateway that something was done to.
type EventGateway struct {
	Profile   string `json:"profile"`
	Operation string `json:"operation"`
	Error     string `json:"error,omitempty"`
}

// EventName says what has happened.
type EventName string

const (
	// What a gateway can be in for longer, and that it is no more.

	EventCrashLoop EventName = "crash-loop"
	EventEnded     EventName = "ended"
	// EventNotAlive: it does not answer any more; EventMemory: it took more memory than it may. Both
	// also where it was restarted for that.
	EventNotAlive EventName = "not-alive"
	EventMemory   EventName = "too-much-memory"
	EventBack     EventName = "back"

	EventApplied EventName = "applied" // a manifest has changed something
	EventDrift   EventName = "drift"   // what was changed by others is undone
	EventRefused EventName = "manifest-refused"
	EventFailed  EventName = "failed" // a pass, or what it should have done to a gateway
)

// EventSchema is the JSON Schema of an Event.
//
//go:embed schema/event.json
var EventSchema []byte

// JSON is the line for the program.
func (e Event) JSON() ([]byte, error) { return explain.Line(e) }
