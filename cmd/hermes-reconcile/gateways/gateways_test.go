//go:build linux

package gateways

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// serviceOf is a service that a manifest's profile was rendered for.
func serviceOf(d render.Servicedir, t *testing.T) reconcile.Service {
	t.Helper()
	s := reconcile.Service{Name: d.Name, Owned: true, Files: map[string]reconcile.File{}}
	for _, f := range d.Files {
		s.Files[f.Path] = reconcile.File{Mode: f.Mode, Data: f.Data}
	}
	marker, err := render.ParseMarker(d.File(render.MarkerPath).Data.Bytes())
	require.NoError(t, err)
	s.Marker = marker
	return s
}

func renderedOf(t *testing.T, text string) []render.Servicedir {
	t.Helper()
	m, err := manifest.Parse([]manifest.Source{{Name: "p.yaml", Data: []byte(text)}})
	require.NoError(t, err)
	dirs, err := render.All(m)
	require.NoError(t, err)
	return dirs
}

// TestWantedIsWhatWasApplied: a file down of another hand is drift. One that an apply puts there until
// a port is free says nothing either.
func TestWantedIsWhatWasApplied(t *testing.T) {
	dirs := renderedOf(t, "version: 1\nprofiles: {a: {}, b: {state: down}, c: {state: last}}")
	without := func(s reconcile.Service) reconcile.Service { delete(s.Files, render.DownPath); return s }
	with := func(s reconcile.Service) reconcile.Service {
		s.Files[render.DownPath] = reconcile.File{Mode: 0o644, Data: render.Text(nil)}
		return s
	}
	require.Equal(t, "up", Wanted(serviceOf(dirs[0], t)))
	require.Equal(t, "up", Wanted(with(serviceOf(dirs[0], t))), "after s6-svc -D")
	require.Equal(t, "down", Wanted(serviceOf(dirs[1], t)))
	require.Equal(t, "down", Wanted(without(serviceOf(dirs[1], t))), "after s6-svc -U")
	require.Equal(t, "last", Wanted(with(serviceOf(dirs[2], t))))
	foreign := serviceOf(dirs[0], t)
	foreign.Owned, foreign.Marker = false, render.Marker{}
	require.Equal(t, "up", Wanted(foreign))
	require.Equal(t, "down", Wanted(with(foreign)), "nothing else says it")
}

func TestPendingIsWhatNoApplyHasDone(t *testing.T) {
	old := renderedOf(t, "version: 1\nprofiles: {a: {}, b: {state: last}}")
	changed := renderedOf(t, "version: 1\nprofiles: {a: {env: {X: y}}, b: {state: last}}")
	ours := serviceOf(old[0], t)
	foreign := ours
	foreign.Owned = false
	edited := serviceOf(old[0], t)
	edited.Files["run"] = reconcile.File{Data: render.Text([]byte("by hand"))}
	for _, c := range []struct {
		s     reconcile.Service
		dir   render.Servicedir
		named bool
		want  string
	}{
		{ours, old[0], true, explain.PendingNone},
		{serviceOf(old[1], t), changed[1], true, explain.PendingNone},
		{edited, old[0], true, explain.PendingNone}, // that is drift
		{ours, changed[0], true, explain.PendingChanged},
		{ours, render.Servicedir{}, false, explain.PendingGone},
		{foreign, render.Servicedir{}, false, explain.PendingNone},
		{foreign, old[0], true, explain.PendingNew},
		{reconcile.Service{Fault: io.EOF}, old[0], true, ""},
	} {
		require.Equal(t, c.want, pending(c.s, c.dir, c.named), "%+v", c.want)
	}
}

// TestWhatHasFailed: what is on its way has not, nor what is as it should be.
func TestWhatHasFailed(t *testing.T) {
	dirs := renderedOf(t, "version: 1\nprofiles: {a: {port: 9, ready: {http: /, timeout: 5s}}, b: {state: down}}")
	asks, down := serviceOf(dirs[0], t), serviceOf(dirs[1], t)
	now := time.Now()
	runs := reconcile.Status{Supervised: true, PID: 1, WantUp: true, Since: now.Add(-time.Second)}
	runsLong := runs
	runsLong.Since = now.Add(-time.Minute)
	ready := runsLong
	ready.Ready = true
	is := func(s reconcile.Service, status reconcile.Status) bool {
		s.Status = status
		_, tells := s.Files[render.NotificationPath]
		look := reconcile.Look{Status: status, At: now, Tells: tells}
		g := explain.Gateway{State: string(look.State()), Wanted: Wanted(s), Ready: readiness(s)}
		return failed(g, s, look)
	}
	require.False(t, is(asks, runs), "it has time")
	require.True(t, is(asks, runsLong), "it is late")
	require.False(t, is(asks, ready))
	require.False(t, is(down, runsLong), "it has no way to tell")
	stopped := reconcile.Status{Supervised: true, ExitCode: 0}
	require.True(t, is(asks, stopped), "it should be up")
	require.False(t, is(down, stopped))
	require.True(t, is(down, reconcile.Status{Supervised: true, ExitCode: 78}))
	require.True(t, is(down, reconcile.Status{}), "no one supervises it")
}
