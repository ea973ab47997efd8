//go:build linux

package deploy

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/reconcile"
)

// retired are the homes of gateways that a plan removes. Their users are known only as long as
// their services are there.
type retired struct {
	homes    *homes.Homes
	profiles []string
}

// retiring finds the homes of what a plan removes. It is asked before the plan is carried out, and
// the user that controls a service owns the home, and is known as long as the service is there.
func (d *Deployment) retiring(plan reconcile.Plan) retired {
	r := retired{homes: &homes.Homes{
		Path: d.opt.Homes.Path, Origin: d.opt.Homes.Origin, Err: d.opt.Homes.Err, Limit: d.opt.Homes.Limit,
		Users: map[string]string{}, Own: map[string]home.Place{}, Helpers: d.opt.Homes.Helpers,
	}}
	r.homes.Silent.Store(d.opt.Homes.Silent.Load())
	for _, c := range plan.Changes {
		if c.Op != reconcile.Remove {
			continue
		}
		service := c.Actual
		dir := filepath.Join(d.Path, c.Service)
		uid, known := ControllerID(dir)
		name := Controller(dir)
		// Root's are only those that we gave root: of other services the home's user is not known.
		if os.Geteuid() == 0 && (!known || name == "" || uid == 0 && !service.Owned) {
			continue
		}
		r.homes.LearnApplied([]reconcile.Service{service})
		r.homes.Users[c.Profile] = name
	}
	r.profiles = slices.Sorted(maps.Keys(r.homes.Users))
	return r
}

// record says in these homes that their gateways should be down: they ended by a signal, which
// hermes takes for the end of a container, and its image would start them with the next one.
func (r retired) record(ctx context.Context) home.Answer {
	return r.homes.Ask(
		context.WithoutCancel(ctx),
		r.profiles,
		func(theirs []string) home.Request {
			return home.Request{Retire: theirs}
		},
	)
}
