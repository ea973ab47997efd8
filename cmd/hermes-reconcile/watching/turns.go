//go:build linux

package watching

import (
	"slices"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
)

// byTurns reports whether gateways restart by turns, and have to be back before the next.
func (t *Side) byTurns() bool {
	level := t.Apply.Level
	return t.Apply.MaxRestarts > 0 && t.Record != nil &&
		(level == reconcile.LevelUp || level == reconcile.LevelReady)
}

// takeTurns records which gateways restart by turns, for a watch that is started while they do.
func takeTurns(t *Side, lock *journal.Lock, plan reconcile.Plan) error {
	var services []string
	for _, c := range plan.Changes {
		if c.Gateway == reconcile.Restart {
			services = append(services, c.Service)
		}
	}
	if !t.byTurns() || len(services) == 0 {
		return nil
	}
	return lock.TakeTurns(t.Record.Digest(), services)
}

// inTurn are the gateways that an earlier watch has restarted for this manifest, and that may not be
// back. Those that had no turn yet are not as the manifest says. A record or a plan that cannot be
// read holds up nothing: the apply says what is wrong.
func inTurn(t *Side, d *deploy.Deployment, lock *journal.Lock) (restarted []reconcile.Change) {
	if !t.byTurns() {
		return nil
	}
	turns, err := lock.Turns()
	if err != nil || turns == nil || turns.Digest != t.Record.Digest() {
		return nil
	}
	plan, err := d.Plan()
	if err != nil {
		return nil
	}
	for _, c := range plan.Changes {
		if !c.Acts() && c.Wanted() && slices.Contains(turns.Services, c.Service) {
			c.Op = reconcile.Unchanged // of one that has ended, too
			restarted = append(restarted, c)
		}
	}
	return restarted
}
