package fault

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGuard(t *testing.T) {
	require.NoError(t, Guard(func() error { return nil }))
	failed := errors.New("failed")
	require.Equal(t, failed, Guard(func() error { return failed }))
	err := Guard(func() error { panic("impossible") })
	require.ErrorContains(t, err, "internal fault: impossible\n")
	require.ErrorContains(t, err, "TestGuard", "the stack")
}
