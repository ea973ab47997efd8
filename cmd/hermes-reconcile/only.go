package main

import (
	"errors"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/manifest/wording"
	"hermes-reconcile/reconcile"
)

// only leaves of a plan what concerns the profiles that are named, by names or globs; none means
// all.
func only(plan reconcile.Plan, patterns []string) (reconcile.Plan, error) {
	if len(patterns) == 0 {
		return plan, nil
	}
	names := make([]string, 0, len(plan.Changes))
	for _, c := range plan.Changes {
		names = append(names, c.Profile)
	}
	found, err := choose.Match(names, patterns)
	var unknown *choose.UnknownError
	switch {
	case errors.As(err, &unknown):
		return reconcile.Plan{}, notPlanned(unknown.Pattern, names)
	case err != nil:
		return reconcile.Plan{}, usagef("%w", err)
	}
	wanted := make(map[string]bool, len(found))
	for _, i := range found {
		wanted[names[i]] = true
	}
	return plan.Only(func(profile string) bool { return wanted[profile] })
}

// notPlanned is that a pattern means neither a profile of the manifest nor a gateway that is there.
func notPlanned(pattern string, names []string) error {
	err := usagef("%q is neither a profile of the manifest nor a gateway that is there", pattern)
	if sources.LooksNamed(pattern) { // no profile is called so
		return withHint(err, "name the manifest with -f %s", pattern)
	}
	return meantBy(err, pattern, names, "%s diff names all that differ", program)
}

// meantBy adds to an error about a name the profile that may be meant, or else another hint.
func meantBy(err error, typed string, names []string, format string, args ...any) error {
	if near := wording.Nearest(typed, names); near != "" {
		return withHint(err, "did you mean %q?", near)
	}
	return withHint(err, format, args...)
}
