//go:build linux

package main

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/console"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/gateways"
	"hermes-reconcile/cmd/hermes-reconcile/overview"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/manifest"
	"hermes-reconcile/s6ctl"
)

// formPrometheus is a form of status.
const formPrometheus = "prometheus"

// statusForms are the forms of status.
var statusForms = []string{formText, formJSON, formPrometheus}

// statusFlags are the flags of status.
type statusFlags struct {
	scandirFlags
	manifest manifestFlags
	output   outputFlags
	watch    bool
	failed   bool
	exitCode bool
}

// newStatusCommand has the flags of status.
func newStatusCommand(u ui) *cobra.Command {
	var flags statusFlags
	cmd := &cobra.Command{
		Use:   "status [PROFILE...]",
		Short: "show gateways: their state, what is pending, what has drifted",
		Long:  statusHelp,
		Example: `  hermes-reconcile status                  # all, and how many are up
  hermes-reconcile status coder            # one: deaths, ports, end of its log
  hermes-reconcile status 'team-*' default # globs, in quotes
  hermes-reconcile status --failed --watch # what needs a hand
  hermes-reconcile status --exit-code      # exit 1 if one has failed
  hermes-reconcile status -o prometheus >gateways.prom`,
		RunE: func(cmd *cobra.Command, profiles []string) error {
			return (&statusRun{statusFlags: &flags, wish: flags.wish(profiles)}).run(cmd.Context(), u)
		},
	}
	flags.scandirFlags.add(cmd)
	flags.manifest.add(cmd)
	flags.output.addForm(cmd, statusForms...)
	f := cmd.Flags()
	f.BoolVarP(&flags.watch, "watch", "w", false,
		"keep looking: a terminal is redrawn, anything else gets the table again when it has changed")
	f.BoolVar(&flags.failed, "failed", false, "show only gateways that have failed")
	f.BoolVar(&flags.exitCode, "exit-code", false,
		"exit 1 if a gateway has failed, or no s6-svscan runs")
	return cmd
}

const statusHelp = `Show the gateways of the scandir, a row each, and count them. With the name of one gateway, show all that is known of it:
how it ended last, its deaths, its next start, memory, ports, files, and the last lines of its log.

STATE is up, ready (it has answered as ready in its profile asks), down, starting, waiting (for another gateway
of its profile, which has its home), stopping, backing off (it died again
and again, so its next start waits), crash loop (it died three times in a row or more, and has not yet run for longer than
before it died last), ended (it exited 78, or 0 with restart: on-failure), frozen log (its log file was deleted or moved, so that it
will block), double (a second gateway of its profile runs outside its place), unsupervised, unknown (its directory cannot
be read), or absent (the manifest names it, and no apply has made it yet). Details stand in parentheses.

READY is yes once the gateway has answered as ready in its profile asks, and - where the profile has no ready.

RESTARTS counts how often it died since it was last started on purpose.

PENDING says what the manifest says and no apply has done yet: new, changed, or to go. Without a manifest there is no such column.
It is rotated where a file of the profile's restart_on has changed since the gateway has read it: a restart is due.

DRIFT names files that are not as they were rendered, loggers in trouble, restarts that an interrupted apply owes, and where a
gateway runs outside its place, twice, or under another name (a double): a row of its own where its directory is gone.

A gateway of ours has failed if it is in a crash loop or backs off, exited 78, is down although it should be up, is not ready in the
time that its profile gives it, is double, unsupervised or unknown, or has a frozen log.

On a terminal the table fits the width: the least important columns are left out or cut.

The scandir is --scandir, else $` + scandirVariable + `, else that of the manifest (-f, else $` + fileVariable + `, else ` + sources.Default + ` if it is there), else
` + manifest.DefaultScandir + `. With --scandir the manifest is used if it is of that scandir, or named with -f.`

// statusRun is a status under way: one look, or many.
type statusRun struct {
	*statusFlags
	wish gateways.Wish

	// What was read of the manifest, and which state of its files that is.
	path  string // of the scandir
	stamp sources.Stamp
	said  []byte // what there was to warn of
}

// wish is what the flags ask for. Memory is in no column of the table, and to add it up takes a look
// at all processes of the host.
func (f *statusFlags) wish(profiles []string) gateways.Wish {
	return gateways.Wish{Patterns: profiles, Weigh: f.output.form != formText, Place: f.output.place}
}

