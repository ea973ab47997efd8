package explain

import (
	"fmt"
	"slices"
	"strings"

	"hermes-reconcile/manifest/visible"
)

// Limits of what GitHub takes, in characters and in bytes.
const (
	CommentLimit = 65_536  // of a comment
	SummaryLimit = 1 << 20 // of a step's summary
)

// Markdown is the report for a pull request: a heading, a table of what is done, one of what
// changes in the words of the manifest, and a folded diff for each file that the report has one of.
// What would make it longer than limit bytes is left out, diffs first, and named at the end.
func (r *Report) Markdown(limit int) []byte {
	r.compareAll()
	head := "### hermes-reconcile: " + cell(r.Summary.Text) + "\n"
	tail := r.footnotes()
	room := limit - len(head) - len(tail) - noteRoom
	rows, cutRows := fit(append(r.rows(), r.changeRows()...), room)
	for _, row := range rows {
		room -= len(row)
	}
	names, folds := r.folds()
	shown, cutDiffs := pack(folds, room)
	var b strings.Builder
	b.WriteString(head + strings.Join(rows, ""))
	var missing []string
	for i, fold := range folds {
		if shown[i] {
			b.WriteString(fold)
		} else {
			missing = append(missing, cell(names[i]))
		}
	}
	b.WriteString(cutNote(limit, cutRows, cutDiffs, missing) + tail)
	return []byte(b.String())
}

// noteRoom is kept free for the note of what was cut, in bytes.
const noteRoom = 600

// rows is the table, its head being the first row. Profiles without a change are only counted.
func (r *Report) rows() []string {
	var rows []string
	for _, p := range r.Profiles {
		if p.shown() {
			rows = append(
				rows,
				fmt.Sprintf("| %s | %s | %s | %s |\n", code(p.Profile), cell(p.Verb()),
					p.restarts(), cell(p.Why())),
			)
		}
	}
	for _, l := range r.Leftovers {
		rows = append(
			rows,
			fmt.Sprintf("| %s | remove | %s | %s |\n", code(l.profile()), RestartNo,
				cell(l.Reason)),
		)
	}
	if len(rows) > 0 {
		rows[0] = "\n| profile | action | restart | why |\n|---|---|---|---|\n" + rows[0]
	}
	return rows
}

// changeRows is the table of what changes in the words of the manifest, its head being the first
// row.
func (r *Report) changeRows() (rows []string) {
	for _, b := range bundles(r.cells()) {
		rows = append(rows, "| "+cell(b.who())+b.text)
	}
	if len(rows) > 0 {
		rows[0] = "\n| profile | key | before | after |\n|---|---|---|---|\n" + rows[0]
	}
	return rows
}

// cells are the rows of that table without their first cell.
func (r *Report) cells() (all []line) {
	for _, p := range r.Profiles {
		if !p.acts() {
			continue
		}
		for _, text := range p.remarks() {
			all = append(all, line{"", p.Service, p.Profile, " | " + cell(text) + " | | |\n", false})
		}
		for _, c := range p.told() {
			before, after := c.sides()
			if p.isNew() {
				before = ""
			}
			text := fmt.Sprintf(" | %s | %s | %s |\n", code(c.Key), cell(before),
				cell(after+c.origin()))
			all = append(all, line{"", p.Service, p.Profile, text, c.isShared()})
		}
	}
	return all
}

// restarts is the cell that says what restarts, loud where a user would notice.
func (p *Profile) restarts() string {
	if p.Restart == RestartYes {
		return "**yes**"
	}
	return string(p.Restart)
}

// folds are the diffs, each below a summary that opens it.
func (r *Report) folds() (names, folds []string) {
	for _, p := range r.Profiles {
		for _, f := range p.files() {
			if f.Diff == "" {
				continue
			}
			name := p.Service + "/" + f.Path
			fence := fenceFor(f.Diff)
			names = append(names, name)
			folds = append(
				folds,
				fmt.Sprintf(
					"\n<details><summary><code>%s</code></summary>\n\n%sdiff\n%s%s\n\n</details>\n",
					escapeHTML(visible.Line(name)), fence, f.Diff, fence),
			)
		}
	}
	return names, folds
}

