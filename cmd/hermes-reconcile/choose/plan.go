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
	found, err := Match(names, patterns)
	var unknown *UnknownError
	switch {
	case errors.As(err, &unknown):
		return reconcile.Plan{}, NotPlanned(unknown.Pattern, names)
	case err != nil:
		return reconcile.Plan{}, usage.Errorf("%w", err)
	}
	wanted := make(map[string]bool, len(found))
	for _, i := range found {
		wanted[names[i]] = true
	}
	return plan.Only(func(profile string) bool { return wanted[profile] })
}

// NotPlanned is that a pattern means neither a profile of the manifest nor a gateway that is there.
func NotPlanned(pattern string, names []string) error {
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
