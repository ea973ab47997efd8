package explain

import _ "embed"

// StatusFormat is the version of the JSON form of a Status.
const StatusFormat = 2

// Status is what the gateways of a scandir are. Its JSON form is described by schema/status.json.
type Status struct {
	Format    int       `json:"format"`
	Scandir   string    `json:"scandir"`
	Listening bool      `json:"listening"`      // an s6-svscan runs on it
	Held      string    `json:"held,omitempty"` // since when nothing is started unasked, as RFC 3339 writes times
	Gateways  []Gateway `json:"gateways"`
}

// Gateway is what one gateway is, and what it should be.
type Gateway struct {
	Profile  string   `json:"profile"`
	Service  string   `json:"service"`
	Wanted   string   `json:"wanted,omitempty"` // up, down or last; empty where nothing says so
	State    string   `json:"state"`
	Detail   string   `json:"detail,omitempty"` // what helps to judge the state: "next start in 12 s"
	Ready    *bool    `json:"ready"`            // nil: it has no way to tell
	PID      int      `json:"pid,omitempty"`
	Since    string   `json:"since,omitempty"` // of the last change between up and down, as RFC 3339 writes times
	Restarts int      `json:"restarts"`        // deaths since it was last started on purpose
	Port     int      `json:"port,omitempty"`
	Owned    bool     `json:"owned"`
	Drift    []string `json:"drift"`
}

// What Drift says of a gateway beside files that were edited, and of what is no service directory.
const (
	DriftForeign   = "foreign"
	DriftLogDown   = "logger told down"
	DriftLogStuck  = "logger cannot run"
	DriftOldScript = "runs an old script"
	DriftOldLogger = "logger runs an old script"
	DriftBusy      = "a restart is under way" // and by which process
	DriftTrouble   = "cannot be told: "       // and why
	DriftDouble    = "double of "             // and of which service
	DriftKeptDown  = ", kept down"            // behind that
	DriftOrphan    = "its supervisor is not of this s6-svscan"
)

// StatusSchema describes the JSON form of a Status, in JSON Schema's draft-07.
//
//go:embed schema/status.json
var StatusSchema []byte

// JSON is the status for programs.
func (s *Status) JSON() ([]byte, error) { return encode(s) }
