//go:build linux

package doctor

import (
	"context"
	"slices"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/cmd/hermes-reconcile/loglines"
)

// mayBeRefused reports whether a gateway ended a moment ago as if it had refused its command line
// or its profile. Python takes 2 to 3 s to say so, so it may be up again.
func (g *Gateway) mayBeRefused(now time.Time) bool {
	code := g.Status.ExitCode
	return g.Owned && g.Status.Supervised &&
		(code == loglines.ExitRefused || code == loglines.ExitNoProfile) &&
		g.Status.Signal == 0 &&
		g.Restarts > 0 &&
		ago(g.Status.Since, now) < quiet
}

// Refusal is loglines.Refusal, short enough for a finding.
func Refusal(log string) string { return homes.Clip(loglines.Refusal(log), homes.MostPrinted) }

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
