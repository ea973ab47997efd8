package explain

import _ "embed"

// StatusFormat is the version of the JSON form of a Status.
const StatusFormat = 2

// Status is what the gateways of a scandir are. Its JSON form is described by schema/status.json.
type Status struct {
	Format    int    `json:"format"`
	Scandir   string `json:"scandir"`
	Listening bool   `json:"listening"` // an s6-svscan runs on it
	// Held: since when nothing is started unasked, as RFC 3339 writes times.
	Held string `json:"held,omitempty"`
	// Canary and RolledBack: a manifest does not count, or not for all.
	Canary     *Tried      `json:"canary,omitempty"`
	RolledBack *RolledBack `json:"rolled_back,omitempty"`
	Gateways   []Gateway   `json:"gateways"`
}

// Tried is that a manifest was tried on some gateways, and nothing is decided yet.
type Tried struct {
	Profiles []string `json:"profiles"`
	Since    string   `json:"since"` // as RFC 3339 writes times
	State    string   `json:"state"` // of that apply
	Why      string   `json:"why,omitempty"`
}

// Gateway is what one gateway is, and what it should be.
type Gateway struct {
	Profile string `json:"profile"`
	// Service is the directory of the gateway in the scandir.
	Service string `json:"service"`
	Wanted  string `json:"wanted,omitempty"` // up, down or last; empty where nothing says so
	// State is one of those in the package comment of reconcile.
	State string `json:"state"`
	// Detail: what helps to judge the state: "next start in 12 s".
	Detail string `json:"detail,omitempty"`
	// Draining: what it was asked for; nil: it does not drain.
	Draining *Draining `json:"draining,omitempty"`
	// Failed: it is not what it should be, and will not come to be that by itself.
	Failed bool  `json:"failed"`
	Ready  *bool `json:"ready"` // nil: it has no way to tell
	// Alive: it answers, or does not any more; nil: it is not asked, or has not answered yet.
	Alive *bool `json:"alive,omitempty"`
	// Restarted is the last restart that its check has made.
	Restarted *Restarted `json:"restarted,omitempty"`
	// PID is 0, and left out, while no process runs.
	PID int `json:"pid,omitempty"`
	// Since: of the last change between up and down, as RFC 3339 writes times.
	Since    string `json:"since,omitempty"`
	Restarts int    `json:"restarts"` // deaths since it was last started on purpose
	// Port is what the profile has, whether or not the gateway listens there.
	Port int   `json:"port,omitempty"`
	RSS  int64 `json:"rss,omitempty"` // memory of its processes, in bytes
	// Owned says that a marker of ours is in the directory: apply changes no other without being
	// told.
	Owned bool `json:"owned"`
	// Pending: what the manifest says and no apply has done; empty: that is not known.
	Pending string `json:"pending,omitempty"`
	// Rotated are the files that hold something else than the gateway has read when it started.
	Rotated []string `json:"rotated,omitempty"`
	// Drift says in words what is not as it was rendered; it is empty, not null, where nothing is.
	Drift []string `json:"drift"`
	More  *More    `json:"more,omitempty"` // where one gateway was asked for
}

// Draining is that a gateway was asked to end when its work is done.
type Draining struct {
	Since   string `json:"since"` // as RFC 3339 writes times
	Signal  string `json:"signal"`
	Timeout int64  `json:"timeout"` // s, after which it is stopped
}

// Restarted is a restart of a gateway that did not answer, or took too much memory.
type Restarted struct {
	At  string `json:"at"` // as RFC 3339 writes times
	Why string `json:"why"`
}

// StateAbsent is what a gateway is that the manifest names and no apply has made yet.
const StateAbsent = "absent"

// What Pending says of a gateway.
const (
	PendingNew     = "new"
	PendingChanged = "changed"
	PendingGone    = "to go"
	PendingRotated = "rotated"
	PendingNone    = "none"
)

// More is what else there is to say of one gateway.
type More struct {
	// ExitCode: of its last process that has ended; nil: a signal ended it, or none is known.
	ExitCode *int `json:"exit_code,omitempty"`
	Signal   int  `json:"signal,omitempty"` // that ended its last process
	// Deaths: since it was last started on purpose, the oldest first.
	Deaths []Death `json:"deaths"`
	// NextStart is when s6 starts it again, as RFC 3339 writes times; empty: it need not.
	NextStart string `json:"next_start,omitempty"`
	User      string `json:"user,omitempty"` // of its processes, as a name or a number
	// Processes counts the gateway and all that it has started.
	Processes int      `json:"processes,omitempty"`
	Sockets   []Socket `json:"sockets"` // that it takes connections on, and others on its port
	// Directory is the absolute path of the service directory.
	Directory string   `json:"directory"`
	Manifest  *Place   `json:"manifest,omitempty"` // where its profile stands
	Log       string   `json:"log,omitempty"`      // its file
	LogLines  []string `json:"log_lines"`          // the last of them
	// LogFault is why LogLines is empty.
	LogFault string `json:"log_fault,omitempty"`
}

// Death is the end of a process of a gateway that was not asked for.
type Death struct {
	// At is when, as RFC 3339 writes times: s6 notes it.
	At string `json:"at"`
	// ExitCode is nil where a signal ended the process.
	ExitCode *int `json:"exit_code,omitempty"`
	// Signal is its number, 0 for an exit.
	Signal int `json:"signal,omitempty"`
}

// Socket is an address on which connections are taken.
type Socket struct {
	// Address is an IP address with its port, as in 127.0.0.1:9201.
	Address string `json:"address"`
	// PID and Program are left out where this user may not see the process of the socket.
	PID     int    `json:"pid,omitempty"`
	Program string `json:"program,omitempty"`
	Own     bool   `json:"own"` // a process of the gateway has it
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
