//go:build linux

package doctor

import (
	"context"
	"fmt"
	"os"
	"slices"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/asuser"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/process"
)

// judgeStrays reports processes that have outlived the gateways which started them, by profile.
func judgeStrays(byProfile map[string][]process.Stray) []explain.Finding {
	n := notes{check: gatewaysCheck}
	for _, profile := range sortedKeys(byProfile) {
		var who []string
		for _, s := range byProfile[profile] {
			who = append(who, fmt.Sprintf("%q (pid %d)", s.Program, s.PID))
		}
		n.add(explain.LevelWarning, profile,
			"end them with kill, and let its command stay in the foreground",
			"some of its processes are still there after it ended, and no stop reaches them: %s", listing(who))
	}
	return n.list
}

// lookAtStrays looks for processes that have outlived their gateways. The gateway of a supervisor
// that was killed is none of these: another check reports it.
func lookAtStrays(ctx context.Context, p *Facts) ([]explain.Finding, error) {
	if p.ScandirErr != nil {
		return nil, nil // the check of gateways says so
	}
	running := map[string]int{}
	for _, g := range p.Gateways {
		running[g.Service] = g.PID
	}
	byUID := map[uint32]accounts.Account{}
	for _, name := range p.users() {
		who := accounts.LookUp(name)
		byUID[who.UID] = who
	}
	all := process.Strays(process.ThisHost(), p.Path, running, func(uid uint32) (seen map[int]string) {
		if who, known := byUID[uid]; known && uid != 0 && os.Geteuid() == 0 {
			// What cannot be seen is not told.
			_ = asuser.Ask(ctx, who, asuser.Marks, &seen)
		}
		return seen
	})
	byProfile := map[string][]process.Stray{}
	for _, s := range all {
		former := func(d reconcile.Displaced) bool { return d.Former }
		if !slices.ContainsFunc(p.Actual.DisplacedOf(s.Service), former) {
			profile := render.ProfileOf(s.Service)
			byProfile[profile] = append(byProfile[profile], s)
		}
	}
	return judgeStrays(byProfile), nil
}
