//go:build linux

package main

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
)

func TestEqualErrorsAreOneLineWithACount(t *testing.T) {
	var out bytes.Buffer
	u := ui{stdout: &out, stderr: &out}
	var all []complaint
	for i := range 97 {
		all = append(all, complaint{verb: "create", service: fmt.Sprintf("gateway-p%02d", i), why: "not supervised: timed out after 15s"})
	}
	all = append(all,
		complaint{verb: "remove", service: "gateway-a", why: "timed out after 15s waiting for gateway-a to stop"},
		complaint{verb: "remove", service: "gateway-b", why: "timed out after 15.1s waiting for gateway-b to stop"},
		complaint{verb: "update", service: "gateway-c", why: "timed out after 15s waiting for gateway-c to stop"})
	u.complain(all)
	require.Equal(t, `hermes-reconcile: error: cannot create 97 gateways: not supervised: timed out after 15s: gateway-p00, gateway-p01, gateway-p02 and 94 more
hermes-reconcile: error: cannot remove 2 gateways: timed out after 15s waiting for gateway-NAME to stop: gateway-a, gateway-b
hermes-reconcile: error: cannot update gateway-c: timed out after 15s waiting for gateway-c to stop
`, out.String())
}

func TestEqualLatenessIsOneLineWithACount(t *testing.T) {
	var out bytes.Buffer
	u := ui{stdout: &out, stderr: &out}
	u.complain([]complaint{
		{service: "gateway-a", why: "not ready after 1m15s: up (pid 3), http://127.0.0.1:9201/: refused", hint: "see its log in /logs/a/current"},
		{service: "gateway-b", why: "not ready after 1m15s: up (pid 4), http://127.0.0.1:9202/: refused", hint: "see its log in /logs/b/current"},
		{service: "gateway-c", why: "not ready: ended (exited 78)", hint: "see its log in /logs/c/current"},
	})
	require.Equal(t, `hermes-reconcile: error: 2 gateways: not ready after 1m15s: up (pid N), http://127.0.0.1:PORT/: refused: gateway-a, gateway-b
hermes-reconcile: hint: see its log in /logs/NAME/current
hermes-reconcile: error: gateway-c: not ready: ended (exited 78)
hermes-reconcile: hint: see its log in /logs/c/current
`, out.String())
}

func TestEqualWarningsAreOneLineWithACount(t *testing.T) {
	var out bytes.Buffer
	u := ui{stdout: &out, stderr: &out}
	u.warnings([]reconcile.Note{
		{Code: reconcile.NoteKilled, Text: "gateway-a did not stop within 3s: killed"},
		{Code: reconcile.NoteRescanned, Text: "rescanned once more"},
		{Code: reconcile.NoteKilled, Text: "gateway-b did not stop within 3s: killed"},
		{Text: "gateway-c is odd"},
	})
	require.Equal(t, `hermes-reconcile: warning: gateway-NAME did not stop within 3s: killed (2 gateways: gateway-a, gateway-b)
hermes-reconcile: warning: rescanned once more
hermes-reconcile: warning: gateway-c is odd
`, out.String())
}

// TestWhatFailedTwiceIsOneLine: a restart is a stop and a start, and each may fail.
func TestWhatFailedTwiceIsOneLine(t *testing.T) {
	var out bytes.Buffer
	ui{stderr: &out}.complain([]complaint{{verb: "restart", service: "gateway-a", why: "cannot stop\ncannot start"}})
	require.Equal(t, "hermes-reconcile: error: cannot restart gateway-a: cannot stop; cannot start\n", out.String())
}
