//go:build linux

package main

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/byhand"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
)

// TestOperationsPrintJSON: the document has what failed, too, and each failure is an error besides.
func TestOperationsPrintJSON(t *testing.T) {
	var out, errs bytes.Buffer
	service := func(name string) reconcile.Service { return reconcile.Service{Name: "gateway-" + name} }
	err := ui{stdout: &out, stderr: &errs, json: true}.printActed([]operate.Acted{
		{Service: service("a")},
		{Service: service("b"), Already: true},
		{Service: service("c"), Err: withHint(&reconcile.TimeoutError{What: "c", After: time.Second}, "look")},
		{Service: service("d"), Err: errors.New("broken")},
	}, []reconcile.Note{{Code: reconcile.NoteKilled, Text: "odd"}}, byhand.Stopping(), formJSON)
	require.Equal(t, failure.ExitPartial, failure.ExitOf(err))
	var doc explain.Operation
	readAs(t, "operation", out.String(), &doc)
	require.Equal(t, explain.Operation{
		Format: 1, Action: "stop", Done: 1, Unchanged: 1, Failed: 2, Notes: []string{"odd"},
		NoteCodes: []reconcile.NoteCode{"killed"},
		Gateways: []explain.Operated{
			{Profile: "a", Service: "gateway-a", Result: "done"},
			{Profile: "b", Service: "gateway-b", Result: "unchanged"},
			{Profile: "c", Service: "gateway-c", Result: "failed", Code: "timeout", Error: "timed out after 1s waiting for c", Hint: "look"},
			{Profile: "d", Service: "gateway-d", Result: "failed", Code: "failed", Error: "broken"},
		},
	}, doc)
	require.Equal(t, []explain.Message{
		{Level: "warning", Code: "killed", Text: "odd"},
		{Level: "error", Code: "timeout", Text: "cannot stop gateway-c: timed out after 1s waiting for c", Hint: "look"},
		{Level: "error", Code: "failed", Text: "cannot stop gateway-d: broken"},
	}, messagesOf(t, errs.String()))
}