// run looks once or, with --watch, again and again until a signal. It takes no lock, so that it works
// while an apply runs.
func (l *statusRun) run(ctx context.Context, u ui) error {
	if l.watch && (l.output.form == formPrometheus || l.exitCode) {
		return usagef("--watch does not end (want it without -o prometheus and --exit-code)")
	}
	if l.watch {
		return l.watchStatus(ctx, u)
	}
	page, err := l.look(ctx, u)
	if err != nil {
		return err
	}
	if err := l.print(u, page); err != nil {
		return err
	}
	unwell := func(g explain.Gateway) bool { return g.Failed }
	// --failed hides rows, and --exit-code judges all gateways that were named.
	if l.exitCode && (!page.Status.Listening || slices.ContainsFunc(page.Status.Gateways, unwell)) {
		return failure.ErrUnwell
	}
	return nil
}

// read reads the manifest, unless its files are as they were at the last look. It is used if it is of
// the scandir that is looked at, or was named for it.
func (l *statusRun) read(ctx context.Context, u ui) error {
	stamp := l.manifest.names().Stamp(ctx)
	if l.path != "" && stamp == l.stamp {
		_, _ = u.stderr.Write(l.said)
		return nil
	}
	var warnings bytes.Buffer
	defer func() { l.said = warnings.Bytes() }()
	m, err := l.manifest.loadIfAny(ctx, u.saying(io.MultiWriter(u.stderr, &warnings)))
	if err != nil {
		return err
	}
	if l.path, err = l.resolve(scandirOf(m)); err != nil {
		return err
	}
	if m != nil && l.scandirFlags.path != "" && l.path != m.Scandir && !l.manifest.named() {
		m = nil
	}
	if err = l.wish.Against(m); err == nil { // else the next look tells it again
		l.stamp = stamp
	}
	return err
}

// look looks at the gateways, and warns of what stands in the way of all.
func (l *statusRun) look(ctx context.Context, u ui) (*overview.Page, error) {
	if err := l.read(ctx, u); err != nil {
		return nil, err
	}
	scandir, err := deploy.Look(l.path)
	if err != nil {
		return nil, err
	}
	defer scandir.Close()
	warnSilent(u, scandir)
	now := time.Now()
	seen, err := l.wish.Look(ctx, scandir)
	if err != nil {
		return nil, err
	}
	if !seen.HeldSince.IsZero() {
		u.warning(explain.WarnPaused, "down was called %s ago: watch starts nothing until the next apply",
			time.Since(seen.HeldSince).Truncate(time.Second))
	}
	u.warnStanding(seen.Standing)
	return &overview.Page{
		Status: seen.Status, Now: now, Failed: l.failed, Color: l.output.colors(u),
		MaxDeaths: s6ctl.MaxDeaths,
	}, nil
}

// print prints a page in the form that is asked for.
func (l *statusRun) print(u ui, page *overview.Page) error {
	var out []byte
	var err error
	switch width := terminalSize(u).Width; {
	case l.output.form == formJSON:
		out, err = page.JSON()
	case l.output.form == formPrometheus:
		out = page.Prometheus()
	case l.isOne(page):
		out = []byte(page.Detail(page.Status.Gateways[0], width))
	default:
		out = []byte(page.Text(width))
	}
	if err == nil {
		_, err = u.stdout.Write(out)
	}
	return err
}

// isOne reports whether a page is about one gateway that was named: then all that is known is shown.
func (l *statusRun) isOne(page *overview.Page) bool {
	return choose.IsOne(l.wish.Patterns) && len(page.Status.Gateways) == 1
}

// lookEvery is how often status --watch looks.
const lookEvery = time.Second

// terminalSize is how much a terminal shows; zero where results go elsewhere, or it does not say.
func terminalSize(u ui) overview.Size {
	if out := console.FileOf(u.stdout); out != nil {
		if width, height, err := term.GetSize(int(out.Fd())); err == nil {
			return overview.Size{Width: width, Height: height}
		}
	}
	return overview.Size{}
}

// watchStatus shows what is until it is ended. A terminal shows errors, too, and goes on: a scandir
// may be about to come.
func (l *statusRun) watchStatus(ctx context.Context, u ui) error {
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
func (l *statusRun) printNews(u ui, page *overview.Page, last, warnings []byte) ([]byte, error) {
	state, err := page.Unmoving()
	if err != nil || bytes.Equal(state, last) {
		return last, err
	}
	_, _ = u.stderr.Write(warnings)
	return state, l.print(u, page)
}

// paint shows a page on a terminal, or why there is none: exactly as much as it has room for.
func (l *statusRun) paint(u ui, page *overview.Page, warnings string, err error) error {
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
	case l.isOne(page):
		lines = overview.Fit(linesOf(warnings), size)
		lines = append(lines, linesOf(page.Detail(page.Status.Gateways[0], size.Width))...)
		lines = lines[:min(len(lines), size.Height)]
	default:
		lines = page.Screen(size, linesOf(warnings))
	}
	_, err = io.WriteString(u.stdout, overview.Frame(lines, size))
	return err
}

// linesOf are those of a text that ends in a line end.
func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
