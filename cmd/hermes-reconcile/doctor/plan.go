//go:build linux

package doctor

import (
	"context"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/reconcile"
)

const planCheck = "plan"

// judgePlan reports whether apply would change anything: what its plan says, or why there is none;
// dark is why what interrupted applies owe is not in it.
func judgePlan(r *explain.Report, err, dark error) []explain.Finding {
	n := notes{check: planCheck}
	const object = "manifest and scandir"
	switch {
	case err != nil:
		n.add(explain.LevelError, object,
			"remove the obstacle, or look with hermes-reconcile diff", "cannot plan: %v",
			err)
	case r.Differs:
		n.add(explain.LevelWarning, object, diffThen, "apply would change something: %s",
			r.Summary.Text)
	case dark != nil:
		n.unknown(object, "%s, but it is not known what interrupted applies owe: %v", r.Summary.Text, dark)
	default:
		n.ok(object, "%s", r.Summary.Text)
	}
	return n.list
}

// lookAtPlan looks what apply would do, and whether there is room for it.
func lookAtPlan(ctx context.Context, p *Facts) ([]explain.Finding, error) {
	if p.ScandirErr != nil {
		why := errScandirUnread.Error()
		return []explain.Finding{
			notChecked(planCheck, "all", why), notChecked(roomCheck, "all", why),
		}, nil
	}
	found := []explain.Finding{
		notChecked(planCheck, "all", "there is no manifest to compare with"),
	}
	var changes directoryChanges
	if p.Manifest != nil {
		// What cannot be seen of homes is said once, by the look at them.
		plan, err := p.Scandir.Compare(ctx, deploy.Options{
			Manifest: p.Manifest, Dirs: p.Dirs, Path: p.Path, Homes: homes.New(p.Manifest, p.Path),
			Prune: reconcile.PruneOwned, Faults: func(home.Answer) {},
		}).Plan()
		report := explain.New(plan, explain.Options{NoFiles: true})
		found, changes = judgePlan(&report, err, p.TracesErr), comesAndGoes(plan)
	}
	vacancy, err := p.Scandir.Vacancy(ctx, p.Actual.Hidden)
	return append(found, judgeRoom(vacancy, err, changes)...), nil
}

// comesAndGoes counts the directories that a plan adds and takes away.
func comesAndGoes(plan reconcile.Plan) (n directoryChanges) {
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

const roomCheck = "room"

// directoryChanges are how many services the manifest adds, and how many go.
type directoryChanges struct{ Comes, Goes int }

// judgeRoom reports how many gateways more s6-svscan can take.
func judgeRoom(v reconcile.Vacancy, err error, c directoryChanges) []explain.Finding {
	n := notes{check: roomCheck}
	const object, raise = "s6-svscan", "raise that limit, or remove services"
	switch {
	case err != nil:
		n.unknown(object, "cannot find out how many services it takes: %v", err)
	case c.Comes-c.Goes > v.More:
		n.add(explain.LevelError, object, raise, "room for %s, and the manifest adds %d: %v",
			explain.Count(v.More, "more gateway"), c.Comes-c.Goes, v.Err)
	case v.More == 0:
		n.add(explain.LevelWarning, object, raise, "no room for one more gateway: %v", v.Err)
	case v.CountsLoggers:
		n.ok(object, "s6 2.12 or later: %d of %d services, loggers included; room for %s",
			v.Services, v.Limit, explain.Count(v.More, "more gateway"))
	default:
		n.ok(object, "s6 before 2.12: %d of %d services; room for %s", v.Services, v.Limit,
			explain.Count(v.More, "more gateway"))
	}
	return n.list
}
