package choose

import (
	"errors"

	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest/wording"
	"hermes-reconcile/reconcile"
)

// Part is what a plan has for the profiles that the patterns mean; no pattern means all. An error is
// one of usage, with what to type.
func Part(plan reconcile.Plan, patterns []string) (reconcile.Plan, error) {
	if len(patterns) == 0 {
		return plan, nil
	}
	names := make([]string, 0, len(plan.Changes))
	for _, c := range plan.Changes {
		names = append(names, c.Profile)
	}
	found, err := Planned("", names, patterns)
	if err != nil {
		return reconcile.Plan{}, err
	}
	wanted := make(map[string]bool, len(found))
	for _, name := range found {
		wanted[name] = true
	}
	return plan.Only(func(profile string) bool { return wanted[profile] })
}

// Planned are those profiles of a plan that the patterns mean, as Match has them. An error is one of
// usage; one of a pattern that cannot be understood begins with a prefix.
func Planned(prefix string, names, patterns []string) ([]string, error) {
	found, err := Match(names, patterns)
	var unknown *UnknownError
	switch {
	case errors.As(err, &unknown):
		return nil, notPlanned(unknown.Pattern, names)
	case err != nil:
		return nil, usage.Errorf("%s%w", prefix, err)
	}
	return at(names, found), nil
}

// notPlanned is that a pattern means neither a profile of the manifest nor a gateway that is there.
func notPlanned(pattern string, names []string) error {
	err := usage.Errorf("%q is neither a profile of the manifest nor a gateway that is there", pattern)
	if sources.LooksNamed(pattern) { // no profile is called so
		return usage.WithHint(err, "name the manifest with -f %s", pattern)
	}
	return meantBy(err, pattern, names, "hermes-reconcile diff names all that differ")
}

// meantBy adds to an error about a name the profile that may be meant, or else another hint.
func meantBy(err error, typed string, names []string, format string, args ...any) error {
	if near := wording.Nearest(typed, names); near != "" {
		return usage.WithHint(err, "did you mean %q?", near)
	}
	return usage.WithHint(err, format, args...)
}
