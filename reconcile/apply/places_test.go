//go:build linux

package apply

import (
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl/safefile"
)

// inTheirPlaces is the part of a Supervisor that tells of processes: all work where they should.
type inTheirPlaces struct{}

func (inTheirPlaces) Supervises(func(safefile.Identity) bool) ([]reconcile.Supervise, error) {
	return nil, nil
}

func (inTheirPlaces) Doing(reconcile.Supervise) (lives bool, child int) { return false, 0 }

func (inTheirPlaces) Quiet(reconcile.Supervise) error { return nil }

func (inTheirPlaces) Dismiss(reconcile.Supervise, bool) error { return nil }

func (inTheirPlaces) KillService(reconcile.Supervise) error { return nil }

func (inTheirPlaces) Sweep(int) error { return nil }

func (inTheirPlaces) Former(pid, start int) (reconcile.Supervise, bool) {
	return reconcile.Supervise{}, false
}

func (inTheirPlaces) Age(int) time.Duration { return 0 }
func (inTheirPlaces) Started(int) int       { return 0 }

func (inTheirPlaces) FrozenLog(int) string { return "" }
func (inTheirPlaces) LogLost(int) bool     { return false }

func (inTheirPlaces) KillGroup(reconcile.Supervise) error { return nil }
