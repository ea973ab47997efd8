//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hermes-reconcile/cmd/hermes-reconcile/console"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/guard"
)

// guards keep an apply from doing what was not meant.
type guards struct {
	guard.Guards
	yes   bool
	stdin io.Reader
}

// addMaxRemovals is apart from the other guards: watch has this one, too, but no user to ask.
func (g *guards) addMaxRemovals(cmd *cobra.Command) {
	cmd.Flags().StringVar(&g.MaxRemovals, "max-removals", "",
		"refuse to remove more than `N|P%` gateways, a number or a share of those that are there (default no limit)")
}

// confirm asks a person, if there is one, before gateways are removed. It comes before the lock:
// others need not wait for the answer.
func (f *applyFlags) confirm(ctx context.Context, u ui, d *deploy.Deployment) error {
	if f.yes || f.Expect != "" || !isPerson(f.stdin) || !isPerson(console.FileOf(u.stderr)) {
		return nil
	}
	plan, err := d.Plan()
	if err == nil {
		plan, err = d.Review(plan)
	}
	if err != nil {
		return err
	}
	what := f.Question(plan)
	switch {
	case what == "":
		return nil
	case u.json: // a question is no line of JSON
		return withHint(usagef("%s", what), "nothing was changed; --yes removes without asking")
	}
	f.looking.Stop() // before the question, which has no end of line
	fmt.Fprintf(u.stderr, "%s\nremove? [y/N] ", what)
	yes, err := guard.Answer(ctx, f.stdin)
	if err == nil && !yes { // a script has to see that nothing was done
		err = failure.ErrDeclined
	}
	if err != nil {
		return withHint(err, "--yes removes without asking")
	}
	return nil
}

// isPerson reports whether a stream is a terminal.
func isPerson(stream any) bool {
	file, isFile := stream.(*os.File)
	return isFile && file != nil && term.IsTerminal(int(file.Fd()))
}
