//go:build linux

package scandir

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl/safefile"
)

// elsewhere is a Supervisor that has these s6-supervise processes, and publishes these states.
type elsewhere struct {
	reconcile.Supervisor
	all    []reconcile.Supervise
	child  int // of each of them
	lives  bool
	status map[string]reconcile.Status
}

func (e elsewhere) Supervises(func(safefile.Identity) bool) ([]reconcile.Supervise, error) {
	return e.all, nil
}
func (e elsewhere) Doing(reconcile.Supervise) (lives bool, child int) { return e.lives, e.child }
func (e elsewhere) Status(name string) (reconcile.Status, error)      { return e.status[name], nil }
func (e elsewhere) Former(pid, start int) (reconcile.Supervise, bool) {
	return reconcile.Supervise{}, false
}

// TestSupervisorsThatArriveAreInTheirPlace: directories, states and supervisors are not read in one
// moment. What s6 or another apply does between two looks must not be taken for a gateway that runs
// outside its place: that would be ended.
func TestSupervisorsThatArriveAreInTheirPlace(t *testing.T) {
	here, there := safefile.Identity{Dev: 1, Ino: 1}, safefile.Identity{Dev: 1, Ino: 2}
	up := reconcile.Status{Supervised: true, PID: 7, WantUp: true}
	old := 3 * startTime
	for name, test := range map[string]struct {
		v         reconcile.Supervise
		child     int
		dead      bool
		status    reconcile.Status
		displaced bool
	}{
		"a new directory has its name by now": {v: reconcile.Supervise{At: there, Name: "gateway-x", Path: "gateway-x", Age: old}, child: 7},
		"moved":                               {v: reconcile.Supervise{At: there, Name: "gateway-x", Path: "gateway-y", Age: old}, child: 7, displaced: true},
		"deleted":                             {v: reconcile.Supervise{At: there, Name: "gateway-x", Path: "gateway-x", Deleted: true}, child: 7, displaced: true},
		"it has ended meanwhile":              {v: reconcile.Supervise{At: there, Name: "gateway-x", Path: "gateway-y", Age: old}, dead: true},
		"unseen, and just being started":      {v: reconcile.Supervise{Name: "gateway-x", Age: old}},
		"unseen, and there is one":            {v: reconcile.Supervise{Name: "gateway-x", Age: old}, child: 7, status: up},
		"unseen, and there is none":           {v: reconcile.Supervise{Name: "gateway-x", Age: old}, child: 7, displaced: true},
		"its state came a moment later":       {v: reconcile.Supervise{At: here, Age: old}, child: 7, status: up},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Scandir{Sup: elsewhere{
				all: []reconcile.Supervise{test.v}, child: test.child, lives: !test.dead, status: map[string]reconcile.Status{"gateway-x": test.status},
			}}
			a := reconcile.Actual{Services: []reconcile.Service{{Name: "gateway-x", Places: [2]safefile.Identity{here}}}}
			require.NoError(t, s.readSupervises(&a))
			require.Equal(t, test.displaced, len(a.Displaced) == 1, "%+v", a.Displaced)
			require.Empty(t, a.Services[0].Doubt())
			if test.v.At == here {
				require.Equal(t, test.status, a.Services[0].Status)
			}
		})
	}
}
