//go:build linux

package main

import (
	"hermes-reconcile/cmd/hermes-reconcile/containerenv"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile"
)

// startsNothing reports whether this container starts no gateways: another one on the same volume
// does. A word that is no role is an error, and no guess: a second gateway of a profile would be
// worse than none.
func startsNothing() (bool, error) {
	switch role := containerenv.Look(doctor.RoleVariable); role {
	case "":
		return false, nil
	case doctor.RoleNone:
		return true, nil
	default:
		return false, withHint(
			usagef("%s is %q (want %s, or nothing)", doctor.RoleVariable, role, doctor.RoleNone),
			"nothing was started; correct the environment of the container")
	}
}

// nothingStarts prints for programs that nothing was looked at, and so nothing done.
func (f *applyFlags) nothingStarts(u ui) error {
	r := explain.New(reconcile.Plan{}, explain.Options{})
	r.Role, r.Summary.Text = doctor.RoleNone, "nothing changed: this container starts no gateways"
	return f.conclude(u, &r)
}

// sayNothingStarts is what boot and watch say where they start nothing.
func (u ui) sayNothingStarts() {
	u.warning(explain.WarnRole, "%s is %s: this container starts no gateways", doctor.RoleVariable,
		doctor.RoleNone)
}
