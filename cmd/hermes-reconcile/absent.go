//go:build linux

package main

import (
	"context"
	"maps"
	"slices"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
)

// warnAbsent names the profiles that hermes does not know.
func (t *target) warnAbsent(ctx context.Context, u ui) {
	missing := t.Homes.Absent(ctx, t.Manifest.Profiles)
	names := slices.Sorted(maps.Keys(missing))
	if len(names) > homes.MostMeant {
		u.warning(explain.WarnUnknown,
			"hermes does not know %d profiles, which have no profiles/NAME in their %s: %s",
			len(names),
			homes.Variable,
			explain.Names(names),
		)
		names = nil
	}
	for _, name := range names {
		home, _ := t.Homes.HomeOf(name)
		meant := ""
		if missing[name] != "" {
			meant = " (did you mean " + missing[name] + "?)"
		}
		u.warning(explain.WarnUnknown, "profile %s: hermes does not know it, because there is no profiles/%s in %s %q%s",
			name, name, homes.Variable, home, meant)
	}
	if len(missing) > 0 {
		u.hint("hermes profile create NAME, or correct the name in the manifest")
	}
}
