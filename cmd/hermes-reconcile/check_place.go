//go:build linux

package main

import (
	"context"
	"os"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl"
)

func (c *checkup) supervisor() ([]explain.Finding, error) {
	s6 := s6ctl.Open(c.path)
	h := doctor.SupervisorFacts{
		Kind:    s6ctl.Detect(s6ctl.ThisHost(), c.path),
		Missing: s6.Installed(),
		Folder:  s6.Folder(),
	}
	if c.manifest != nil {
		h.Runtime = c.manifest.Runtime
	}
	_, err := os.Stat(doctor.OverlayShell)
	h.Overlay = err == nil
	return doctor.JudgeSupervisor(h), nil
}

func (c *checkup) scandirState() ([]explain.Finding, error) {
	noExec := ""
	if c.scandirErr == nil {
		noExec = c.scandir.NoExec()
	}
	return doctor.JudgeScandir(doctor.ScandirFacts{
		Path: c.path, NoExec: noExec, Err: c.scandirErr, Listening: c.actual.Listening, Held: c.actual.Held, Traces: c.traces, Dark: c.tracesErr,
	}, c.now), nil
}

// plan looks what apply would do, and whether there is room for it.
func (c *checkup) plan(ctx context.Context) ([]explain.Finding, error) {
	if c.scandirErr != nil {
		why := errScandirUnread.Error()
		return []explain.Finding{
			doctor.NotChecked(doctor.Plan, "all", why), doctor.NotChecked(doctor.Room, "all", why),
		}, nil
	}
	found := []explain.Finding{
		doctor.NotChecked(doctor.Plan, "all", "there is no manifest to compare with"),
	}
	var changes doctor.DirectoryChanges
	if c.manifest != nil {
		// What cannot be seen of homes is said once, by the look at them.
		plan, err := c.scandir.Compare(ctx, deploy.Options{
			Manifest: c.manifest, Dirs: c.dirs, Path: c.path, Homes: homes.New(c.manifest, c.path),
			Prune: reconcile.PruneOwned, Faults: func(home.Answer) {},
		}).Plan()
		report := explain.New(plan, explain.Options{NoFiles: true})
		found, changes = doctor.JudgePlan(&report, err, c.tracesErr), comesAndGoes(plan)
	}
	vacancy, err := c.scandir.Vacancy(ctx, c.actual.Hidden)
	return append(found, doctor.JudgeRoom(vacancy, err, changes)...), nil
}

// comesAndGoes counts the directories that a plan adds and takes away.
func comesAndGoes(plan reconcile.Plan) (n doctor.DirectoryChanges) {
	for _, change := range plan.Changes {
		if change.Op == reconcile.Create || change.Replace {
			n.Comes++
		}
		if change.Op == reconcile.Remove || change.Replace {
			n.Goes++
		}
	}
	return n
}
