//go:build linux

package reconcile

import (
	"time"

	"hermes-reconcile/s6ctl/safefile"
)

// inTheirPlaces is the part of a Supervisor that tells of processes: all work where they should.
type inTheirPlaces struct{}

func (inTheirPlaces) Supervises(func(safefile.Identity) bool) ([]Supervise, error) { return nil, nil }

func (inTheirPlaces) Doing(Supervise) (lives bool, child int) { return false, 0 }

func (inTheirPlaces) Quiet(Supervise) error { return nil }

func (inTheirPlaces) Dismiss(Supervise, bool) error { return nil }

func (inTheirPlaces) KillService(Supervise) error { return nil }

func (inTheirPlaces) Sweep(int) error { return nil }

func (inTheirPlaces) Former(pid, start int) (Supervise, bool) { return Supervise{}, false }

func (inTheirPlaces) Age(int) time.Duration { return 0 }

func (inTheirPlaces) FrozenLog(int) string { return "" }
func (inTheirPlaces) LogLost(int) bool     { return false }

func (inTheirPlaces) KillGroup(Supervise) error { return nil }
