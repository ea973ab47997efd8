//go:build linux

package s6ctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"hermes-reconcile/s6ctl/safefile"
	"hermes-reconcile/s6ctl/seen"
	"hermes-reconcile/s6ctl/start"
)

// commandDir is where s6-overlay keeps the s6 programs. `docker exec` does not have it on PATH.
const commandDir = "/command"

// callTimeout bounds one call of an s6 program. They write a byte to a FIFO and return:
// milliseconds, unless the machine is in trouble.
const callTimeout = 10 * time.Second

// maxCalls is how many s6 programs run at once. More would only wait for processors, and might meet
// a process limit.
const maxCalls = 16

// turnLimit is how long a call is counted among them.
const turnLimit = 250 * time.Millisecond

// Exit codes of the s6 programs that mean "no program listens there": 100 up to s6 2.13 and from
// s6-svscanctl, 102 from s6-svc of 2.14 and later. 100 is also "wrong usage", which a caller that
// builds its own arguments never sees.
const (
	exitNobody      = 100
	exitNobodyNewer = 102
)

// What is read of services, by the names that are used here.
type (
	Status    = seen.Status
	Phase     = seen.Phase
	Death     = seen.Death
	Supervise = seen.Supervise
	Svscan    = seen.Svscan
	Opened    = seen.Opened
)

// Scandir is a scan directory and the s6 programs that control it.
type Scandir struct {
	path     string
	open     *safefile.Dir   // the scandir, as long as a caller keeps it open; nil: none does
	programs func() programs // looked for when they are wanted first
	calls    chan struct{}
	timeout  time.Duration // of one call

	supervisors supervisors
}

// programs are those of s6, by path.
type programs struct {
	svscanctl, svc string
	missing        error // why they cannot be run
}

// Open prepares to control the scandir at path. Looking at it needs no program; Installed reports
// whether acting will work.
func Open(path string) *Scandir {
	return &Scandir{
		path: path, programs: sync.OnceValue(findPrograms),
		calls: make(chan struct{}, maxCalls), timeout: callTimeout,
	}
}

// findPrograms looks for the programs that control a scandir.
func findPrograms() (p programs) {
	if p.svscanctl, p.missing = find("s6-svscanctl"); p.missing == nil {
		p.svc, p.missing = find("s6-svc")
	}
	return p
}

// Installed is nil if the programs of s6 are there, else it wraps ErrNotInstalled.
func (s *Scandir) Installed() error { return s.programs().missing }

// Folder is where the programs of s6 are, as far as they are.
func (s *Scandir) Folder() string { return filepath.Dir(s.programs().svc) }

// find returns the absolute path of an s6 program: in /command, else on PATH.
func find(name string) (string, error) {
	path, err := start.Find(name, commandDir)
	if err != nil {
		return "", fmt.Errorf("%w: cannot find %s in %s or on PATH: %w", ErrNotInstalled, name,
			commandDir, err)
	}
	return path, nil
}

// Rescan asks s6-svscan to look for new service directories and, with prune, to stop the services
// whose directories are gone. It returns when the request is handed over, not when it is carried
// out: s6-svscan acknowledges nothing.
func (s *Scandir) Rescan(ctx context.Context, prune bool) error {
	flag := "-a"
	if prune {
		flag = "-an"
	}
	err := s.run(ctx, s.programs().svscanctl, flag, s.path)
	if code := start.ExitCode(err); code == exitNobody {
		return ErrNotListening
	}
	return err
}

// Control sends s6-svc's command letters to the service in dir, a path relative to the scandir.
func (s *Scandir) Control(ctx context.Context, dir, letters string) error {
	err := s.run(ctx, s.programs().svc, "-"+letters, filepath.Join(s.path, dir))
	if code := start.ExitCode(err); code == exitNobody || code == exitNobodyNewer {
		return ErrNotSupervised
	}
	return err
}

// run runs an s6 program to its end. The first line that it prints on stderr is part of the
// error.
func (s *Scandir) run(ctx context.Context, program string, args ...string) error {
	if missing := s.Installed(); missing != nil {
		return missing
	}
	done, err := s.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) { // however that was told
		return context.DeadlineExceeded
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := s.limit(ctx)
	defer cancel()
	var stderr bytes.Buffer
	err = start.Run(ctx,
		start.Program{Path: program, Args: append([]string{program}, args...), Stderr: &stderr})
	if err == nil {
		return nil
	}
	what := strings.Join(append([]string{filepath.Base(program)}, args...), " ")
	if ctx.Err() != nil { // it may not have ended even now
		return fmt.Errorf("cannot run %q: %w", what, err)
	}
	if text := firstLine(stderr.Bytes()); text != "" {
		return fmt.Errorf("cannot run %q: %w (%w)", what, err, said(text))
	}
	return fmt.Errorf("cannot run %q: %w", what, err)
}

// said is what an s6 program has printed about its end. It is fs.ErrPermission where the kernel has
// refused what the program wanted.
type said string

func (s said) Error() string { return string(s) }

func (s said) Is(target error) bool {
	return target == fs.ErrPermission && (strings.HasSuffix(string(s), ": "+deniedText) ||
		strings.HasSuffix(string(s), ": "+refusedText))
}

// The texts of EACCES and EPERM, in glibc and in musl. s6 programs set no locale.
const (
	deniedText  = "Permission denied"
	refusedText = "Operation not permitted"
)

// turn waits until fewer than maxCalls calls are under way, and returns what ends the turn that it
// then takes. A call that hangs needs no processor, so its turn ends after turnLimit all the same:
// otherwise users that keep their FIFOs full, as many as there are turns, would hold up all other
// services.
func (s *Scandir) turn(ctx context.Context) (done func(), err error) {
	select {
	case s.calls <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	leave := sync.OnceFunc(func() { <-s.calls })
	late := time.AfterFunc(turnLimit, leave)
	return func() {
		late.Stop()
		leave()
	}, nil
}

// limit bounds one call: by s.timeout, and by the time that the caller has. Without it a full
// control FIFO, which its user can cause, would hold up all. A signal does not cut short
// what has begun: it could not be told whether the command had reached its service.
func (s *Scandir) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	until := time.Now().Add(s.timeout)
	if deadline, limited := ctx.Deadline(); limited && deadline.Before(until) {
		until = deadline
	}
	return context.WithDeadline(context.WithoutCancel(ctx), until)
}

// firstLine is the first line of a program's complaint, short enough for one line of ours.
func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	const limit = 300 // bytes
	if len(line) > limit {
		line = line[:limit]
	}
	return strings.ToValidUTF8(line, "?")
}
