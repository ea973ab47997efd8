//go:build linux

package doctor

import (
	"context"

	"hermes-reconcile/cmd/hermes-reconcile/containerenv"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
)

// RoleVariable says what a container does with the gateways of its manifest: nothing where it is
// RoleNone, so that a second container may have the volume of the first one.
const (
	RoleVariable = containerenv.Role
	RoleNone     = "none"
)

// StartsNothing reports whether this container starts no gateways: another one on the same volume
// does. A word that is no role is an error, and no guess: a second gateway of a profile would be
// worse than none.
func StartsNothing() (bool, error) {
	switch role := containerenv.Look(RoleVariable); role {
	case "":
		return false, nil
	case RoleNone:
		return true, nil
	default:
		return false, usage.WithHint(
			usage.Errorf("%s is %q (want %s, or nothing)", RoleVariable, role, RoleNone),
			"nothing was started; correct the environment of the container")
	}
}

// judgeRole says why nothing starts here, if that is so.
func judgeRole(role string) []explain.Finding {
	n := notes{check: supervisorCheck}
	switch role {
	case "":
	case RoleNone:
		n.add(explain.LevelWarning, RoleVariable, "unset it where gateways should run",
			"it is %s: apply --boot and watch start nothing here", RoleNone)
	default:
		n.add(explain.LevelError, RoleVariable, "set it to "+RoleNone+", or unset it",
			"%q is not a role: apply --boot and watch refuse it, and start nothing", role)
	}
	return n.list
}

// lookAtRole looks what the container was told.
func lookAtRole(context.Context, *Facts) ([]explain.Finding, error) {
	return judgeRole(containerenv.Look(RoleVariable)), nil
}
