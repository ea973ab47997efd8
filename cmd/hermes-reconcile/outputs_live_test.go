//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/loglines"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
)

// TestOperationsPrintJSON: the document has what failed, too, and each failure is an error besides.
func TestOperationsPrintJSON(t *testing.T) {
	var out, errs bytes.Buffer
	service := func(name string) reconcile.Service { return reconcile.Service{Name: "gateway-" + name} }
	err := ui{stdout: &out, stderr: &errs, json: true}.acted([]operate.Acted{
		{Service: service("a")},
		{Service: service("b"), Already: true},
		{Service: service("c"), Err: withHint(&reconcile.TimeoutError{What: "c", After: time.Second}, "look")},
		{Service: service("d"), Err: errors.New("broken")},
	}, []reconcile.Note{{Code: reconcile.NoteKilled, Text: "odd"}}, stopping(), formJSON)
	require.Equal(t, exitPartial, exitCode(err))
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

// TestLinesOfLogsAsJSON: an object a line, with the time apart from the text.
func TestLinesOfLogsAsJSON(t *testing.T) {
	var out bytes.Buffer
	l := &mergedLogs{
		logs: []wantedLog{{profile: "a"}, {profile: "b"}}, lines: home.AllLines, objects: true, prefix: true,
		out: bufio.NewWriter(&out),
	}
	at := time.Date(2026, 11, 28, 8, 1, 2, 5, time.UTC)
	require.NoError(t, l.take([]loglines.Line{
		{Log: 0, Text: []byte("early \x1b[2J \xff")},
		{Log: 1, Time: at, Text: []byte("2026-11-28 08:01:02.000000005    at <main>")},
		{Log: 1, Time: at, Text: []byte("@400000006a00000000000001 one")},
	}))
	require.NoError(t, l.out.Flush())
	var got []explain.LogLine
	for line := range strings.Lines(out.String()) {
		var one explain.LogLine
		readAs(t, "log", line, &one)
		got = append(got, one)
	}
	const when = "2026-11-28T08:01:02.000000005Z"
	require.Equal(t, []explain.LogLine{
		{Profile: "a", Text: "early \x1b[2J \ufffd"},
		{Profile: "b", Time: when, Text: "  at <main>"},
		{Profile: "b", Time: when, Text: "one"},
	}, got)
}
