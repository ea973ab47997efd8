//go:build linux

package homes

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

// Absent are the profiles that hermes does not know: they have no folder in its home. By name, with
// the profile that may be meant, which is empty where none is like it.
func (h *Homes) Absent(ctx context.Context, profiles []manifest.Profile) map[string]string {
	var asked []string
	for i := range profiles {
		if p := &profiles[i]; p.IsHermes() && p.StateDir() != "." {
			asked = append(asked, p.Name)
		}
	}
	answer := h.Ask(ctx, asked, func(theirs []string) home.Request {
		return home.Request{Folders: theirs}
	})
	slices.Sort(answer.Absent)
	missing := map[string]string{}
	for i, name := range answer.Absent {
		missing[name] = ""
		if i >= MostMeant {
			continue
		}
		at, _ := h.HomeOf(name)
		others := slices.DeleteFunc(slices.Clone(answer.Others[at]), func(other string) bool {
			return names.ProfileFault(other) != ""
		})
		slices.Sort(others)
		missing[name] = wording.Nearest(name, others)
	}
	return missing
}

// MostMeant is for how many profiles it is looked which one may be meant, and how many are named
// one by one.
const MostMeant = 8

// WarnAbsent names the profiles that hermes does not know, and reports whether there are any.
func (h *Homes) WarnAbsent(
	ctx context.Context, profiles []manifest.Profile,
	warn func(code explain.Code, format string, args ...any),
) bool {
	missing := h.Absent(ctx, profiles)
	names := slices.Sorted(maps.Keys(missing))
	if len(names) > MostMeant {
		warn(explain.WarnUnknown,
			"hermes does not know %d profiles, which have no profiles/NAME in their %s: %s",
			len(names), Variable, explain.Names(names))
		return true
	}
	for _, name := range names {
		home, _ := h.HomeOf(name)
		meant := ""
		if missing[name] != "" {
			meant = " (did you mean " + missing[name] + "?)"
		}
		warn(explain.WarnUnknown,
			"profile %s: hermes does not know it, because there is no profiles/%s in %s %q%s",
			name, name, Variable, home, meant)
	}
	return len(names) > 0
}
