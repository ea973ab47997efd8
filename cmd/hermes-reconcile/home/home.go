// Package home reads and writes what concerns gateways below HERMES_HOME, as the user that it
// belongs to.
//
// That folder may be hostile: its owner can put a symlink, a FIFO or a folder at any name, or the
// disk below it may hang. So nothing here opens anything there by path as root: Ask starts this
// program anew with the user's credentials, hands it a Request, and kills it if it does not answer
// in time. Serve is that other side. Show does the same for the text of a log, which comes bit by
// bit.
//
// The files, by the side that they run on:
//
//	ask.go      ours: a request and its answer; helpers.go: several, by one child
//	stream.go   ours: a child whose answer comes bit by bit; show.go, showall.go: logs
//	move.go     both: text that goes from file to pipe to file within the kernel
//	serve.go    the child's: carry a request out
//	host.go     what a gateway that serves several profiles writes of itself
//	folders.go  the child's: which profiles have a folder
//	inspect.go  the child's: what a gateway or a logger would stumble over
//	shot.go     the child's: all files of a log at one moment; log.go: its lines, followed
package home

import (
	"errors"
	"path"
	"time"

	"hermes-reconcile/reconcile/inputs"
	"hermes-reconcile/render/rawjson"
)

// Request is what to do below a home. What is asked for is done in the order of the fields.
type Request struct {
	Home   string           // HERMES_HOME, an absolute path
	Places map[string]Place // by profile: those that have a home of their own
	Recall []string         // profiles: what were they last?
	// Sweep: profiles that do not run: remove what a gateway of an earlier container left.
	Sweep  []string
	Wishes map[string]bool // by profile: record that it should be up, or not
	// Retire: profiles that lose their gateways: record that these should be down, where there is a
	// record.
	Retire []string
	Report *Report // nil: there is nothing to append
	// Folders are profiles: have they a folder of their own below profiles/?
	Folders []string
	// Inspect are profiles: what would keep a gateway of theirs, or its logger, from working there?
	Inspect []string
	// Answer.Tokens tells what each profile of Tokens says of Variables in its .env. Key is what
	// digests are keyed with, so that no value is passed on.
	Tokens    []string
	Variables []string
	Key       []byte
	// Inputs: by profile: its own files that its gateway reads when it starts.
	Inputs map[string]Inputs
	Log    *Log  // to show, instead of all that: see Show
	Logs   []Log // to show together, instead of all that: see ShowAll
}

// Inputs are files of a profile, by name, and what their digests are keyed with.
type Inputs struct {
	Files []string // their names in the folder of the profile's own files
	Key   []byte   // of this profile alone: equal files of two do not show
}

// Place is the home of a profile that has one of its own.
type Place struct {
	Home string // its HERMES_HOME, an absolute path
	Dir  string // of the profile's own files, relative to Home
}

// Log is what to show of a log that s6-log writes.
type Log struct {
	Folder string // absolute
	Lines  int    // only the last so many; AllLines for all
	Follow bool   // keep printing new lines, until no reader is left
	// Since leaves out files that have only older lines, where all lines are asked for.
	Since time.Time
}

// AllLines is no limit of lines.
const AllLines = -1

// Report is text to append to a file. One that would grow beyond Limit is rotated first: one old
// one is kept.
type Report struct {
	File  string // absolute
	Text  string
	Limit int64 // bytes
}

// Answer is what came of a request.
type Answer struct {
	States map[string]State // by profile, of Recall
	// Swept: by profile, of Sweep: the names of the files that were removed.
	Swept  map[string][]string
	Faults []string           // what could not be done
	Found  map[string]Finding // by profile, of Inspect
	Absent []string           // of Folders: those that have none
	// Others are the profiles that have one, by HERMES_HOME: for those homes in which one is
	// absent.
	Others map[string][]string
	// Hosts: what gateways that serve several profiles write of themselves, by HERMES_HOME, for the
	// homes of Inspect.
	Hosts map[string]Host
	// Tokens: by profile, of Request.Tokens, and by variable: the digest of the value that the
	// profile's .env gives it, see tokens.Digest. An empty value has an empty one.
	Tokens map[string]map[string]string
	// Inputs: by profile, of Request.Inputs, and by name.
	Inputs map[string]map[string]inputs.Look
}

// Finding is what a profile's gateway and its logger have to expect.
type Finding struct {
	Faults []string // what they would stumble over
	// Served: of the root profile: the profiles that its gateway serves, too, as it says.
	Served []string
	Mute   string // why it does not say so; empty: it does, or has never run
	// Of the root profile: what its .env and its config.yaml hold. What is longer than MaxSettings,
	// or cannot be read, is left out.
	Env, Config []byte
	Parked      time.Time // since when hermes has it parked; zero: it has not
	Unknown     string    // why it could not be looked at; empty: it was
}

// MaxSettings is how much of a .env or a config.yaml is passed on, in bytes. Real ones have a few
// kB.
const MaxSettings = 128 << 10

// MaxOthers is how many profiles of a home are named.
const MaxOthers = 500

// State is what a profile's home remembers of its gateway.
type State struct {
	Up      bool
	Why     string // in words, of Up: "desired_state is running"
	Unknown bool   // it could not be looked at; Why says why not
}

// The files of a profile's home that matter here. hermes-agent writes them.
const (
	stateFile     = "gateway_state.json"
	pidFile       = "gateway.pid"
	processesFile = "processes.json"
)

// maxState is the largest state file that is read, in bytes. Real ones have a few kB.
const maxState = 1 << 20

// rootProfile is the profile that lives in HERMES_HOME itself.
const rootProfile = "default"

// profileDir is the home of a profile, relative to HERMES_HOME.
func profileDir(profile string) string {
	if profile == rootProfile {
		return "."
	}
	return path.Join("profiles", profile)
}

// ParseState reads a state file. An operator's wish goes before what the gateway last said of
// itself; one that was killed while it drained, or lacked some of its platforms, was up.
func ParseState(data []byte) State {
	var desired, gateway *string
	err := rawjson.Unmarshal(data, map[string]any{desiredKey: &desired})
	// Else what the gateway says plays no part.
	if err == nil && desired == nil {
		err = rawjson.Unmarshal(data, map[string]any{"gateway_state": &gateway})
	}
	switch {
	case err != nil:
		return State{Why: stateFile + " cannot be understood"}
	case desired != nil:
		return State{Up: *desired == stateRunning, Why: "desired_state is " + shown(*desired)}
	case gateway != nil:
		up := *gateway == stateRunning || *gateway == "draining" || *gateway == "degraded"
		return State{Up: up, Why: "gateway_state is " + shown(*gateway)}
	}
	return State{Why: stateFile + " names no state"}
}

// ParseServed reads from the state file of the root profile which profiles its gateway serves.
func ParseServed(data []byte) ([]string, error) {
	var served []string
	if err := rawjson.Unmarshal(data, map[string]any{"served_profiles": &served}); err != nil {
		return nil, errors.New(stateFile + " cannot be understood")
	}
	return served, nil
}

// desiredKey is where an operator's wish stands in a state file, and what it says.
const (
	desiredKey   = "desired_state"
	stateRunning = "running"
	stateStopped = "stopped"
)

// shown is a word from a file, short enough for a line.
func shown(word string) string {
	const limit = 40 // bytes
	if len(word) > limit {
		return word[:limit] + "..."
	}
	return word
}
