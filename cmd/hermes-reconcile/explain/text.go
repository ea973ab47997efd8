package explain

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
)

// Text is a line for each profile that is worth one, with what changes for it below, and the tally.
// Color is for terminals.
func (r *Report) Text(color bool) []byte {
	r.compareAll()
	own, common := r.changeLines()
	rows := r.textRows()
	var cells []string
	for _, row := range rows {
		cells = append(cells, row.cells)
	}
	var b bytes.Buffer
	for i, text := range strings.SplitAfter(Table(cells), "\n") {
		if i == len(rows) {
			break // behind the last line
		}
		if verb := rows[i].verb; color {
			text = Paint(colorOf(verb), verb) + strings.TrimPrefix(text, verb)
		}
		b.WriteString(text)
		indented(&b, own[rows[i].service])
	}
	for _, g := range common {
		fmt.Fprintf(&b, "in %s:\n", visible.Line(g.who()))
		indented(&b, g.lines)
	}
	b.WriteString(r.Summary.Text + "\n")
	if len(r.Unknown) > 0 {
		fmt.Fprintf(&b, "not known without a live scandir: %s\n",
			visible.Line(strings.Join(r.Unknown, ", ")))
	}
	if r.Differs && !r.finished {
		fmt.Fprintf(&b, "plan %s\n", r.Digest)
	}
	return b.Bytes()
}

// indented writes lines below a row, by four blanks, so that they cannot be taken for rows.
func indented(b *bytes.Buffer, lines []string) {
	for _, text := range lines {
		b.WriteString("    " + visible.Line(text) + "\n")
	}
}

// textRow is a line of the table: its cells, and the service that it is about.
type textRow struct {
	verb, service, cells string
}

// textRows are the rows of the text form. Leftovers are rows as long as they are only planned.
func (r *Report) textRows() (rows []textRow) {
	for _, p := range r.Profiles {
		if p.shown() {
			rows = append(rows,
				textRow{p.Verb(), p.Service, Cells(p.Verb(), p.Profile, p.Why())})
		}
	}
	for _, l := range r.Leftovers {
		if r.finished {
			break // what became of them stands in the notes
		}
		verb := string(reconcile.Remove)
		rows = append(rows, textRow{verb, "", Cells(verb, l.profile(), l.Reason)})
	}
	return rows
}

// common is what is said of several profiles.
type common struct {
	bundle
	lines []string
}

// changeLines are what changes in the words of the manifest: for one profile, by service, and for
// several together.
func (r *Report) changeLines() (own map[string][]string, shared []common) {
	own = map[string][]string{}
	for _, b := range bundles(r.lines()) {
		last := len(shared) - 1
		switch {
		case len(b.profiles) == 1:
			own[b.service] = append(own[b.service], b.text)
		case last >= 0 && slices.Equal(shared[last].profiles, b.profiles):
			shared[last].lines = append(shared[last].lines, b.text)
		default:
			shared = append(shared, common{b, []string{b.text}})
		}
	}
	return own, shared
}

// Count says how many there are of something: "1 profile", "3 profiles".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Cells makes a line of a table. A name in a scandir may hold any character of a file's name: it
// stays in its cell.
func Cells(texts ...string) string {
	for i, text := range texts {
		texts[i] = visible.Line(text)
	}
	return strings.Join(texts, "\t")
}

// Table puts lines of tab-separated cells in columns.
func Table(lines []string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		fmt.Fprintln(w, visible.Text(l))
	}
	w.Flush()
	return trailingBlanks().ReplaceAllString(b.String(), "") // of rows with an empty last cell
}

var trailingBlanks = lazily(`(?m) +$`)

// WriteDiffs writes the unified diffs of all files, one at a time: all of them may have many
// megabytes.
func (r *Report) WriteDiffs(w io.Writer, color bool) error {
	for _, p := range r.Profiles {
		for _, f := range p.files() {
			diff := f.Diff
			if color {
				diff = paintDiff(diff)
			}
			if _, err := io.WriteString(w, diff); err != nil {
				return err
			}
		}
	}
	return nil
}

// paintDiff colors a unified diff line by line. A color ends with its line: a pager may begin
// anywhere.
func paintDiff(diff string) string {
	var b strings.Builder
	for line := range strings.Lines(diff) {
		text := strings.TrimSuffix(line, "\n")
		b.WriteString(Paint(colorOfDiff(text), text) + "\n")
	}
	return b.String()
}

// The colors of a terminal, as ECMA-48 numbers them.
const (
	Plain  = 0
	Bold   = 1
	Red    = 31
	Green  = 32
	Yellow = 33
	Cyan   = 36
)

// paint puts a text into an ANSI color (SGR). An empty text stays empty, since its width is
// counted.
func Paint(color int, text string) string {
	if color == Plain || text == "" {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", color, text)
}

// colorOf is red for what goes down, green for what comes, yellow for what changes.
func colorOf(verb string) int {
	word, _, _ := strings.Cut(verb, " ")
	switch word {
	case "create", "created", "start", "started", "adopt", "adopted":
		return Green
	case "remove", "removed", "stop", "stopped":
		return Red
	case "update", "updated", "ended":
		return Yellow
	}
	return Plain
}

// colorOfDiff tells lines by how they begin. The two heads begin like lines that go or come, so
// they are asked for first.
func colorOfDiff(line string) int {
	switch {
	case strings.HasPrefix(line, "--- ") || strings.HasPrefix(line, "+++ "):
		return Bold
	case strings.HasPrefix(line, "@@"):
		return Cyan
	case strings.HasPrefix(line, "-"):
		return Red
	case strings.HasPrefix(line, "+"):
		return Green
	}
	return Plain
}
