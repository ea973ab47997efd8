package choose

import (
	"errors"
	"slices"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// Services are those of the profiles that the patterns mean, each once and in the order of Match; no
// pattern means all. An error is one of usage, with what to type.
func Services(services []reconcile.Service, patterns []string) ([]reconcile.Service, error) {
	return ofProfiles(services, func(s reconcile.Service) string { return s.Name }, patterns)
}

// seeStatus is what to type to see the gateways that are there.
const seeStatus = "hermes-reconcile status"

// ofProfiles are those of the profiles that the patterns mean, by the names of their services. The
// errors say what to type.
func ofProfiles[T any](all []T, service func(T) string, patterns []string) ([]T, error) {
	profiles := make([]string, len(all))
	for i, one := range all {
		profiles[i] = render.ProfileOf(service(one))
	}
	found, err := Match(profiles, patterns)
	var bad *BadGlobError
	var unknown *UnknownError
	switch {
	case errors.As(err, &unknown):
		return nil, meantBy(usage.New(err), unknown.Pattern, profiles, seeStatus)
	case errors.As(err, &bad):
		return nil, usage.WithHint(usage.New(err), seeStatus+" '*'")
	case err != nil:
		return nil, err
	}
	return at(all, found), nil
}

// at are those of a list at the indexes, in their order.
func at[T any](all []T, indexes []int) []T {
	found := make([]T, len(indexes))
	for i, index := range indexes {
		found[i] = all[index]
	}
	return found
}

// Reader is what has services that can be read one by one.
type Reader interface {
	Services() ([]string, error)
	ReadServices(names []string) ([]reconcile.Service, error)
}

// Read reads the services of the profiles that the patterns mean, and none of the others.
func Read(scandir Reader, patterns []string) ([]reconcile.Service, error) {
	names, err := scandir.Services()
	if err != nil {
		return nil, err
	}
	picked, err := ofProfiles(names, func(name string) string { return name }, patterns)
	if err != nil {
		return nil, err
	}
	services, err := scandir.ReadServices(picked)
	if err != nil {
		return nil, err
	}
	return Services(services, patterns) // some may be gone meanwhile
}

// Ours are the services to act on, sorted by name. A name has to be that of one of ours; what a glob
// means besides is left alone.
func Ours(services []reconcile.Service, patterns []string) ([]reconcile.Service, error) {
	picked, err := Services(services, patterns)
	if err != nil {
		return nil, err
	}
	picked = slices.DeleteFunc(picked, func(s reconcile.Service) bool {
		return !s.Owned && s.Fault == nil && !slices.Contains(patterns, render.ProfileOf(s.Name))
	})
	// All or none: with one wrong name nothing is stopped or started.
	for _, s := range picked {
		if s.Fault != nil {
			return nil, s.Fault
		}
		if !s.Owned {
			return nil, usage.WithHint(usage.Errorf("%s is not ours", s.Name),
				"name it in the manifest and apply, or use s6-svc")
		}
	}
	if len(picked) == 0 {
		return nil, usage.WithHint(usage.Errorf("no gateway of hermes-reconcile matches %s",
			strings.Join(patterns, " ")), seeStatus)
	}
	slices.SortFunc(picked,
		func(a, b reconcile.Service) int { return strings.Compare(a.Name, b.Name) })
	return picked, nil
}

// NamedOrAll refuses a command that names no gateway, or some and all: no gateway is taken because
// a name was forgotten.
func NamedOrAll(command, named string, patterns []string, all bool) error {
	switch {
	case all && len(patterns) > 0:
		return usage.Errorf("--all already means every gateway (want --all alone, or only %s)", named)
	case !all && len(patterns) == 0:
		return usage.WithHint(usage.Errorf("which gateways? (want %s, or --all)", named),
			"hermes-reconcile %s --help", command)
	}
	return nil
}
