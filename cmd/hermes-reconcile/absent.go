//go:build linux

package main

import (
	"context"
	"maps"
	"slices"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/names"
	"hermes-reconcile/manifest/wording"
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
	answer := h.ask(ctx, asked, func(theirs []string) home.Request {
		return home.Request{Folders: theirs}
	})
	slices.Sort(answer.Absent)
	missing := map[string]string{}
	for i, name := range answer.Absent {
		missing[name] = ""
		if i >= mostMeant {
			continue
		}
		at, _ := h.homeOf(name)
		others := slices.DeleteFunc(slices.Clone(answer.Others[at]), func(other string) bool {
			return names.ProfileFault(other) != ""
		})
		slices.Sort(others)
		missing[name] = wording.Nearest(name, others)
	}
	return missing
}

// mostMeant is for how many profiles it is looked which one may be meant, and how many are named
// one by one.
const mostMeant = 8

// warnAbsent names the profiles that hermes does not know.
func (t *target) warnAbsent(ctx context.Context, u ui) {
	missing := t.homes.absent(ctx, t.manifest.Profiles)
	names := slices.Sorted(maps.Keys(missing))
	if len(names) > mostMeant {
		u.warning(
			"hermes does not know %d profiles, since there is no profiles/NAME of them in their %s: %s",
			len(names),
			homeVariable,
			explain.Names(names),
		)
		names = nil
	}
	for _, name := range names {
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
