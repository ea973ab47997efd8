//go:build linux

package main

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/logbook"
	"hermes-reconcile/manifest"
)

// liveCalls are commands that look at a scandir, at one with what others have made.
func liveCalls(scandir, manifest string) [][]string {
	var calls [][]string
	for _, args := range [][]string{
		{"status"}, {"status", "-o", "json"}, {"status", trick}, {"doctor", "-f", manifest}, {"doctor", "-f", manifest, "-o", "json"}, {"diff", "-f", manifest},
		{"logs", trick}, {"start", trick}, {"stop", "--all"}, {"apply", "-f", manifest}, {"apply", "-f", manifest, "--no-rescan", "--dry-run"},
		{"apply", "--wait", trick}, {"down", "--timeout", "0s"},
	} {
		calls = append(calls, append(args, "--scandir", scandir))
	}
	return calls
}

// FuzzMessages: no line that is printed or logged hides a part of a message.
func FuzzMessages(f *testing.F) {
	f.Add(trick)
	f.Add("\xff\x9b31m\xe2\x80")
	f.Add("=\"\\\n level=INFO")
	f.Fuzz(func(t *testing.T, text string) {
		var out bytes.Buffer
		u := ui{stdout: &out, stderr: &out}
		u.info("%s", text)
		u.warning(explain.WarnHome, "%s", text)
		u.hint("%s", text)
		u.error(errors.New(text))
		u.error(withHint(&manifest.Error{Pos: manifest.Position{File: text, Line: 1, Column: 1}, Path: text, Msg: text}, "%s", text))
		u.table([]string{explain.Cells(text, "b"), "a\t" + text})
		for _, form := range []string{logbook.Logfmt, formJSON} {
			log := logbook.New(&out, form)
			log.Info(text, "key", text, slog.Any("err", errors.New(text)))
			log.Info("list", "names", []string{text})
		}
		requireNothingHidden(t, "a message", out.String())
	})
}
