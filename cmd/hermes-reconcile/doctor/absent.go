//go:build linux

package doctor

import (
	"context"
	"slices"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
)

// absentProfiles are profiles that hermes does not know, since they have no folder in their home:
// by name, with the profile that may be meant.
type absentProfiles map[string]string

// judgeAbsent reports them. homeOf is the HERMES_HOME of a profile.
func judgeAbsent(m absentProfiles, homeOf func(profile string) string) []explain.Finding {
	n := notes{check: homeCheck}
	names := sortedKeys(m)
	const most = 8 // that are named one by one
	if len(names) > most {
		n.add(
			explain.LevelError,
			"profiles",
			"hermes profile create NAME, or correct the names in the manifest",
			"hermes does not know %d profiles, which have no profiles/NAME in their HERMES_HOME: %s",
			len(names),
			listing(names),
		)
		return n.list
	}
	for _, profile := range names {
		meant := ""
		if m[profile] != "" {
			meant = " (did you mean " + m[profile] + "?)"
		}
		n.add(explain.LevelError, homeOf(profile),
			"hermes profile create "+profile+", or correct the name in the manifest",
			"hermes does not know profile %s: there is no profiles/%s%s", profile, profile, meant)
	}
	return n.list
}

// lookAtAbsent looks for the profiles that hermes does not know.
func lookAtAbsent(ctx context.Context, p *Facts) ([]explain.Finding, error) {
	if _, why := p.homesClosed(); why != "" { // the check of homes says so
		return nil, nil
	}
	homeOf := func(profile string) string {
		path, _ := p.Homes.HomeOf(profile)
		return path
	}
	return judgeAbsent(
		p.Homes.Absent(ctx, slices.DeleteFunc(p.profiles(), func(profile manifest.Profile) bool {
			return p.cannotBe(p.Homes.Users[profile.Name]) != ""
		})),
		homeOf,
	), nil
}
