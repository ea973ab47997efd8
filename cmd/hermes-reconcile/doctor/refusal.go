//go:build linux

package doctor

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/homes"
)

// The exit codes of a hermes that refuses to start: its command line (argparse), and its profile.
const (
	refused  = 2
	homeless = 1
)

// mayBeRefused reports whether a gateway ended a moment ago as one does that refuses its command
// line or its profile. Python takes 2 to 3 s to say so, so it may be up again.
func (g *Gateway) mayBeRefused(now time.Time) bool {
	code := g.Status.ExitCode
	return g.Owned && g.Status.Supervised && (code == refused || code == homeless) &&
		g.Status.Signal == 0 &&
		g.Restarts > 0 &&
		ago(g.Status.Since, now) < quiet
}

// refusal is the last line of what argparse prints, or what hermes says of a profile that it does
// not have.
var refusal = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(unknownProfile + ` '.*' does not exist.*|` +
		`\bhermes[a-z -]*: error: (unrecognized arguments|argument |invalid choice|the following arguments|ambiguous option).*`)
})

// unknownProfile is how the latter begins.
const unknownProfile = "Error: Profile"

// Refusal is the last line of a log in which hermes refuses its command line, or its profile.
func Refusal(log string) string {
	found := ""
	for line := range strings.Lines(log) {
		if said := refusal().FindString(strings.TrimSpace(line)); said != "" {
			found = said
		}
	}
	return homes.Clip(found, homes.MostPrinted)
}

// MaxLogs is how many logs are read: each takes a process, and one of them says it for all.
const MaxLogs = 5

// readRefusals are the gateways, with what is in the logs of those that exited as a hermes does
// that refuses its command line, or its profile.
func (p *Facts) readRefusals(ctx context.Context) []Gateway {
	all := slices.Clone(p.Gateways)
	read := 0
	for i := range all {
		g := &all[i]
		if !g.mayBeRefused(p.Now) || read == MaxLogs {
			continue
		}
		read++
		for _, s := range p.Actual.Services {
			if s.Name == g.Service {
				g.Refusal = Refusal(p.LogTail(ctx, s))
			}
		}
	}
	return all
}
