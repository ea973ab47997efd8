//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/pace"
)

// TestDiagnosisIsAsItsSchemaSays, with the findings of the machine that the tests run on.
func TestDiagnosisIsAsItsSchemaSays(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "good.yaml", "version: 1\nprofiles: {a: {port: 9201, secrets: {T: /nowhere}}, b: {user: no-such-account}}\n")
	write(t, "bad.yaml", "version: 2\n")
	for _, args := range [][]string{{}, {"-f", "good.yaml"}, {"-f", "bad.yaml"}, {"--scandir", "."}, {"--scandir", ".", "-f", "good.yaml"}} {
		got := hermes(append([]string{"doctor", "-o", "json"}, args...)...)
		require.Empty(t, got.stderr)
		requireSchema(t, compile(explain.DoctorSchema), got.stdout)
		var d explain.Diagnosis
		require.NoError(t, json.Unmarshal([]byte(got.stdout), &d))
		require.Positive(t, d.Errors, "no s6-svscan runs here: %v", d)
		require.Equal(t, failure.ExitPartial, got.code)
	}
}

// TestLookThatFails: neither a panic nor a disk that hangs keeps the doctor from the rest.
func TestLookThatFails(t *testing.T) {
	_, err := pace.WithinLimit(t.Context(), func() (int, error) { panic("ouch") })
	require.ErrorContains(t, err, "internal fault: ouch")
	n, err := pace.WithinLimit(t.Context(), func() (int, error) { return 7, errors.New("why") })
	require.Equal(t, 7, n)
	require.EqualError(t, err, "why")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	hangs := make(chan struct{})
	defer close(hangs)
	_, err = pace.WithinLimit(ctx, func() (int, error) { <-hangs; return 0, nil })
	require.ErrorIs(t, err, reconcile.ErrInterrupted)
}
