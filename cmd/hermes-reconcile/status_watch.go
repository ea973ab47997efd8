//go:build linux

package main

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/overview"
)

// lookEvery is how often status --watch looks.
const lookEvery = time.Second

// What status --watch sends to a terminal: to move to its upper left corner, and to clear what is
// below. Each line is cleared on its own, so that nothing flickers, and before it is written: behind
// a line that is as wide as the terminal its last character would go.
const (
	toCorner  = "\x1b[H"
	clearRest = "\x1b[J"
)

// terminalSize is how much a terminal shows; zero where results go elsewhere, or it does not say.
func terminalSize(u ui) overview.Size {
	out := fileOf(u.stdout)
	if out == nil {
		return overview.Size{}
	}
	width, height, err := term.GetSize(int(out.Fd()))
	if err != nil {
		return overview.Size{}
	}
	return overview.Size{Width: width, Height: height}
}

// watchStatus shows what is until it is ended. A terminal shows errors, too, and goes on: a scandir
// may be about to come.
func (l *looking) watchStatus(ctx context.Context, u ui) error {
	screen := l.output.form == formText && onTerminal(u)
	var last []byte
	for {
		var warnings bytes.Buffer
		page, err := l.look(ctx, u.saying(&warnings))
		if ctx.Err() != nil {
			return nil
		}
		switch {
		case screen:
			err = l.paint(u, page, warnings.String(), err)
		case err == nil:
			last, err = l.printNews(u, page, last, warnings.Bytes())
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookEvery):
		}
	}
}

// printNews prints a page if it is not the last one, and returns what tells it from others.
func (l *looking) printNews(
	u ui,
	page *overview.Page,
	last, warnings []byte,
) ([]byte, error) {
	state, err := unmoving(page).JSON()
	if err != nil || bytes.Equal(state, last) {
		return last, err
	}
	_, _ = u.stderr.Write(warnings)
	return state, l.print(u, page)
}

// unmoving is a status without what changes all the time.
func unmoving(page *overview.Page) *explain.Status {
	status := page.Status
	status.Gateways = slices.Clone(status.Gateways)
	for i := range status.Gateways {
		g := &status.Gateways[i]
		if g.RSS = 0; g.More != nil {
			more := *g.More
			more.Processes = 0
			g.More = &more
		}
	}
	return &status
}

// paint shows a page on a terminal, or why there is none: exactly as much as it has room for.
func (l *looking) paint(u ui, page *overview.Page, warnings string, err error) error {
	size := terminalSize(u)
	if size.Height == 0 {
		size = overview.Size{Width: 80, Height: 24} // as terminals were made
	}
	var lines []string
	switch {
	case err != nil:
		var text strings.Builder
		ui{stdout: io.Discard, stderr: &text}.error(err)
		lines = overview.Fit(linesOf(warnings+text.String()), size)
	case choose.IsOne(l.profiles) && len(page.Status.Gateways) == 1:
		lines = overview.Fit(linesOf(warnings), size)
		lines = append(lines, linesOf(page.Detail(page.Status.Gateways[0], size.Width))...)
		lines = lines[:min(len(lines), size.Height)]
	default:
		lines = page.Screen(size, linesOf(warnings))
	}
	text := toCorner + clearLine + strings.Join(lines, "\r\n"+clearLine)
	if len(lines) < size.Height {
		text += "\r\n" + clearRest
	}
	_, err = io.WriteString(u.stdout, text)
	return err
}
