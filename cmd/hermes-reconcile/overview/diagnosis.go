package overview

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
)

// leastFound is how many columns the last column needs to be read as one.
const leastFound = 40

// Diagnosis is the text of one for a terminal of a width: what is longer goes on in the next line below its
// column. Where that would be narrow, it begins in a line of its own.
func Diagnosis(d *explain.Diagnosis, width int) []byte {
	const own = 4 // columns before a text in a line of its own
	var b bytes.Buffer
	table := d.Table()
	head, _, _ := strings.Cut(table, "\n")
	column := strings.Index(head, "FOUND")
	for line := range strings.Lines(table) {
		line = strings.TrimSuffix(line, "\n")
		at := columnOf(line, column)
		switch before, found := line[:at], line[at:]; {
		case utf8.RuneCountInString(line) <= width:
			b.WriteString(line)
		case width-column >= leastFound:
			b.WriteString(before + wrap(found, width, column, column))
		case strings.TrimSpace(before) == "": // a hint
			b.WriteString(strings.Repeat(" ", own) + wrap(found, width, own, own))
		default:
			b.WriteString(strings.TrimRight(before, " ") + "\n" + strings.Repeat(" ", own) +
				wrap(found, width, own, own))
		}
		b.WriteByte('\n')
	}
	b.WriteString(wrap(d.Tally(), width, 0, own) + "\n")
	return b.Bytes()
}

// columnOf is where a column of a line begins, in bytes; 0: the line has none.
func columnOf(line string, column int) int {
	n := 0
	for i := range line {
		if n == column {
			return i
		}
		n++
	}
	return 0
}

// wrap breaks a text at its blanks. Its first line begins behind so many columns, each further one
// after an indent.
func wrap(text string, width, behind, indent int) string {
	var b strings.Builder
	at := behind
	for i, word := range strings.Split(text, " ") {
		length := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+length > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += length
	}
	return b.String()
}
