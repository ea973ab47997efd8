package usage

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestErrorsKeepTheirCause: a hint or a kind added on the way takes nothing away from an error.
func TestErrorsKeepTheirCause(t *testing.T) {
	err := fmt.Errorf("cannot start: %w", WithHint(Errorf("no file: %w", fs.ErrNotExist), "make %s", "it"))
	require.EqualError(t, err, "cannot start: no file: file does not exist")
	require.ErrorIs(t, err, fs.ErrNotExist)
	var wrong *Error
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "make it", HintOf(err))
	require.Empty(t, HintOf(errors.New("without")))
	require.Empty(t, HintOf(nil))
}
