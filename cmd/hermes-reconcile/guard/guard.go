// Package guard keeps an apply from doing what was not meant: a part of a plan is all that is carried
// out, and only if it is what the user has seen, and removes no more than the user allows.
package guard

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
)

// Guards say what is meant. Check comes before Review.
type Guards struct {
	Profiles    []string // names and globs of those that it is about; none: all
	MaxRemovals string   // how many gateways may go, or which share of those there are; empty: no limit
	Expect      string   // digest of the only plan that is wanted; empty: any

	most  limit
	asked map[string]bool // services to remove that the user was asked about; nil: no question
}

// limit is how many gateways an apply may remove.
type limit struct {
	set     bool
	number  int
	percent bool // of the gateways that are there
}

// limitText is what the value of --max-removals looks like.
var limitText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(0|[1-9][0-9]{0,5})(%?)$`)
})

// digestText is what a digest looks like.
var digestText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9a-f]{16}$`)
})

// Check reads what the user has typed, with an error of usage for what makes no sense.
func (g *Guards) Check() error {
	if g.Expect != "" && !digestText().MatchString(g.Expect) {
		return usage.WithHint(usage.Errorf("--expect: %q is not the digest of a plan (want 16 characters of 0-9 and a-f)", g.Expect),
			"hermes-reconcile diff prints it in its last line")
	}
	if g.MaxRemovals == "" {
		return nil
	}
	parts := limitText().FindStringSubmatch(g.MaxRemovals)
	if parts == nil {
		return usage.Errorf("--max-removals: %q is not known (want a number such as 3, or a share such as 10%%)", g.MaxRemovals)
	}
	number, _ := strconv.Atoi(parts[1]) // it has few digits
	g.most = limit{set: true, number: number, percent: parts[2] != ""}
	if g.most.percent && number > 100 {
		return usage.Errorf("--max-removals: %s is more than 100%%", g.MaxRemovals)
	}
	return nil
}

// Review gives the part of a plan that is wanted, and refuses one that is not what was meant.
func (g *Guards) Review(plan reconcile.Plan) (reconcile.Plan, error) {
	part, err := choose.Part(plan, g.Profiles)
	if err != nil {
		return plan, err
	}
	gone := removals(part)
	if err := g.most.check(gone, present(plan), g.MaxRemovals); err != nil {
		return part, err
	}
	if is := part.Digest(); g.Expect != "" && is != g.Expect {
		return part, usage.WithHint(usage.Errorf("this is another plan than --expect %s: its digest is %s", g.Expect, is),
			"nothing was changed; look at it with hermes-reconcile diff, then apply it with --expect %s", is)
	}
	if g.asked == nil {
		return part, nil
	}
	for _, profile := range gone {
		if !g.asked[profile] {
			return part, usage.WithHint(fmt.Errorf("the plan has changed since you were asked: it removes %s, too",
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
	return usage.WithHint(
		usage.Errorf("the plan removes %d of %s (%s), and --max-removals allows %s", len(gone),
			explain.Count(present, "gateway"), explain.Names(gone), text),
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

// Question is what a person is to be asked before a plan is carried out, empty if it removes nothing.
// From then on a plan that removes more is refused.
func (g *Guards) Question(plan reconcile.Plan) string {
	g.asked = map[string]bool{}
	gone := removals(plan)
	for _, profile := range gone {
		g.asked[profile] = true
	}
	if len(gone) == 0 {
		return ""
	}
	return fmt.Sprintf("this removes %s: %s", explain.Count(len(gone), "gateway"),
		visible.Line(strings.Join(gone, ", ")))
}

// Answer reads whether a person says yes, until a signal comes.
func Answer(ctx context.Context, from io.Reader) (yes bool, err error) {
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
