package main

import (
	"context"
	"errors"
	"fmt"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/probe"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile"
)

// The exit codes, the same for every command. They follow s6's own programs.
const (
	exitDone    = 0
	exitPartial = 1   // some gateways are not as asked: mend and run again
	exitDiffers = 2   // only where --exit-code asks for it
	exitTimeout = 99  // a wait ended by its timeout
	exitUsage   = 100 // the command line, the manifest or the place is wrong: retrying will not help
	// A system call or an s6 program failed, the lock is held, or the result could not be printed:
	// retrying may help.
	exitTemporary = 111
)

// exitMeanings are what help and the manual pages say of the exit codes.
var exitMeanings = []struct {
	code  int
	about string
}{
	{exitDone, "done; nothing is left to do"},
	{exitPartial, "part of it failed: some gateways are not as asked; fix the cause and run again"},
	{exitDiffers, "only with --exit-code of diff and apply: there are differences"},
	{exitTimeout, "timed out waiting"},
	{exitUsage, "the command line or the manifest is wrong, or there is no s6 here: retrying will not help"},
	{
		exitTemporary, "a system call or an s6 program failed, the lock is held, or the result could not be " +
			"printed: retrying may help",
	},
}

// errDiffers is how --exit-code says that there are differences. It is no failure and prints
// nothing.
var errDiffers = errors.New("there are differences")

// errDeclined is that a person was asked, and did not say yes.
var errDeclined = errors.New("nothing was changed: the answer was not yes")

// errUnwell is how doctor says that something is wrong. It has printed what.
var errUnwell = errors.New("something is wrong here")

// usagef makes an error that the user can mend. All such errors have one exit code.
func usagef(format string, args ...any) error { return usage.Errorf(format, args...) }

// partialError says that some of the changes failed. They have been printed, one by one.
type partialError struct {
	failed, total int
	timeouts      int // of the failed ones
}

func (e *partialError) Error() string {
	return fmt.Sprintf("%d of %d changes failed, %d applied", e.failed, e.total, e.total-e.failed)
}

// lateError says that gateways have not come as far as --wait asks. They have been named, one by
// one.
type lateError struct {
	level    reconcile.Level
	late     int
	hopeless int // of the late ones
}

func (e *lateError) Error() string {
	if e.late == 1 {
		return fmt.Sprintf("1 gateway is not %s", e.level)
	}
	return fmt.Sprintf("%d gateways are not %s", e.late, e.level)
}

// exitOf are the exit codes of errors by their kind. An error of none of these kinds may be gone at
// the next try.
var exitOf = map[explain.Code]int{
	explain.CodeUsage:       exitUsage,
	explain.CodeManifest:    exitUsage,
	explain.CodeNoS6:        exitUsage,
	explain.CodeNoSvscan:    exitUsage,
	explain.CodeNoRoom:      exitUsage,
	explain.CodeLongName:    exitUsage,
	explain.CodeObstacle:    exitUsage,
	explain.CodeInterrupted: exitPartial,
	explain.CodeHopeless:    exitPartial,
	explain.CodeCanary:      exitPartial,
	explain.CodeTimeout:     exitTimeout,
}

// exitCode maps an error to the code that the program ends with.
func exitCode(err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errDiffers):
		return exitDiffers
	case errors.Is(err, errUnwell), errors.Is(err, errDeclined):
		return exitPartial
	}
	kind := codeOf(err)
	if kind == explain.CodePartial || kind == explain.CodeLate {
		return exitOfPart(err)
	}
	if code, known := exitOf[kind]; known {
		return code
	}
	return exitTemporary
}

// exitOfPart is the exit code where gateways are not as asked: that of a timeout if more time may
// help each of them.
func exitOfPart(err error) int {
	var (
		partial *partialError
		late    *lateError
	)
	failed := errors.As(err, &partial) && partial.timeouts < partial.failed
	hopeless := errors.As(err, &late) && late.hopeless > 0
	if failed || hopeless {
		return exitPartial
	}
	return exitTimeout
}

// timedOut reports whether an error is that something did not happen in time.
func timedOut(err error) bool {
	var late *probe.LateError
	return reconcile.IsTimeout(err) || errors.As(err, &late) ||
		errors.Is(err, context.DeadlineExceeded)
}
