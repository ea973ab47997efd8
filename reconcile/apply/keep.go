//go:build linux

package apply

import (
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
)

// keepStates corrects the `down` files of gateways in state last that others have told up or down.
// A file that cannot be written is no failure of the apply: the gateway is as it should be, and the
// next apply tries again.
func (r *applier) keepStates() {
	for i := range r.plan.Changes {
		c := &r.plan.Changes[i]
		if !c.Contradicted() {
			continue
		}
		if err := r.keepState(c.Service, !c.WantsDown()); err != nil {
			r.Note(reconcile.NoteUnkept, "%s would not stay as it is if its supervisor died: %v", c.Service, err)
		}
	}
}

// keepState looks once more before it writes, and once after it. A supervisor that ends with its
// s6-svscan has brought its gateway down, too, and that gateway should come up with the next one.
func (r *applier) keepState(service string, up bool) error {
	status, err := r.Sup.Status(service)
	if err != nil || !status.Supervised || status.WantUp != up || !up && !status.Down() {
		return err
	}
	if err := operate.KeepState(r.Scandir, r.Lock, service, up); err != nil || up {
		return err
	}
	if status, err = r.Sup.Status(service); err != nil || status.Supervised {
		return err
	}
	return operate.KeepState(r.Scandir, r.Lock, service, true)
}
