//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
)

// guards keep an apply from doing what was not meant.
type guards struct {
	profiles    []string // names and globs of those that it is about; none: all
	maxRemovals string
	expect      string // digest of the only plan that is wanted
	yes         bool
	stdin       io.Reader

	most  limit
	asked map[string]bool // services to remove that the user was asked about; nil: no question
}

// limit is how many gateways an apply may remove.
type limit struct {
	set     bool
	number  int
	percent bool // of the gateways that are there
}

// addMaxRemovals is apart from the other guards: watch has this one, too, but no user to ask.
func (g *guards) addMaxRemovals(cmd *cobra.Command) {
	cmd.Flags().StringVar(&g.maxRemovals, "max-removals", "",
		"refuse to remove more than `N|P%` gateways, a number or a share of those that are there (default no limit)")
}

// limitText is what the value of --max-removals looks like.
var limitText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(0|[1-9][0-9]{0,5})(%?)$`)
})

// digestText is what a digest looks like.
var digestText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9a-f]{16}$`)
})

// check checks the values of the flags.
func (g *guards) check() error {
	if g.expect != "" && !digestText().MatchString(g.expect) {
		return withHint(usagef("--expect: %q is not the digest of a plan (want 16 characters of 0-9 and a-f)", g.expect),
			"%s diff prints it in its last line", program)
	}
	if g.maxRemovals == "" {
		return nil
	}
	parts := limitText().FindStringSubmatch(g.maxRemovals)
	if parts == nil {
		return usagef("--max-removals: %q is not known (want a number such as 3, or a share such as 10%%)", g.maxRemovals)
	}
	number, _ := strconv.Atoi(parts[1]) // it has few digits
	g.most = limit{set: true, number: number, percent: parts[2] != ""}
	if g.most.percent && number > 100 {
		return usagef("--max-removals: %s is more than 100%%", g.maxRemovals)
	}
	return nil
}

// review gives the part of a plan that is wanted, and refuses one that is not what was meant.
func (g *guards) review(plan reconcile.Plan) (reconcile.Plan, error) {
	part, err := choose.Part(plan, g.profiles)
	if err != nil {
		return plan, err
	}
	gone := removals(part)
	if err := g.most.check(gone, present(plan), g.maxRemovals); err != nil {
		return part, err
	}
	if is := part.Digest(); g.expect != "" && is != g.expect {
		return part, withHint(usagef("this is another plan than --expect %s: its digest is %s", g.expect, is),
			"nothing was changed; look at it with %s diff, then apply it with --expect %s", program, is)
	}
	if g.asked == nil {
		return part, nil
	}
	for _, profile := range gone {
		if !g.asked[profile] {
			return part, withHint(fmt.Errorf("the plan has changed since you were asked: it removes %s, too",
				visible.Quote(profile)), "nothing was changed; run apply again")
		}
	}
	return part, nil
}

// check refuses more removals than the limit.
func (l limit) check(gone []string, present int, text string) error {
	if !l.set || !l.percent && len(gone) <= l.number ||
		l.percent && len(gone)*100 <= l.number*present {
		return nil
	}
	return withHint(
		usagef("the plan removes %d of %s (%s), and --max-removals allows %s", len(gone),
			count(present, "gateway"), explain.Names(gone), text),
		"nothing was changed; if that is what you want, raise --max-removals or leave it out")
}

// removals are the profiles that a plan removes the gateways of.
func removals(plan reconcile.Plan) (profiles []string) {
	for _, c := range plan.Changes {
		if c.Op == reconcile.Remove {
			profiles = append(profiles, c.Profile)
		}
	}
	return profiles
}

// present counts the gateways that are there and ours, or that the plan removes.
func present(plan reconcile.Plan) (n int) {
	for _, c := range plan.Changes {
		if c.Actual.Owned || c.Op == reconcile.Remove {
			n++
		}
	}
	return n
}

// confirm asks a person, if there is one, before gateways are removed. It comes before the lock:
// others need not wait for the answer.
func (f *applyFlags) confirm(ctx context.Context, u ui, d *deploy.Deployment) error {
	if f.yes || f.expect != "" || !isPerson(f.stdin) ||
		!isPerson(fileOf(u.stderr)) {
		return nil
	}
	plan, err := d.Plan()
	if err == nil {
		plan, err = d.Review(plan)
	}
	if err != nil {
		return err
	}
	f.asked = map[string]bool{}
	gone := removals(plan)
	for _, profile := range gone {
		f.asked[profile] = true
	}
	if len(gone) == 0 {
		return nil
	}
	what := fmt.Sprintf("this removes %s: %s", explain.Count(len(gone), "gateway"),
		visible.Line(strings.Join(gone, ", ")))
	if u.json { // a question is no line of JSON
		return withHint(usagef("%s", what), "nothing was changed; --yes removes without asking")
	}
	f.looking.stop() // before the question, which has no end of line
	fmt.Fprintf(u.stderr, "%s\nremove? [y/N] ", what)
	if yes, err := answer(ctx, f.stdin); err != nil || !yes {
		return withHint(declined(err), "--yes removes without asking")
	}
	return nil
}

// declined is an error even where the user only typed no: a script has to see that nothing was
// done.
func declined(err error) error {
	if err != nil {
		return err
	}
	return failure.ErrDeclined
}

// answer reads whether a person says yes, until a signal comes.
func answer(ctx context.Context, from io.Reader) (yes bool, err error) {
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(from).ReadString('\n') // an end is no yes
		line <- text
	}()
	select {
	case text := <-line:
		text = strings.ToLower(strings.TrimSpace(text))
		return text == "y" || text == "yes", nil
	case <-ctx.Done():
		return false, reconcile.ErrInterrupted
	}
}

// isPerson reports whether a stream is a terminal.
func isPerson(stream any) bool {
	file, isFile := stream.(*os.File)
	return isFile && file != nil && term.IsTerminal(int(file.Fd()))
}
