//go:build linux

package scandir

import (
	"context"
	"strings"

	"hermes-reconcile/reconcile"
)

// Vacancy tells how many more gateways s6-svscan has room for, beside these removals that are not
// finished.
func (s *Scandir) Vacancy(
	ctx context.Context,
	leftovers []reconcile.Hidden,
) (reconcile.Vacancy, error) {
	room, err := s.Sup.Room(ctx)
	if err != nil {
		return reconcile.Vacancy{}, err
	}
	now, err := s.Count(leftovers)
	if err != nil {
		return reconcile.Vacancy{}, err
	}
	return room.Vacancy(now), nil
}

// Count counts what s6-svscan sees, and what is hidden and not gone.
func (s *Scandir) Count(leftovers []reconcile.Hidden) (reconcile.Census, error) {
	var now reconcile.Census
	names, err := s.Dir.Names()
	if err != nil {
		return now, err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, ".") && s.Dir.LeadsToFolder(name) {
			now.Add(s.Dir.LeadsToFolder(name + "/log"))
		}
	}
	for _, m := range leftovers {
		if m.Status.Supervised || m.Log.Supervised {
			now.Add(m.Log.Supervised)
		}
	}
	return now, nil
}
