package overview

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/text/width"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest/visible"
)

// gap is the room between two columns.
const gap = 2

// table is text in columns.
type table struct {
	columns []column
	color   bool
}

// column is one of a table. Where there is no room it may be cut, first to wish and then to least
// characters, or dropped: the lowest drop first. 0 of each is never.
type column struct {
	name              string
	least, wish, drop int
	cells             []cell
	width             int
}

// cell is what one column says of one row.
type cell struct {
	text  string
	color int
}

// nothing stands where there is nothing to say.
const nothing = "-"

// add adds a row: a cell for each column.
func (t *table) add(cells ...cell) {
	for i, c := range cells {
		c.text = cmp.Or(visible.Line(c.text), nothing)
		t.columns[i].cells = append(t.columns[i].cells, c)
	}
}

// remove takes a column out that would say nothing in any row.
func (t *table) remove(name string) {
	t.columns = slices.DeleteFunc(t.columns, func(c column) bool { return c.name == name })
}

// fit makes the table as narrow as it has to be; 0 is no limit. What says nothing goes first, then
// long cells are cut, then columns go.
func (t *table) fit(most int) {
	for i := range t.columns {
		t.columns[i].measure()
	}
	for _, empty := range []bool{true, false} {
		for most > 0 && t.width() > most {
			if !empty && t.cut(most, func(c column) int { return c.wish }) {
				return
			}
			if !t.dropOne(empty) {
				break
			}
		}
	}
	if most > 0 && t.width() > most && !t.cut(most, func(c column) int { return c.least }) {
		t.cut(most, func(column) int { return 1 })
	}
}

// measure finds how wide a column has to be for all of its text.
func (c *column) measure() {
	c.width = len(c.name)
	for _, cell := range c.cells {
		c.width = max(c.width, Width(cell.text))
	}
}

// width is that of the whole table.
func (t *table) width() int {
	sum := gap * (len(t.columns) - 1)
	for _, c := range t.columns {
		sum += c.width
	}
	return sum
}

// cut makes columns narrower, the widest first, but none narrower than least says. It reports
// whether that is enough, and changes nothing if not.
func (t *table) cut(most int, least func(column) int) bool {
	widths := make([]int, len(t.columns))
	over := t.width() - most
	for i, c := range t.columns {
		widths[i] = c.width
	}
	for ; over > 0; over-- {
		widest := -1
		for i, c := range t.columns {
			floor := least(c)
			if floor > 0 && widths[i] > floor && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return false
		}
		widths[widest]--
	}
	for i := range t.columns {
		t.columns[i].width = widths[i]
	}
	return true
}

// dropOne drops the column that may go first: of those that say nothing, or of all.
func (t *table) dropOne(empty bool) bool {
	first := -1
	for i, c := range t.columns {
		says := slices.ContainsFunc(c.cells, func(c cell) bool { return c.text != nothing })
		if c.drop == 0 || empty && says {
			continue
		}
		if first < 0 || c.drop < t.columns[first].drop {
			first = i
		}
	}
	if first < 0 {
		return false
	}
	t.columns = slices.Delete(t.columns, first, first+1)
	return true
}

// head is the line above the rows.
func (t *table) head() string {
	names := make([]cell, len(t.columns))
	for i, c := range t.columns {
		names[i] = cell{c.name, explain.Bold}
	}
	return t.line(names)
}

// rows are the lines of the table.
func (t *table) rows() []string {
	var lines []string
	for row := range t.columns[0].cells {
		cells := make([]cell, len(t.columns))
		for i, c := range t.columns {
			cells[i] = c.cells[row]
		}
		lines = append(lines, t.line(cells))
	}
	return lines
}

// line puts cells into their columns. No blank follows the last of them.
func (t *table) line(cells []cell) string {
	var b strings.Builder
	pad := 0
	for i, c := range cells {
		text := Clip(c.text, t.columns[i].width)
		b.WriteString(strings.Repeat(" ", pad))
		pad = t.columns[i].width - Width(text) + gap
		if t.color && c.text != nothing {
			text = explain.Paint(c.color, text)
		}
		b.WriteString(text)
	}
	return b.String()
}

// others are colors without a meaning: they only tell one thing from another.
var others = [...]int{36, 33, 35, 34, 32, 96, 93, 95, 94, 92}

// PaintOther colors a text as the i-th of several.
func PaintOther(i int, text string) string { return explain.Paint(others[i%len(others)], text) }

// Width is how many columns of a terminal a text takes: two for a character of East Asia.
func Width(text string) int {
	n := 0
	for _, c := range text {
		n += widthOf(c)
	}
	return n
}

// widthOf is how many columns a terminal gives a character: two for wide ones of East Asia (Unicode
// TR 11).
func widthOf(c rune) int {
	switch width.LookupRune(c).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// clipped says that a text goes on. It is ASCII: not every terminal shows more.
const clipped = "..."

// Clip is a text that takes at most so many columns. What is cut ends with dots.
func Clip(text string, most int) string {
	if Width(text) <= most {
		return text
	}
	room := max(most-len(clipped), 0)
	for i, c := range text {
		if room -= widthOf(c); room < 0 {
			return text[:i] + clipped[:min(len(clipped), most)]
		}
	}
	return text
}
