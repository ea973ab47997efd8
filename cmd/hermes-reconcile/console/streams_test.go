package console

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/hashicorp/go-multierror"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
)

// refusing is a writer that takes nothing.
type refusing struct{}

func (refusing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// What could not be printed is added to what else was wrong, once, and replaces an answer that
// no program could read.
func TestUnprintedResultsChangeTheExitCode(t *testing.T) {
	for _, c := range []struct {
		name   string
		ended  error
		code   int
		errors int
	}{
		{"done", nil, failure.ExitTemporary, 1},
		{"differences", failure.ErrDiffers, failure.ExitTemporary, 1},
		{"unwell", failure.ErrUnwell, failure.ExitTemporary, 1},
		{"partial", &failure.Partial{Failed: 1, Total: 2}, failure.ExitPartial, 2},
		{"wrong manifest", &multierror.Error{Errors: []error{usage.Errorf("a"), usage.Errorf("b")}}, failure.ExitUsage, 3},
	} {
		r := &results{to: refusing{}}
		_, _ = io.WriteString(r, "lost")
		err := r.Complete(c.ended)
		require.Equal(t, c.code, failure.ExitOf(err), c.name)
		require.Len(t, failure.Flatten(err), c.errors, c.name)
		require.Len(t, failure.Flatten(r.Complete(err)), c.errors, "%s: it is said once", c.name)
	}
	fine := &results{to: io.Discard}
	_, _ = io.WriteString(fine, "printed")
	require.NoError(t, fine.Complete(nil))
	require.Equal(t, failure.ErrDiffers, fine.Complete(failure.ErrDiffers))
	require.True(t, errors.Is(fine.Complete(failure.ErrUnwell), failure.ErrUnwell))
}

func TestResultsKnowTheirFile(t *testing.T) {
	require.Equal(t, os.Stdout, FileOf(&results{to: os.Stdout}))
	require.Equal(t, os.Stdout, FileOf(os.Stdout))
	require.Nil(t, FileOf(&results{to: io.Discard}))
}
