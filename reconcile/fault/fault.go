// Package fault makes errors of panics, so that a mistake of ours in the work on one gateway, or in
// one look, leaves the others as they should be.
package fault

import (
	"fmt"
	"runtime/debug"
)

// Recover sets err if its caller panics. It has to be deferred itself.
func Recover(err *error) {
	if r := recover(); r != nil {
		*err = Error(r)
	}
}

// Guard calls f, and returns its error, or one that says that it panicked.
func Guard(f func() error) (err error) {
	defer Recover(&err)
	return f()
}

// Error is the error that a recovered panic makes: with the stack, since only a mistake in the
// program leads to one.
func Error(recovered any) error {
	return fmt.Errorf("internal fault: %v\n%s", recovered, debug.Stack())
}
