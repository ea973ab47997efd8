//go:build linux

package deploy

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/render"
)

// Wanted is what gateways in state last should be from now on.
type Wanted struct {
	Manifest *manifest.Manifest // nil: there is none
	Services []reconcile.Service
	Up       bool // all of them; else none
	// Running says that they run, and may write to their homes themselves: there only what is wrong
	// is changed.
	Running bool
}

// Remember records what is wanted: for the next container in the homes of the gateways, and for a
// supervisor that dies in their directories. The latter takes the lock; with nil it is left out.
// The error joins what could not be noted: the gateways are as they should be all the same.
func (p *Place) Remember(ctx context.Context, lock *journal.Lock, w Wanted) error {
	if len(w.Services) == 0 {
		return nil
	}
	var errs []error
	if lock != nil {
		for _, s := range w.Services {
			errs = append(errs, operate.KeepState(p.Scandir, lock, s.Name, w.Up))
		}
	}
	h, profiles := p.HomesOf(w.Manifest, w.Services)
	if w.Running {
		states := h.Ask(ctx, profiles,
			func(theirs []string) home.Request { return home.Request{Recall: theirs} }).States
		profiles = slices.DeleteFunc(profiles, func(p string) bool { return states[p].Up })
	}
	answer := h.Ask(ctx, profiles, func(theirs []string) home.Request {
		wishes := map[string]bool{}
		for _, p := range theirs {
			wishes[p] = w.Up
		}
		return home.Request{Wishes: wishes}
	})
	for _, fault := range answer.Faults {
		errs = append(errs, errors.New(fault))
	}
	return errors.Join(errs...)
}

// HomesOf are the homes of services, as the manifest or, without one, their markers say. A service
// that no manifest names belongs to the user that controls it.
func (p *Place) HomesOf(
	m *manifest.Manifest, services []reconcile.Service,
) (h *homes.Homes, profiles []string) {
	h = homes.At(p.Path, homes.Default)
	if m != nil {
		h = homes.New(m, p.Path)
	} else {
		h.LearnApplied(services)
	}
	for _, s := range services {
		profile := render.ProfileOf(s.Name)
		profiles = append(profiles, profile)
		if h.Users[profile] == "" {
			h.Users[profile] = Controller(filepath.Join(p.Path, s.Name))
		}
	}
	return h, profiles
}
