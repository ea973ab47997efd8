//go:build linux

package deploy

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
)

// TestStandstillIsNoInterruption: an operation that gives up because nothing moves has timed out,
// exit 99. One that was told to end was interrupted.
func TestStandstillIsNoInterruption(t *testing.T) {
	stopped := fmt.Errorf("s6-svscanctl: %w", context.Canceled)
	for cause, want := range map[error]error{
		context.DeadlineExceeded: context.DeadlineExceeded, context.Canceled: reconcile.ErrInterrupted,
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		require.Equal(t, want, meant(ctx, stopped))
		require.NoError(t, meant(ctx, nil))
	}
	other := errors.New("no such service")
	require.Equal(t, other, meant(t.Context(), other))
}
