package reconcile

import (
	"errors"
	"fmt"
	"time"
)

// TimeoutError says that something did not happen in time.
type TimeoutError struct {
	What  string // was waited for
	After time.Duration
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("timed out after %s waiting for %s", e.After.Round(100*time.Millisecond),
		e.What)
}

// IsTimeout reports whether an error is that something did not happen in time.
func IsTimeout(err error) bool {
	var timeout *TimeoutError
	return errors.As(err, &timeout)
}

// HopelessError says that a gateway will not come, however long one waits.
type HopelessError struct{ Look Look }

func (e *HopelessError) Error() string { return "it is not up: " + e.Look.Say() }

// ErrInterrupted says that the user wanted no more.
var ErrInterrupted = errors.New("interrupted")

// ErrStale says that the scandir has changed since the plan was made. All has been taken back: plan
// again.
var ErrStale = errors.New("the plan no longer fits")

// LockedError says that another apply holds the scandir.
type LockedError struct {
	Path string
	PID  int // of the holder; 0 if it is not known
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%q is held by another apply", e.Path)
	}
	return fmt.Sprintf("%q is held by another apply (pid %d)", e.Path, e.PID)
}

// RoomError says that s6-svscan cannot take what a plan adds. A scan that meets one service too
// many does nothing at all in s6 2.12 and later, not even for the services that have room.
type RoomError struct {
	Limit      string // what it is that has no room
	Have, More int
}

func (e *RoomError) Error() string {
	return fmt.Sprintf("no room: %s; %d are there, and %d more are needed", e.Limit, e.Have, e.More)
}

// NameError says that s6-svscan would ignore a service for the length of its name.
type NameError struct {
	Service string
	Max     int
}

func (e *NameError) Error() string {
	return fmt.Sprintf("%s: its name has %d bytes, and this s6-svscan ignores names over %d",
		e.Service, len(e.Service), e.Max)
}

// ObstacleError says that something stands where a service directory should be.
type ObstacleError struct{ Err error }

func (e *ObstacleError) Error() string { return e.Err.Error() }
func (e *ObstacleError) Unwrap() error { return e.Err }
