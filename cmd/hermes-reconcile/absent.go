//go:build linux

package main

import (
	"context"
	"maps"
	"slices"

	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/manifest"
)

// absent are the profiles that hermes does not know: they have no folder in its home. By name, with
// the profile that may be meant, which is empty where none is like it.
func (h *homes) absent(ctx context.Context, profiles []manifest.Profile) map[string]string {
	var asked []string
	for i := range profiles {
		if p := &profiles[i]; p.IsHermes() && p.StateDir() != "." {
			asked = append(asked, p.Name)
		}
	}
	answer := h.ask(ctx, asked, func(theirs []string) home.Request { return home.Request{Folders: theirs} })
	missing := map[string]string{}
	for name, absence := range answer.Absent {
		others := slices.DeleteFunc(slices.Clone(absence.Others), func(other string) bool {
			return manifest.ProfileNameFault(other) != ""
		})
		slices.Sort(others)
		missing[name] = manifest.Nearest(name, others)
	}
	return missing
}

// warnAbsent names the profiles that hermes does not know.
func (t *target) warnAbsent(ctx context.Context, u ui) {
	missing := t.homes.absent(ctx, t.manifest.Profiles)
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		home, _ := t.homes.homeOf(name)
		meant := ""
		if missing[name] != "" {
			meant = " (did you mean " + missing[name] + "?)"
		}
		u.warning("profile %s: hermes does not know it, since there is no profiles/%s in %s %q%s",
			name, name, homeVariable, home, meant)
	}
	if len(missing) > 0 {
		u.hint("hermes profile create NAME, or mend the name in the manifest")
	}
}
