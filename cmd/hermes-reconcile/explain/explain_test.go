package explain

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// plan creates n gateways, with scripts that hold something.
func plan(t testing.TB, n int, value string) reconcile.Plan {
	t.Helper()
	m := &manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: "/h"}
	for i := range n {
		m.Profiles = append(m.Profiles, manifest.Profile{
			Name: fmt.Sprintf("p%04d", i), Command: []string{"hermes"}, Env: []manifest.EnvVar{{Name: "NOTE", Value: value}},
		})
	}
	dirs, err := render.All(m)
	require.NoError(t, err)
	p, err := reconcile.Diff(dirs, reconcile.Actual{}, reconcile.PruneOwned)
	require.NoError(t, err)
	return p
}

// BenchmarkReport makes a report of a thousand new gateways, and writes it.
func BenchmarkReport(b *testing.B) {
	p := plan(b, 1000, "x")
	for form, write := range map[string]func(*Report) int{
		"text":     func(r *Report) int { return len(r.Text(false)) },
		"markdown": func(r *Report) int { return len(r.Markdown(1 << 30)) },
		"json": func(r *Report) int {
			var out bytes.Buffer
			require.NoError(b, r.WriteJSON(&out))
			return out.Len()
		},
	} {
		b.Run(form, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := New(p, Options{Diffs: true})
				require.NotZero(b, write(&r))
			}
		})
	}
}

func TestMarkdownIsCutToItsLimit(t *testing.T) {
	for _, n := range []int{0, 1, 3, 20, 500} {
		r := New(plan(t, n, "é"), Options{Diffs: true, Unknown: []string{"this", "that"}})
		whole := r.Markdown(1 << 30)
		require.NotContains(t, string(whole), "> Cut to")
		require.Equal(t, 2*n, strings.Count(string(whole), "<details>"))
		for _, limit := range []int{2000, 5000, 20_000, CommentLimit} {
			got := string(r.Markdown(limit))
			require.LessOrEqual(t, len(got), limit)
			require.True(t, utf8.ValidString(got))
			rows, diffs := strings.Count(got, "\n| `p"), strings.Count(got, "<details>")
			require.Equal(t, diffs, strings.Count(got, "</details>"))
			require.Equal(t, rows+2*diffs < n+4*n, strings.Contains(got, "> Cut to"), "%d of %d bytes", len(got), limit)
			if rows < n {
				require.Contains(t, got, fmt.Sprintf("%d row", n-rows))
				require.Zero(t, diffs, "the table goes first")
			}
			if diffs < 2*n {
				require.Contains(t, got, fmt.Sprintf("%d diff", 2*n-diffs))
				require.Contains(t, got, "gateway-p", "what was cut is named")
			}
			require.True(t, strings.HasSuffix(got, "<sub>Not known without a live scandir: this, that.</sub>\n"))
		}
	}
}

func TestOneLongDiffLeavesRoomForTheOthers(t *testing.T) {
	p := plan(t, 3, "x")
	long := *p.Changes[1].Files[0].After
	long.Data = render.Text([]byte(strings.Repeat("long\n", CommentLimit)))
	for i, f := range p.Changes[1].Files {
		if f.Path == "run" {
			p.Changes[1].Files[i].After = &long
		}
	}
	r := New(p, Options{Diffs: true})
	got := string(r.Markdown(CommentLimit))
	require.Equal(t, 5, strings.Count(got, "<details>"))
	require.Contains(t, got, "> Cut to 65536 bytes: 1 diff (gateway-p0001/run) left out.")
}

func TestMarkdownTakesNoOrdersFromWhatItShows(t *testing.T) {
	r := New(plan(t, 1, "\n```\n</details><script>\n````\n@everyone"), Options{Diffs: true})
	r.Profiles[0].Reasons = []string{"<b>|`x`*_[a](b)\n@team \x1b[31m#1"}
	got := string(r.Markdown(CommentLimit))
	require.Contains(t, got, "| &lt;b&gt;\\|\\`x\\`\\*\\_\\[a\\](b) @&#8203;team \\\\x1b\\[31m\\#1 |\n")
	require.Contains(t, got, "\n`````diff\n")
	require.NotContains(t, got, "\x1b")
}

