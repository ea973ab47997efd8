package failure

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/usage"
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
		{&Partial{Failed: 1, Total: 2}, 1},
		{&Partial{Failed: 1, Total: 2, Timeouts: 1}, 99},
		{usage.WithHint(&Partial{Failed: 2, Total: 2, Timeouts: 1}, "again"), 1},
		{ErrDiffers, 2},
		{fmt.Errorf("x: %w", timeout), 99},
		{usage.Errorf("wrong"), 100},
		{fmt.Errorf("x: %w", s6ctl.ErrNotInstalled), 100},
		{usage.WithHint(s6ctl.ErrNotListening, "start it"), 100},
		{&reconcile.LockedError{}, 111},
		{io.ErrShortWrite, 111},
		{errors.Join(io.EOF, io.ErrShortWrite), 111},
	} {
		require.Equal(t, c.want, ExitOf(c.err), "%v", c.err)
	}
}
