package failure

import (
	"context"
	"errors"
	"fmt"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/probe"
	"hermes-reconcile/reconcile"
)

// The exit codes, the same for every command. They follow s6's own programs.
const (
	ExitDone    = 0
	ExitPartial = 1   // some gateways are not as asked: mend and run again
	ExitDiffers = 2   // only where --exit-code asks for it
	ExitTimeout = 99  // a wait ended by its timeout
	ExitUsage   = 100 // the command line, the manifest or the place is wrong: retrying will not help
	// A system call or an s6 program failed, the lock is held, or the result could not be printed:
	// retrying may help.
	ExitTemporary = 111
)

// Meanings are what help and the manual pages say of the exit codes.
var Meanings = []struct {
	Code  int
	About string
}{
	{ExitDone, "done; nothing is left to do"},
	{ExitPartial, "part of it failed: some gateways are not as asked; fix the cause and run again"},
	{ExitDiffers, "only with --exit-code of diff and apply: there are differences"},
	{ExitTimeout, "timed out waiting"},
	{ExitUsage, "the command line or the manifest is wrong, or there is no s6 here: retrying will not help"},
	{
		ExitTemporary, "a system call or an s6 program failed, the lock is held, or the result could not be " +
			"printed: retrying may help",
	},
}

// ErrDiffers is how --exit-code says that there are differences. It is no failure and prints
// nothing.
var ErrDiffers = errors.New("there are differences")

// ErrDeclined is that a person was asked, and did not say yes.
var ErrDeclined = errors.New("nothing was changed: the answer was not yes")

// ErrUnwell is how doctor says that something is wrong. It has printed what.
var ErrUnwell = errors.New("something is wrong here")

// Partial says that some of the changes failed. They have been printed, one by one.
type Partial struct {
	Failed, Total int
	Timeouts      int // of the failed ones
	Complaints    []Complaint
}

func (e *Partial) Error() string {
	return fmt.Sprintf("%d of %d changes failed, %d applied", e.Failed, e.Total, e.Total-e.Failed)
}

// Add counts a change of a service that failed. Timeouts are counted apart, since the exit code
// tells of them.
func (e *Partial) Add(verb, service string, err error) {
	e.Complaints = append(e.Complaints, ComplaintOf(verb, service, err))
	e.Failed++
	if TimedOut(err) {
		e.Timeouts++
	}
}

// Late says that gateways have not come as far as --wait asks. They have been named, one by
// one.
type Late struct {
	Level    reconcile.Level
	Count    int
	Hopeless int // of the late ones
}

func (e *Late) Error() string {
	if e.Count == 1 {
		return fmt.Sprintf("1 gateway is not %s", e.Level)
	}
	return fmt.Sprintf("%d gateways are not %s", e.Count, e.Level)
}

// exits are the exit codes of errors by their kind. An error of none of these kinds may be gone at
// the next try.
var exits = map[explain.Code]int{
	explain.CodeUsage:       ExitUsage,
	explain.CodeManifest:    ExitUsage,
	explain.CodeNoS6:        ExitUsage,
	explain.CodeNoSvscan:    ExitUsage,
	explain.CodeNoRoom:      ExitUsage,
	explain.CodeLongName:    ExitUsage,
	explain.CodeObstacle:    ExitUsage,
	explain.CodeInterrupted: ExitPartial,
	explain.CodeHopeless:    ExitPartial,
	explain.CodeCanary:      ExitPartial,
	explain.CodeTimeout:     ExitTimeout,
}

// ExitOf maps an error to the code that the program ends with.
func ExitOf(err error) int {
	switch {
	case err == nil:
		return ExitDone
	case errors.Is(err, ErrDiffers):
		return ExitDiffers
	case errors.Is(err, ErrUnwell), errors.Is(err, ErrDeclined):
		return ExitPartial
	}
	kind := CodeOf(err)
	if kind == explain.CodePartial || kind == explain.CodeLate {
		return exitOfPart(err)
	}
	if code, known := exits[kind]; known {
		return code
	}
	return ExitTemporary
}

// exitOfPart is the exit code where gateways are not as asked: that of a timeout if more time may
// help each of them.
func exitOfPart(err error) int {
	var (
		partial *Partial
		late    *Late
	)
	failed := errors.As(err, &partial) && partial.Timeouts < partial.Failed
	hopeless := errors.As(err, &late) && late.Hopeless > 0
	if failed || hopeless {
		return ExitPartial
	}
	return ExitTimeout
}

// TimedOut reports whether an error is that something did not happen in time.
func TimedOut(err error) bool {
	var late *probe.LateError
	return reconcile.IsTimeout(err) || errors.As(err, &late) ||
		errors.Is(err, context.DeadlineExceeded)
}

// Unprinted is that a result could not be printed.
type Unprinted struct{ Err error }

func (e *Unprinted) Error() string { return fmt.Sprintf("cannot print the result: %v", e.Err) }
func (e *Unprinted) Unwrap() error { return e.Err }
