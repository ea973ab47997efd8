package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile"
)

// A user who may make folders in a scandir chooses their names, and must not write lines of ours
// with them.
func TestNamesStayInTheirCells(t *testing.T) {
	r := explain.New(reconcile.Plan{Changes: []reconcile.Change{
		{Op: reconcile.Foreign, Profile: "x\nremove\ty\x1b[2J", Reasons: reconcile.Reasons{{Text: "not ours"}}},
	}}, explain.Options{})
	require.Equal(t, `foreign  x\nremove\ty\x1b[2J  not ours`+"\nno changes: 1 foreign\n", string(r.Text(false)))
}

// What could not be taken back stands on a line of its own, with or without a hint.
func TestEachErrorIsALine(t *testing.T) {
	var out bytes.Buffer
	err := errors.Join(errors.New("cannot rescan"), errors.Join(errors.New("cannot take back: a"), errors.New("cannot take back: b")))
	ui{stdout: nil, stderr: &out}.error(withHint(err, "run apply again"))
	require.Equal(t, `hermes-reconcile: error: cannot rescan
hermes-reconcile: error: cannot take back: a
hermes-reconcile: error: cannot take back: b
hermes-reconcile: hint: run apply again
`, out.String())
}
