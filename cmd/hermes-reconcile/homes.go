//go:build linux

package main

import (
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
)

// faults prints what could not be done below HERMES_HOME.
func (u ui) faults(answer home.Answer) {
	for _, fault := range answer.Faults {
		u.warning(explain.WarnHome, "%s", fault)
	}
}
