// Package s6ctl talks to s6: it runs the s6 programs, and no other package does.
//
// Open and Detect are the entry points. What s6 answers is read from exit codes, from locks and
// from the status file, never from text, which differs between s6 versions. State that s6 itself
// publishes (is a service supervised, is it up, since when) is read without starting a process, so
// that looking at a thousand services costs a thousand small reads. What the kernel knows of
// processes, see process, helps out where s6 tells nothing. This package writes no service file.
//
// The files, by what they ask:
//
//	detect.go     the system: which supervisor it has; host.go: which s6-svscan runs on a scandir
//	s6ctl.go      the programs of s6: find, run and bound them
//	root.go       the open scandir, and what is below it
//	svscan.go     s6-svscan: what it can take, and what it has
//	status.go     the status that s6-supervise writes; deaths.go: its tally of deaths
//	kernel.go     the kernel, where that status cannot be trusted
//	phase.go      a run script: how far it is
//	supervise.go  s6-supervise processes: find, quiet and end them
//	holders.go    processes that keep a pipe to a logger open; frozen.go: a log file that is gone
package s6ctl

import "hermes-reconcile/s6ctl/process"

// Kind is a kind of supervisor of the whole system.
type Kind string

const (
	KindS6      Kind = "s6"
	KindSystemd Kind = "systemd"
	KindLaunchd Kind = "launchd"
	KindWindows Kind = "windows"
	KindNone    Kind = "none"
)

// Detect tells which supervisor is here. It is s6 when s6-svscan is PID 1 or listens on the
// scandir, whichever user asks: an unprivileged user may read neither /proc/1/exe nor the scandir's
// control directory, so names and arguments decide.
func Detect(h process.Host, scandir string) Kind {
	switch h.OS {
	case "windows":
		return KindWindows
	case "darwin":
		return KindLaunchd
	}
	first := h.Comm(1)
	if first == "s6-svscan" {
		return KindS6
	}
	if ok, err := Listening(h, scandir); ok && err == nil {
		return KindS6
	}
	if first == "systemd" {
		return KindSystemd
	}
	return KindNone
}
