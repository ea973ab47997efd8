package reconcile

import (
	"hermes-reconcile/manifest"
	"hermes-reconcile/render"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
)

// profile is a profile with a marker in its environment, so that a change of it changes its run
// script.
func profile(name, value string) manifest.Profile {
	return manifest.Profile{
		Name: name, State: manifest.StateUp, User: "nobody", Command: []string{"gateway"}, StopTimeout: time.Second,
		Env: []manifest.EnvVar{{Name: "VALUE", Value: value}}, Log: manifest.Log{Keep: 1, Size: 4096},
	}
}

func onPort(p manifest.Profile, port int) manifest.Profile { p.Port = port; return p }
func down(p manifest.Profile) manifest.Profile             { p.State = manifest.StateDown; return p }
func keeping(p manifest.Profile, n int) manifest.Profile   { p.Log.Keep = n; return p }

func servicedirs(t testing.TB, profiles ...manifest.Profile) []render.Servicedir {
	t.Helper()
	dirs, err := render.All(&manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: "/h", Profiles: profiles})
	require.NoError(t, err)
	return dirs
}

// found is the service that a scandir holds after these profiles were applied, up or down as they
// say.
func found(t testing.TB, p manifest.Profile) Service {
	t.Helper()
	d := servicedirs(t, p)[0]
	s := Service{
		Name: d.Name, Owned: true, HasLog: true, Files: map[string]File{},
		Status:    Status{Supervised: true, WantUp: true, PID: 7},
		LogStatus: Status{Supervised: true, WantUp: true, PID: 8},
	}
	for _, f := range d.Files {
		s.Files[f.Path] = File{Mode: f.Mode, Data: f.Data}
	}
	var err error
	s.Marker, err = render.ParseMarker(d.File(render.MarkerPath).Data)
	require.NoError(t, err)
	if p.State == manifest.StateDown {
		s.Status = Status{Supervised: true}
	}
	return s
}

// with changes a service.
func with(s Service, change func(*Service)) Service { change(&s); return s }

func foreign(s *Service) { s.Owned = false; delete(s.Files, render.MarkerPath) }

func last(p manifest.Profile) manifest.Profile { p.State = manifest.StateLast; return p }

func withReady(p manifest.Profile) manifest.Profile {
	p.Port, p.Ready = 9201, &manifest.Ready{HTTP: "/health", Interval: time.Second, Timeout: time.Minute}
	return p
}

// planned is the public part of a plan.
func planned(t testing.TB, desired []render.Servicedir, actual Actual, prune Prune) []Change {
	t.Helper()
	plan, err := Diff(desired, actual, prune)
	require.NoError(t, err)
	return plan.Changes
}

func requireSamePlan(t testing.TB, want, got []Change) {
	t.Helper()
	contents := cmp.FilterValues(func(a, b []byte) bool { return len(a)+len(b) > 0 }, cmp.Transformer("text", func(data []byte) string {
		return string(data) // byte by byte takes a hundred times as long
	}))
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Change{}, "Actual"), cmpopts.IgnoreUnexported(Change{}), cmpopts.EquateEmpty(), contents); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// states are profiles in every state that concerns a plan.
func states() []manifest.Profile {
	var all []manifest.Profile
	for _, value := range []string{"1", "2"} {
		for _, port := range []int{0, 9001, 9002} {
			for _, p := range []manifest.Profile{profile("a", value), down(profile("a", value)), keeping(profile("a", value), 2)} {
				all = append(all, onPort(p, port))
			}
		}
	}
	return all
}
