package overview

import (
	"fmt"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
)

// Size is that of a terminal, in columns and lines.
type Size struct{ Width, Height int }

// leastHeight is how many lines a screen has at least: one for the head, one for the rest.
const leastHeight = 2

// What a terminal takes: to move to its upper left corner, to clear what is below, and to clear a line
// from where it writes next. Each line is cleared on its own, so that nothing flickers, and before it
// is written: behind a line that is as wide as the terminal its last character would go.
const (
	ToCorner  = "\x1b[H"
	ClearLine = "\x1b[K"
	clearRest = "\x1b[J"
)

// Frame is what shows lines on a terminal of that size, in the place of what it has shown before.
func Frame(lines []string, size Size) string {
	text := ToCorner + ClearLine + strings.Join(lines, "\r\n"+ClearLine)
	if len(lines) < size.Height {
		text += "\r\n" + clearRest
	}
	return text
}

// Screen are the lines of a page that has exactly as much room as a terminal: no line is wider, and
// there are no more than it shows. What is above, warnings most often, stands before it. Where not
// all rows have room, those that need a look come first, and the others are counted.
func (p *Page) Screen(size Size, above []string) []string {
	height := max(size.Height, leastHeight)
	above = above[:min(len(above), height/leastHeight)]
	room := height - len(above)
	gateways := p.shown()
	rest := 0
	if fits := max(room-2, 0); len(gateways) > fits { // beside the head and the tally
		rest = len(gateways) - max(fits-1, 0)
		gateways = urgentFirst(gateways)[:max(fits-1, 0)]
	}
	t := p.table(gateways)
	t.fit(size.Width)
	lines := append(fitted(above, size.Width), t.head())
	lines = append(lines, t.rows()...)
	if rest > 0 && room > 2 {
		lines = append(lines, fitted([]string{fmt.Sprintf("... and %d more", rest)}, size.Width)...)
	}
	lines = append(lines, fitted([]string{p.Tally()}, size.Width)...)
	return lines[:min(len(lines), height)]
}

// urgentFirst are the gateways that have failed, then those with a restart pending or with drift,
// then the others.
func urgentFirst(all []explain.Gateway) []explain.Gateway {
	var sorted [3][]explain.Gateway
	for _, g := range all {
		urgency := 2
		switch {
		case g.Failed:
			urgency = 0
		case len(g.Drift) > 0, g.Pending != "" && g.Pending != explain.PendingNone:
			urgency = 1
		}
		sorted[urgency] = append(sorted[urgency], g)
	}
	return append(append(sorted[0], sorted[1]...), sorted[2]...)
}

// fitted are lines that are cut to a width.
func fitted(lines []string, width int) []string {
	var all []string
	for _, line := range lines {
		if width > 0 {
			line = Clip(line, width)
		}
		all = append(all, line)
	}
	return all
}

// Fit are the lines that a terminal of that size shows: the first ones, cut.
func Fit(lines []string, size Size) []string {
	return fitted(lines[:min(len(lines), max(size.Height, 1))], size.Width)
}
