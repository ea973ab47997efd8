package main

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/hashicorp/go-multierror"
	"github.com/stretchr/testify/require"
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
		{"done", nil, exitTemporary, 1},
		{"differences", errDiffers, exitTemporary, 1},
		{"unwell", errUnwell, exitTemporary, 1},
		{"partial", &partialError{failed: 1, total: 2}, exitPartial, 2},
		{"wrong manifest", &multierror.Error{Errors: []error{usagef("a"), usagef("b")}}, exitUsage, 3},
	} {
		r := &results{to: refusing{}}
		ui{stdout: r, stderr: io.Discard}.info("lost")
		err := r.complete(c.ended)
		require.Equal(t, c.code, exitCode(err), c.name)
		require.Len(t, flatten(err), c.errors, c.name)
		require.Len(t, flatten(r.complete(err)), c.errors, "%s: it is said once", c.name)
	}
	fine := &results{to: io.Discard}
	ui{stdout: fine, stderr: io.Discard}.info("printed")
	require.NoError(t, fine.complete(nil))
	require.Equal(t, errDiffers, fine.complete(errDiffers))
	require.True(t, errors.Is(fine.complete(errUnwell), errUnwell))
}

func TestResultsKnowTheirFile(t *testing.T) {
	require.Equal(t, os.Stdout, fileOf(&results{to: os.Stdout}))
	require.Equal(t, os.Stdout, fileOf(os.Stdout))
	require.Nil(t, fileOf(&results{to: io.Discard}))
}
