package explain

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/changes"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/placed"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// FuzzReport: whatever stands in a plan, no form of the report, of a diagnosis or of a status hides
// a part of it.
func FuzzReport(f *testing.F) {
	f.Add("x\u202e\u2066\u200b\u2028\ufeff\u00ad\u061c\u180e\U000e0041\ufe0f\u3164\u009b\x1b\x7fz", "a\u202eb\n")
	f.Add("\xff\x9b31m\xe2\x80@\u200bteam", "@\xff\n\r\n")
	f.Add("`|<b>\n```\n::error::", "```\n````\n\t")
	f.Fuzz(func(t *testing.T, name, content string) {
		before, after := &reconcile.File{Data: render.Text([]byte(content)), Mode: 0o755}, &reconcile.File{Data: render.Text([]byte(name)), Mode: 0o644}
		files := []reconcile.FileChange{{Path: name, Before: before, After: after}, {Path: "run", Before: before}, {Path: "finish", After: after}}
		plan := reconcile.Plan{
			Changes: []reconcile.Change{
				{Op: reconcile.Update, Service: "gateway-" + name, Profile: name, Reasons: reconcile.Reasons{{Text: name}, {Text: content}}, Files: files, Await: []string{name}},
				{Op: reconcile.Create, Service: "gateway-" + content, Profile: content, Files: files},
			},
			Leftovers: []reconcile.Hidden{{Name: name}},
		}
		place := Place{File: name, Line: 1}
		r := New(plan, Options{
			Places: map[string]Place{name: place}, Manifest: content, Unknown: []string{name}, Diffs: true,
			Changes: told{"gateway-" + name: {
				Known: true, Rendered: []string{name}, RenamedFrom: content, RenamedTo: name, Changes: []changes.Change{
					{Key: "env." + name, Before: content, After: name, Place: manifest.Position{File: content, Line: 1}},
					{Key: "command", Before: []string{name, content}, After: []string{content}, Origin: placed.OriginDefaults},
				},
			}},
			Place: func(p manifest.Position, _ bool) Place { return Place{p.File, p.Line, p.Column} },
		})
		r.Finish(reconcile.Result{Notes: []reconcile.Note{{Code: reconcile.NoteRescanned, Text: name}}, Outcomes: []reconcile.Outcome{{Change: plan.Changes[0], Err: errors.New(content)}}})
		r.finished = false // with leftovers
		r.Late("gateway-"+content, name)
		status := Status{Scandir: name, Gateways: []Gateway{{Profile: name, Service: content, State: name, Drift: []string{content}}}}
		d := NewDiagnosis(name, []Finding{{Check: name, Level: LevelError, Object: content, Found: name, Hint: content}})
		for form, text := range map[string]string{
			"text": string(r.Text(false)), "diffs": diffsOf(t, &r), "markdown": string(r.Markdown(CommentLimit)), "cut markdown": string(r.Markdown(2000)),
			"github": string(r.GitHub()), "annotation": Annotation("error", &place, name, content), "failure": string(Failure([]string{name, content}, CommentLimit)),
			"doctor": string(d.Text()), "json": document(t, func() ([]byte, error) {
				var b bytes.Buffer
				err := r.WriteJSON(&b)
				return b.Bytes(), err
			}), "status json": document(t, status.JSON), "doctor json": document(t, d.JSON),
		} {
			require.True(t, utf8.ValidString(text), "%s: %q", form, text)
			at := strings.IndexFunc(text, func(c rune) bool { return visible.Hidden(c) && c != '\n' && c != '\t' })
			require.Negative(t, at, "%s: %q", form, text[max(at, 0):])
		}
	})
}

// told are changes by service.
type told map[string]changes.Profile

func (t told) Profile(service string) changes.Profile { return t[service] }

func document(t *testing.T, form func() ([]byte, error)) string {
	t.Helper()
	text, err := form()
	require.NoError(t, err)
	require.True(t, json.Valid(text), "%q", text)
	return string(text)
}

// A file that a marker names is shown in one line, with any characters in its name.
func TestNameOfAFileStaysInItsLine(t *testing.T) {
	const path = "data/x\n+++ new/gateway-b/run\n@everyone"
	r := New(reconcile.Plan{Changes: []reconcile.Change{{
		Op: reconcile.Update, Service: "gateway-a", Profile: "a", Files: []reconcile.FileChange{{Path: path, Before: &reconcile.File{Data: render.Text([]byte("a\n"))}}},
	}}}, Options{Diffs: true})
	require.Contains(t, diffsOf(t, &r), `--- scandir/gateway-a/data/x\n+++ new/gateway-b/run\n@everyone`+"\n+++ /dev/null\n")
	require.Contains(t, string(r.Markdown(CommentLimit)), `<code>gateway-a/data/x\n+++ new/gateway-b/run\n@everyone</code>`)
}
