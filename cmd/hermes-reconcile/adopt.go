//go:build linux

package main

import (
	"slices"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/discover"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// adoptions warns of what an adoption changes without a word in the manifest: a gateway that its
// ./finish left down after exit code 0 is started again from now on. A manifest that sets restart
// has decided that.
func (u ui) adoptions(scandir string, plan reconcile.Plan, m *manifest.Manifest) {
	var undecided []string
	for _, c := range plan.Changes {
		silent := func(p manifest.Profile) bool { return p.Name == c.Profile && !p.RestartSet }
		if c.Op == reconcile.Adopt && slices.ContainsFunc(m.Profiles, silent) {
			undecided = append(undecided, c.Service)
		}
	}
	if len(undecided) == 0 {
		return
	}
	ending := discover.EndAfterZero(scandir, undecided)
	if len(ending) == 0 {
		return
	}
	for i, name := range ending {
		ending[i] = render.ProfileOf(name)
	}
	u.warning(explain.WarnExit0, "these stayed down after exit code 0; once adopted, they will restart: %s",
		strings.Join(ending, ", "))
	u.hint(
		"set restart: on-failure in the manifest to keep that, or restart: always to silence this warning",
	)
}