// A name in a scandir may be anything that a file's name may be.
func TestNamesInAScandirStayInTheirCells(t *testing.T) {
	r := New(reconcile.Plan{Changes: []reconcile.Change{
		{Op: reconcile.Foreign, Profile: "x`|\n<b>@a\x1b", Reasons: reconcile.Reasons{{Text: "not ours"}}},
		{Op: reconcile.Remove, Profile: "y`\n::error::z", Reasons: reconcile.Reasons{{Text: "not in the manifest"}}},
	}}, Options{})
	got := string(r.Markdown(CommentLimit))
	require.Contains(t, got, "\n| x\\`\\| &lt;b&gt;@&#8203;a\\\\x1b | foreign | no | not ours |\n| y\\` ::error::z | remove |")
	require.Equal(t, "::notice title=hermes-reconcile::remove y`%0A::error::z: not in the manifest\n1 to remove, 1 foreign\n", string(r.GitHub()))
}

// The note of what was cut has room for names that escapes make longer.
func TestLongNamesFitTheNote(t *testing.T) {
	p := plan(t, 20, strings.Repeat("x", 3000))
	for i := range p.Changes {
		p.Changes[i].Service = "gateway-" + strings.Repeat("_", 200)
	}
	r := New(p, Options{Diffs: true})
	for _, limit := range []int{3000, 5000, 9000} {
		require.LessOrEqual(t, len(r.Markdown(limit)), limit)
	}
}

func TestAnnotation(t *testing.T) {
	for _, c := range []struct {
		name, level string
		place       *Place
		title, text string
		want        string
	}{
		{"no place", "error", nil, "t", "m", "::error title=t::m\n"},
		{
			"a place", "notice", &Place{"a.yaml", 3, 5}, "t", "m",
			"::notice file=a.yaml,line=3,col=5,title=t::m\n",
		},
		{
			"escapes", "error", &Place{"a:,%.yaml", 1, 0}, "a:b", "50%: x, y\nz\r\x1b",
			"::error file=a%3A%2C%25.yaml,line=1,title=a%3Ab::50%25: x, y%0Az\\x0d\\x1b\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, Annotation(c.level, c.place, c.title, c.text))
		})
	}
}

func TestFailure(t *testing.T) {
	require.Equal(t, "### hermes-reconcile: the plan cannot be made\n\n```text\na\nb\n```\n", string(Failure([]string{"a", "b"}, CommentLimit)))
	long := Failure([]string{strings.Repeat("é", CommentLimit)}, CommentLimit)
	require.LessOrEqual(t, len(long), CommentLimit)
	require.True(t, utf8.Valid(long))
}

func TestControlCharactersNeverReachATerminal(t *testing.T) {
	r := New(plan(t, 1, "\x1b[31mred\x07"), Options{Diffs: true})
	text := string(r.Text(false)) + diffsOf(t, &r)
	require.NotContains(t, text, "\x1b")
	require.Contains(t, text, `+export NOTE='\x1b[31mred\x07'`)
}

func TestFinish(t *testing.T) {
	p := plan(t, 4, "x")
	var result reconcile.Result
	for _, c := range p.Changes {
		result.Outcomes = append(result.Outcomes, reconcile.Outcome{Change: c})
	}
	result.Outcomes[1].Err = fmt.Errorf("no luck")
	result.Outcomes[2].Pending = true
	result.Notes = []reconcile.Note{{Code: reconcile.NoteRescanned, Text: "a note"}}
	r := New(p, Options{})
	r.Finish(result)
	require.Equal(t, "created     p0000  no such service yet\ncreate owed  p0002  no such service yet\ncreated     p0003  no such service yet\n2 created\n",
		strings.ReplaceAll(string(r.Text(false)), "created      ", "created     "))
	require.Equal(t, []Result{Done, Failed, Owed, Done}, []Result{r.Profiles[0].Result, r.Profiles[1].Result, r.Profiles[2].Result, r.Profiles[3].Result})
	require.Equal(t, "no luck", r.Profiles[1].Error)
	require.Equal(t, []string{"a note"}, r.Notes)
	require.Equal(t, []reconcile.NoteCode{"rescanned"}, r.NoteCodes)
}

func TestRowsEndWithTheirLastWord(t *testing.T) {
	require.Equal(t, "stopped    coder\nunchanged  writer  is down\n", Table([]string{"stopped\tcoder\t", "unchanged\twriter\tis down"}))
}

func diffsOf(t *testing.T, r *Report) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, r.WriteDiffs(&b, false))
	return b.String()
}
