//go:build linux

package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/byhand"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
)

// TestDownOfWhatCannotBeRead: a gateway whose directory cannot be read may run on. That is an
// error.
func TestDownOfWhatCannotBeRead(t *testing.T) {
	services := []reconcile.Service{
		{Name: "gateway-a", Owned: true, Status: reconcile.Status{Supervised: true}},
		{Name: "gateway-b", Fault: errors.New("cannot read gateway-b: permission denied")},
		{Name: "gateway-c"},
	}
	ours, unread := byhand.ToStop(services)
	require.Equal(t, services[:1], ours)
	done := append([]operate.Acted{{Service: ours[0]}}, unread...)
	var out, errs bytes.Buffer
	err := ui{stdout: &out, stderr: &errs}.printActed(done, nil, byhand.Stopping(), formText)
	require.Equal(t, failure.ExitPartial, failure.ExitOf(err))
	require.Contains(t, errs.String(), "cannot stop gateway-b: cannot read gateway-b: permission denied")
	require.Contains(t, out.String(), "1 stopped, 0 unchanged")
}
