//go:build linux

package main

import (
	"context"
	"errors"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
)

// checkup is a doctor's look at one place. What it has seen does not change any more, so that a look which is left to itself can do
// no harm.
type checkup struct {
	flags *doctorFlags
	reading
	path  string // of the scandir
	homes *homes
	sight
	blind error // why nothing of the scandir was seen
	now   time.Time
}

func newCheckup(ctx context.Context, flags *doctorFlags) (*checkup, error) {
	c := &checkup{flags: flags, now: time.Now()}
	var err error
	if c.reading, err = soon(ctx, flags.read); err != nil {
		c.reading = reading{names: flags.names(), errs: []error{err}}
	}
	from, fromHome := defaultScandir, defaultHome
	if c.manifest != nil {
		from, fromHome = c.manifest.Scandir, c.manifest.HermesHome
	}
	if c.path, err = flags.resolve(from); err != nil {
		return nil, err
	}
	c.homes = homesAt(c.path, fromHome)
	if c.sight, c.blind = soon(ctx, c.view); c.blind == nil {
		c.homes.learnApplied(c.actual.Services)
	}
	if c.manifest != nil {
		c.homes.own = newHomes(c.manifest, c.path).own
	}
	return c, nil
}

// findings makes all checks.
func (c *checkup) findings(ctx context.Context) []explain.Finding {
	var all []explain.Finding
	add := func(check string, look func() ([]explain.Finding, error)) {
		found, err := soon(ctx, look)
		if err != nil {
			found = []explain.Finding{doctor.NotChecked(check, "all", err.Error())}
		}
		all = append(all, found...)
	}
	add(doctor.Supervisor, c.supervisor)
	add(doctor.Scandir, c.place)
	add(doctor.Manifest, func() ([]explain.Finding, error) {
		return append(doctor.OfManifest(c.names, c.manifest, c.errs), doctor.OfCommands(c.commands())...), nil
	})
	add(doctor.Plan, func() ([]explain.Finding, error) { return c.plan(ctx) })
	add(doctor.Users, c.people)
	add(doctor.Home, func() ([]explain.Finding, error) { return c.dwelling(ctx) })
	add(doctor.Gateways, func() ([]explain.Finding, error) { return c.all(ctx) })
	add(doctor.Gateways, func() ([]explain.Finding, error) { return c.strays(ctx), nil })
	add(doctor.Ports, func() ([]explain.Finding, error) { return c.ports(ctx) })
	add(doctor.Leftovers, c.leftovers)
	add(doctor.Ownership, c.ownership)
	return all
}

// errBlind is why what is in the scandir was not looked at: the look at the scandir says the cause.
var errBlind = errors.New("the scandir cannot be read")
