//go:build linux

package s6ctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// commandDir is where s6-overlay keeps the s6 programs. `docker exec` does not have it on PATH.
const commandDir = "/command"

// callTimeout bounds one call of an s6 program. They write a byte to a FIFO and return: milliseconds, unless the machine
// is in trouble.
const callTimeout = 10 * time.Second

// maxCalls is how many s6 programs run at once. More would only wait for processors, and might meet a process limit.
const maxCalls = 16

// Exit codes of the s6 programs that mean "nobody listens there": 100 up to s6 2.13 and from s6-svscanctl, 102 from
// s6-svc of 2.14 and later. 100 is also "wrong usage", which a caller that builds its own arguments never sees.
const (
	exitNobody      = 100
	exitNobodyNewer = 102
)

// Scandir is a scan directory and the s6 programs that control it.
type Scandir struct {
	path      string
	svscanctl string
	svc       string
	missing   error // why the programs cannot be run
	calls     chan struct{}
	timeout   time.Duration // of one call

	supervisors supervisors
}

// Open prepares to control the scandir at path. Looking at it needs no program; Installed tells whether acting will work.
func Open(path string) *Scandir {
	s := &Scandir{path: path, calls: make(chan struct{}, maxCalls), timeout: callTimeout}
	if s.svscanctl, s.missing = find("s6-svscanctl"); s.missing == nil {
		s.svc, s.missing = find("s6-svc")
	}
	return s
}

// Installed is nil if the programs of s6 are there, else it wraps ErrNotInstalled.
func (s *Scandir) Installed() error { return s.missing }

// Folder is where the programs of s6 are, as far as they are.
func (s *Scandir) Folder() string { return filepath.Dir(s.svc) }

// find returns the absolute path of an s6 program: in /command, else on PATH.
func find(name string) (string, error) {
	if p, err := exec.LookPath(filepath.Join(commandDir, name)); err == nil {
		return p, nil
	}
	p, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: cannot find %s in %s or on PATH", ErrNotInstalled, name, commandDir)
	}
	return filepath.Abs(p)
}

// Rescan asks s6-svscan to look for new service directories and, with prune, to stop the services whose directories are
// gone. It returns when the request is handed over, not when it is carried out: s6-svscan acknowledges nothing.
func (s *Scandir) Rescan(ctx context.Context, prune bool) error {
	flag := "-a"
	if prune {
		flag = "-an"
	}
	err := s.run(ctx, s.svscanctl, flag, s.path)
	if code := exitCode(err); code == exitNobody {
		return ErrNotListening
	}
	return err
}

// Control sends s6-svc's command letters to the service in dir, a path relative to the scandir.
func (s *Scandir) Control(ctx context.Context, dir, letters string) error {
	err := s.run(ctx, s.svc, "-"+letters, filepath.Join(s.path, dir))
	if code := exitCode(err); code == exitNobody || code == exitNobodyNewer {
		return ErrNotSupervised
	}
	return err
}

func (s *Scandir) run(ctx context.Context, program string, args ...string) error {
	if s.missing != nil {
		return s.missing
	}
	s.calls <- struct{}{}
	defer func() { <-s.calls }()
	if err := ctx.Err(); err != nil {
		return err
	}
	// What has begun is not cut short: nobody could tell whether the command had reached its service.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = time.Second // a killed program's own children must not keep us waiting on its stderr
	// If we are killed, a command on its way must not reach its service after the next apply has begun. The kernel sends
	// this when the thread ends that started the program, so this goroutine keeps its thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	what := strings.Join(append([]string{filepath.Base(program)}, args...), " ")
	if text := firstLine(stderr.Bytes()); text != "" {
		return fmt.Errorf("cannot run %q: %w (%s)", what, err, text)
	}
	return fmt.Errorf("cannot run %q: %w", what, err)
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

// exitCode is the code that a program of ours ended with, or -1 if it did not get that far.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}
