//go:build linux

package main

import (
	"errors"
	"slices"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// pick selects the services of the named profiles, each once; no name means all.
func pick(services []reconcile.Service, patterns []string) ([]reconcile.Service, error) {
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.Name
	}
	found, err := match(profilesOfServices(names), patterns)
	if err != nil {
		return nil, err
	}
	picked := make([]reconcile.Service, len(found))
	for i, at := range found {
		picked[i] = services[at]
	}
	return picked, nil
}

// profilesOfServices are the profiles of services with these names.
func profilesOfServices(services []string) []string {
	profiles := make([]string, len(services))
	for i, name := range services {
		profiles[i] = render.ProfileOf(name)
	}
	return profiles
}

// picker is what has services that can be read one by one.
type picker interface {
	Services() ([]string, error)
	ReadServices(names []string) ([]reconcile.Service, error)
}

// readPicked reads the services of the named profiles, and none of the others.
func readPicked(scandir picker, patterns []string) ([]reconcile.Service, error) {
	names, err := scandir.Services()
	if err != nil {
		return nil, err
	}
	found, err := match(profilesOfServices(names), patterns)
	if err != nil {
		return nil, err
	}
	picked := make([]string, len(found))
	for i, at := range found {
		picked[i] = names[at]
	}
	services, err := scandir.ReadServices(picked)
	if err != nil {
		return nil, err
	}
	return pick(services, patterns) // some may be gone meanwhile
}

// match is choose.Match, with errors that say what to type.
func match(names, patterns []string) ([]int, error) {
	found, err := choose.Match(names, patterns)
	var bad *choose.BadGlobError
	var unknown *choose.UnknownError
	switch {
	case errors.As(err, &unknown):
		return nil, meantBy(usage.New(err), unknown.Pattern, names, "%s status", program)
	case errors.As(err, &bad):
		return nil, withHint(usage.New(err), "%s status '*'", program)
	}
	return found, err
}

// pickOurs selects the services to act on. A name has to be that of one of ours; what a glob means
// besides is left alone.
func pickOurs(services []reconcile.Service, patterns []string) ([]reconcile.Service, error) {
	picked, err := pick(services, patterns)
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
			return nil, withHint(usagef("%s is not ours", s.Name),
				"name it in the manifest and apply, or use s6-svc")
		}
	}
	if len(picked) == 0 {
		return nil, withHint(usagef("no gateway of hermes-reconcile matches %s", strings.Join(patterns, " ")),
			"%s status", program)
	}
	slices.SortFunc(picked,
		func(a, b reconcile.Service) int { return strings.Compare(a.Name, b.Name) })
	return picked, nil
}

// namedOrAll refuses a command that names no gateway, or some and all: no gateway is taken because
// a name was forgotten.
func namedOrAll(command, named string, patterns []string, all bool) error {
	switch {
	case all && len(patterns) > 0:
		return usagef("--all already means every gateway (want --all alone, or only %s)", named)
	case !all && len(patterns) == 0:
		return withHint(usagef("which gateways? (want %s, or --all)", named), "%s %s --help",
			program, command)
	}
	return nil
}
