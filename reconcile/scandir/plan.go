//go:build linux

package scandir

import (
	"slices"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// Plan compares what should be with what is. It writes nothing and waits for nothing.
func (s *Scandir) Plan(desired []render.Servicedir, prune reconcile.Prune) (reconcile.Plan, error) {
	actual, err := s.ReadBeside(desired)
	if err != nil {
		return reconcile.Plan{}, err
	}
	s.recall(desired, &actual)
	if s.Rotated != nil {
		actual.Rotated = s.Rotated(actual.Services)
	}
	plan, err := reconcile.Diff(desired, actual, prune)
	if err != nil {
		return reconcile.Plan{}, &reconcile.ObstacleError{Err: err}
	}
	return plan, nil
}

// recall finds out what gateways were last. It looks at those alone that a plan will make a
// directory for, or adopt, and that the manifest gives no state.
func (s *Scandir) recall(desired []render.Servicedir, actual *reconcile.Actual) {
	actual.Users = s.Users
	if s.Recall == nil {
		return
	}
	asked := slices.DeleteFunc(slices.Clone(desired), func(d render.Servicedir) bool {
		return !d.Last || slices.ContainsFunc(actual.Services, func(s reconcile.Service) bool {
			return s.Name == d.Name && s.Owned && s.Status.Supervised
		})
	})
	if len(asked) > 0 {
		actual.Was = s.Recall(asked)
	}
}
