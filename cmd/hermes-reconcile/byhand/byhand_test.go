//go:build linux

package byhand

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
)

// TestAllIsWhatTheOperationIsFor: to start takes no gateway that should be down, to restart none that
// is down, and none takes what is not ours.
func TestAllIsWhatTheOperationIsFor(t *testing.T) {
	m := &manifest.Manifest{Profiles: []manifest.Profile{
		{Name: "down", State: manifest.StateDown}, {Name: "up", State: manifest.StateUp},
	}}
	service := func(name string, status reconcile.Status) reconcile.Service {
		status.Supervised = true
		return reconcile.Service{Name: "gateway-" + name, Owned: true, Status: status}
	}
	for _, c := range []struct {
		op   Operation
		want []string
	}{
		{Starting(), []string{"gateway-up"}},
		{Stopping(), []string{"gateway-up", "gateway-down"}},
		{Restarting(), []string{"gateway-up"}},
	} {
		all := []reconcile.Service{
			service("up", reconcile.Status{PID: 7, WantUp: true}), service("down", reconcile.Status{}),
			{Name: "gateway-foreign", Status: reconcile.Status{Supervised: true}},
		}
		picked, err := (&Run{Op: c.op, Manifest: m}).Pick(all, nil)
		require.NoError(t, err)
		var names []string
		for _, s := range picked {
			names = append(names, s.Name)
		}
		require.Equal(t, c.want, names, c.op.Verb)
	}
}

// TestWhatTheNextApplyUndoes: what was done against the manifest, and what that does not name.
func TestWhatTheNextApplyUndoes(t *testing.T) {
	m := &manifest.Manifest{Profiles: []manifest.Profile{
		{Name: "a", State: manifest.StateUp}, {Name: "b", State: manifest.StateDown},
		{Name: "c", State: manifest.StateLast}, {Name: "d", State: manifest.StateUp},
	}}
	var acted []operate.Acted
	for _, name := range []string{"a", "b", "c", "d", "gone"} {
		acted = append(acted, operate.Acted{Service: reconcile.Service{Name: "gateway-" + name}})
	}
	acted[3].Err = errors.New("failed")
	undone, removed := (&Run{Op: Stopping(), Manifest: m}).Undone(acted)
	require.Equal(t, []string{"a"}, undone)
	require.Equal(t, []string{"gone"}, removed)
}
