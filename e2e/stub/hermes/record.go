//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// start is a record of NAME.starts.
type start struct {
	PID    int      `json:"pid"`
	PPID   int      `json:"ppid"`
	Argv   []string `json:"argv"`
	Env    []string `json:"env"`
	Cwd    string   `json:"cwd"`
	UID    int      `json:"uid"`
	GID    int      `json:"gid"`
	Groups []int    `json:"groups"`
	Time   int64    `json:"time"` // nanoseconds since 1970
}

// recordStart writes down what this process was given, so that a test can compare it with the
// manifest.
func (g *gateway) recordStart() error {
	now := time.Now().UnixNano()
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	groups, err := os.Getgroups()
	if err != nil {
		return err
	}
	env := os.Environ()
	slices.Sort(env)
	return g.record("starts", start{
		PID: os.Getpid(), PPID: os.Getppid(), Argv: os.Args, Env: env, Cwd: cwd,
		UID: os.Getuid(), GID: os.Getgid(), Groups: groups, Time: now,
	})
}

// stop is a record of NAME.stops.
type stop struct {
	PID   int    `json:"pid"`
	Event string `json:"event"` // term, usr1 or exit
	Lines int    `json:"lines"` // at exit: how many numbered lines were printed
	Time  int64  `json:"time"`
}

// recordStop writes down a signal or an exit, with the lines printed so far: a test counts them in
// the log.
func (g *gateway) recordStop(event string, lines int) error {
	return g.record("stops", stop{PID: os.Getpid(), Event: event, Lines: lines, Time: time.Now().UnixNano()})
}

// path is a file of this gateway: tests look for it by the profile's name.
func (g *gateway) path(suffix string) string {
	return filepath.Join(g.dir, g.name+"."+suffix)
}

// record adds one line of JSON, so that a record which was cut off spoils no other.
func (g *gateway) record(suffix string, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return appendTo(g.path(suffix), string(line))
}

// appendLine adds to a file that gateways of all profiles share.
func (g *gateway) appendLine(file, line string) error {
	return appendTo(filepath.Join(g.dir, file), line)
}

// appendTo writes the line by one write(2): records of two processes never mix.
func appendTo(path, line string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}
