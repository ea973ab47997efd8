//go:build linux

package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/overview"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
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
			return runStatus(cmd.Context(), u, &flags, profiles)
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
` + defaultScandir + `. With --scandir the manifest is used if it is of that scandir, or named with -f.`

// runStatus looks once or, with --watch, again and again until a signal. It takes no lock, so that
// it works while an apply runs.
func runStatus(ctx context.Context, u ui, flags *statusFlags, profiles []string) error {
	if flags.watch && (flags.output.form == formPrometheus || flags.exitCode) {
		return usagef("--watch does not end (want it without -o prometheus and --exit-code)")
	}
	l := &looking{statusFlags: flags, profiles: profiles}
	if flags.watch {
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
	if flags.exitCode && (!page.Status.Listening || slices.ContainsFunc(page.Status.Gateways, unwell)) {
		return errUnwell
	}
	return nil
}

// print prints a page in the form that is asked for.
func (l *looking) print(u ui, page *overview.Page) error {
	var out []byte
	var err error
	switch l.output.form {
	case formJSON:
		out, err = statusJSON(page)
	case formText:
		out = []byte(l.text(page, terminalSize(u).Width))
	default:
		out = page.Prometheus()
	}
	if err == nil {
		_, err = u.stdout.Write(out)
	}
	return err
}

// text is a page for people: of one gateway that was named, all that is known.
func (l *looking) text(page *overview.Page, width int) string {
	if choose.IsOne(l.profiles) && len(page.Status.Gateways) == 1 {
		return page.Detail(page.Status.Gateways[0], width)
	}
	return page.Text(width)
}

// statusJSON is the page for programs.
func statusJSON(page *overview.Page) ([]byte, error) {
	status := page.Status
	if page.Failed {
		status.Gateways = slices.DeleteFunc(slices.Clone(status.Gateways),
			func(g explain.Gateway) bool { return !g.Failed })
	}
	return status.JSON()
}

// newPage is a page without gateways.
func (l *looking) newPage(u ui, scandir *deploy.Place, listening bool) *overview.Page {
	return &overview.Page{
		Status: explain.Status{
			Format: explain.StatusFormat, Scandir: scandir.Path, Listening: listening,
			Gateways: []explain.Gateway{},
		},
		Now: time.Now(), Failed: l.failed, Color: l.output.colors(u), MaxDeaths: s6ctl.MaxDeaths,
	}
}

// rfc3339 is a time in UTC, as all our JSON has times: containers and hosts differ in zones.
func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// linesOf are those of a text that ends in a line end.
func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