// footnotes say what is not known, and what apply had to say.
func (r *Report) footnotes() string {
	var b strings.Builder
	if len(r.Unknown) > 0 {
		fmt.Fprintf(&b, "\n<sub>Not known without a live scandir: %s.</sub>\n",
			cell(strings.Join(r.Unknown, ", ")))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "\n<sub>%s</sub>\n", cell(note))
	}
	return b.String()
}

// fit takes parts as long as there is room for them, and counts the others.
func fit(parts []string, room int) (taken []string, cut int) {
	for i, part := range parts {
		if room -= len(part); room < 0 {
			return parts[:i], len(parts) - i
		}
	}
	return parts, 0
}

// pack takes those parts that there is room for: one that is too long leaves room for those behind
// it.
func pack(parts []string, room int) (taken []bool, cut int) {
	taken = make([]bool, len(parts))
	for i, part := range parts {
		if taken[i] = len(part) <= room; taken[i] {
			room -= len(part)
		} else {
			cut++
		}
	}
	return taken, cut
}

// cutNote says what had no room.
func cutNote(limit, rows, diffs int, names []string) string {
	if rows+diffs == 0 {
		return ""
	}
	var cut []string
	if rows > 0 {
		cut = append(cut, Count(rows, "row"))
	}
	if diffs > 0 {
		listed, rest := fit(slices.Clone(names), noteRoom/2)
		text := Count(diffs, "diff")
		if len(listed) > 0 {
			text += " (" + strings.Join(listed, ", ")
			if rest > 0 {
				text += fmt.Sprintf(" and %d more", rest)
			}
			text += ")"
		}
		cut = append(cut, text)
	}
	return fmt.Sprintf(
		"\n> Cut to %d bytes: %s left out. `hermes-reconcile diff` prints everything.\n", limit,
		strings.Join(cut, " and "))
}

// Failure is markdown for when there is no report: the errors, a line each.
func Failure(lines []string, limit int) []byte {
	text := visible.Text(strings.Join(lines, "\n") + "\n")
	if room := limit - noteRoom; len(text) > room {
		text = strings.ToValidUTF8(text[:room], "") + "\n...\n"
	}
	fence := fenceFor(text)
	return []byte(
		"### hermes-reconcile: the plan cannot be made\n\n" + fence + "text\n" + text + fence + "\n",
	)
}

// fenceFor is a code fence that is longer than any in the text.
func fenceFor(text string) string {
	longest, run := 2, 0
	for _, c := range text {
		if c == '`' {
			run++
		} else {
			run = 0
		}
		longest = max(longest, run)
	}
	return strings.Repeat("`", longest+1)
}

// cell is text in a table's cell, as it is: no markup, no HTML, no mention of anybody.
func cell(s string) string {
	var b strings.Builder
	for _, c := range escapeHTML(visible.Text(s)) {
		switch {
		case c == '\n' || c == '\t':
			b.WriteByte(' ')
		case c == '@':
			b.WriteString(
				"@&#8203;",
			) // a zero-width space, by its number: GitHub would notify a user of that name
		case strings.ContainsRune("\\`*_{}[]|~#", c):
			b.WriteString("\\" + string(c))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// code is a name or a key in a cell. Those of a manifest are plain; a name in a scandir may be
// anything.
func code(name string) string {
	plain := func(c rune) bool {
		return strings.ContainsRune("-_.[]", c) || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' ||
			'A' <= c && c <= 'Z'
	}
	if name == "" || strings.ContainsFunc(name, func(c rune) bool { return !plain(c) }) {
		return cell(name)
	}
	return "`" + name + "`"
}

var htmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// escapeHTML keeps a name or a value from becoming markup: a pull request may come from a stranger.
func escapeHTML(s string) string { return htmlEscapes.Replace(s) }
