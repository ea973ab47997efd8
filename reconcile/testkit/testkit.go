// Package testkit has what the tests of reconcile and of the packages below it share: profiles, the
// services that they make, and plans compared.
package testkit

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// Profile is a profile with a marker in its environment, so that a change of it changes its run
// script.
func Profile(name, value string) manifest.Profile {
	return manifest.Profile{
		Name:        name,
		State:       manifest.StateUp,
		User:        "nobody",
		Command:     []string{"gateway"},
		StopTimeout: time.Second,
		Env: []manifest.EnvVar{
			{Name: "VALUE", Value: value},
		},
		Log: manifest.Log{Keep: 1, Size: 4096},
	}
}

// OnPort gives a profile a port.
func OnPort(p manifest.Profile, port int) manifest.Profile { p.Port = port; return p }

// Draining lets a profile's gateway end its work before it is stopped.
func Draining(p manifest.Profile) manifest.Profile {
	p.Drain = &manifest.Drain{Signal: "SIGUSR1", Timeout: 30 * time.Minute}
	return p
}

func Down(p manifest.Profile) manifest.Profile {
	p.State = manifest.StateDown
	return p
}

// Keeping changes what concerns the logger alone, so that the gateway need not restart.
func Keeping(p manifest.Profile, n int) manifest.Profile { p.Log.Keep = n; return p }

// Servicedirs renders profiles as a manifest that has nothing else.
func Servicedirs(t testing.TB, profiles ...manifest.Profile) []render.Servicedir {
	t.Helper()
	dirs, err := render.All(
		&manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: "/h", Profiles: profiles},
	)
	require.NoError(t, err)
	return dirs
}

// Found is the service that a scandir holds after these profiles were applied, up or down as they
// say.
func Found(t testing.TB, p manifest.Profile) reconcile.Service {
	t.Helper()
	d := Servicedirs(t, p)[0]
	s := reconcile.Service{
		Name: d.Name, Owned: true, HasLog: true, Files: map[string]reconcile.File{},
		Status:    reconcile.Status{Supervised: true, WantUp: true, PID: 7},
		LogStatus: reconcile.Status{Supervised: true, WantUp: true, PID: 8},
	}
	for _, f := range d.Files {
		s.Files[f.Path] = reconcile.File{Mode: f.Mode, Data: f.Data}
	}
	var err error
	s.Marker, err = render.ParseMarker(d.File(render.MarkerPath).Data.Bytes())
	require.NoError(t, err)
	if p.State == manifest.StateDown {
		s.Status = reconcile.Status{Supervised: true}
	}
	return s
}

// With changes a service.
func With(s reconcile.Service, change func(*reconcile.Service)) reconcile.Service {
	change(&s)
	return s
}

// Foreign makes a service one that is not ours: without a marker.
func Foreign(s *reconcile.Service) { s.Owned = false; delete(s.Files, render.MarkerPath) }

// Last leaves it open whether a gateway should be up.
func Last(p manifest.Profile) manifest.Profile { p.State = manifest.StateLast; return p }

// WithReady gives a profile a request to make, and the port that it needs.
func WithReady(p manifest.Profile) manifest.Profile {
	p.Port, p.Ready = 9201, &manifest.Ready{
		HTTP:     "/health",
		Interval: time.Second,
		Timeout:  time.Minute,
	}
	return p
}

// Planned is the public part of a plan.
func Planned(
	t testing.TB,
	desired []render.Servicedir,
	actual reconcile.Actual,
	prune reconcile.Prune,
) []reconcile.Change {
	t.Helper()
	plan, err := reconcile.Diff(desired, actual, prune)
	require.NoError(t, err)
	return plan.Changes
}

// RequireSamePlan compares what plans do. What they were made from is left out: it is the same by
// another way.
func RequireSamePlan(t testing.TB, want, got []reconcile.Change) {
	t.Helper()
	contents := cmp.FilterValues(
		func(a, b []byte) bool { return len(a)+len(b) > 0 },
		cmp.Transformer("text", func(data []byte) string {
			return string(data) // byte by byte takes a hundred times as long
		}),
	)
	if diff := cmp.Diff(
		want,
		got,
		cmpopts.IgnoreFields(reconcile.Change{}, "Desired", "Actual", "Owed", "Was", "Present"),
		cmpopts.IgnoreUnexported(reconcile.Change{}),
		cmpopts.EquateEmpty(),
		contents,
	); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// States are profiles in every state that concerns a plan.
func States() []manifest.Profile {
	var all []manifest.Profile
	for _, value := range []string{"1", "2"} {
		for _, port := range []int{0, 9001, 9002} {
			for _, p := range []manifest.Profile{Profile("a", value), Down(Profile("a", value)), Keeping(Profile("a", value), 2)} {
				all = append(all, OnPort(p, port))
			}
		}
	}
	return all
}
