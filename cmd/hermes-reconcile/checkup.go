//go:build linux

package main

import (
	"context"
	"errors"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
)

// checkup is a doctor's look at one place. What it has seen does not change any more, so that a
// look which is left to itself can do no harm.
type checkup struct {
	flags *doctorFlags
	manifestFacts
	path  string // of the scandir
	homes *homes.Homes
	scandirFacts
	scandirErr error // why nothing of the scandir was seen
	now        time.Time
}

func newCheckup(ctx context.Context, flags *doctorFlags) (*checkup, error) {
	c := &checkup{flags: flags, now: time.Now()}
	var err error
	if c.manifestFacts, err = withinLimit(ctx, flags.read); err != nil {
		c.manifestFacts = manifestFacts{names: flags.names(), errs: []error{err}}
	}
	from, fromHome := defaultScandir, homes.Default
	if c.manifest != nil {
		from, fromHome = c.manifest.Scandir, c.manifest.HermesHome
	}
	if c.path, err = flags.resolve(from); err != nil {
		return nil, err
	}
	c.homes = homes.At(c.path, fromHome)
	if c.scandirFacts, c.scandirErr = withinLimit(ctx, c.view); c.scandirErr == nil {
		c.homes.LearnApplied(c.actual.Services)
	}
	if c.manifest != nil {
		c.homes.Own = homes.New(c.manifest, c.path).Own
	}
	return c, nil
}

// findings makes all checks.
func (c *checkup) findings(ctx context.Context) []explain.Finding {
	var all []explain.Finding
	add := func(check string, look func() ([]explain.Finding, error)) {
		found, err := withinLimit(ctx, look)
		if err != nil {
			found = []explain.Finding{doctor.NotChecked(check, "all", err.Error())}
		}
		all = append(all, found...)
	}
	add(doctor.Supervisor, c.supervisor)
	add(doctor.Scandir, c.scandirState)
	add(doctor.Manifest, func() ([]explain.Finding, error) {
		return append(
			doctor.JudgeManifest(c.names, c.manifest, c.errs),
			doctor.JudgeCommands(c.commands())...), nil
	})
	add(doctor.Plan, func() ([]explain.Finding, error) { return c.plan(ctx) })
	add(doctor.Users, c.accounts)
	add(doctor.Home, func() ([]explain.Finding, error) { return c.homesBelow(ctx) })
	add(doctor.Gateways, func() ([]explain.Finding, error) { return c.all(ctx) })
	add(doctor.Gateways, func() ([]explain.Finding, error) { return c.strays(ctx), nil })
	add(doctor.Ports, func() ([]explain.Finding, error) { return c.ports(ctx) })
	add(doctor.Leftovers, c.leftovers)
	add(doctor.Ownership, c.ownership)
	return all
}

// errScandirUnread is why what is in the scandir was not looked at: the look at the scandir says
// the cause.
var errScandirUnread = errors.New("the scandir cannot be read")
