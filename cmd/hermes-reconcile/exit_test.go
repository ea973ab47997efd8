package main

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl"
)

func TestExitCodes(t *testing.T) {
	timeout := &reconcile.TimeoutError{What: "x", After: time.Second}
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{&partialError{failed: 1, total: 2}, 1},
		{&partialError{failed: 1, total: 2, timeouts: 1}, 99},
		{withHint(&partialError{failed: 2, total: 2, timeouts: 1}, "again"), 1},
		{errDiffers, 2},
		{fmt.Errorf("x: %w", timeout), 99},
		{usagef("wrong"), 100},
		{fmt.Errorf("x: %w", s6ctl.ErrNotInstalled), 100},
		{withHint(s6ctl.ErrNotListening, "start it"), 100},
		{&reconcile.LockedError{}, 111},
		{io.ErrShortWrite, 111},
		{errors.Join(io.EOF, io.ErrShortWrite), 111},
	} {
		require.Equal(t, c.want, exitCode(c.err), "%v", c.err)
	}
}
