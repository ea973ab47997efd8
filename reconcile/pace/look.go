//go:build linux

package pace

import (
	"context"
	"fmt"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/fault"
)

// lookLimit is how long one look may take: more than a call of an s6 program, or a question to a
// disk, may.
const lookLimit = 15 * time.Second

// WithinLimit gives what a look gives. One that takes too long is left to itself, since a disk that
// hangs must not hang us: the look must do no harm when it ends later. A panic in it is an error.
func WithinLimit[T any](ctx context.Context, look func() (T, error)) (T, error) {
	type answer struct {
		seen T
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		var s answer
		defer func() { done <- s }()
		defer fault.Recover(&s.err)
		s.seen, s.err = look()
	}()
	var none T
	select {
	case s := <-done:
		return s.seen, s.err
	case <-ctx.Done():
		return none, reconcile.ErrInterrupted
	case <-time.After(lookLimit):
		return none, fmt.Errorf("no answer within %s", lookLimit)
	}
}
