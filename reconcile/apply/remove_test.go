//go:build linux

package apply

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/scandir"
	"hermes-reconcile/reconcile/testkit"
	"hermes-reconcile/s6ctl/seen"
)

func TestServiceThatCannotBeReadCostsTheOthersNothing(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"), testkit.Profile("b", "1"))
	broken := errors.New("broken")
	s, err := scandir.Open(f.root, oneFails{f, "gateway-a", broken})
	require.NoError(t, err)
	defer s.Close()
	actual, err := s.Read()
	require.NoError(t, err)
	require.Len(t, actual.Services, 2)
	require.ErrorIs(t, actual.Services[0].Fault, broken)
	require.NoError(t, actual.Services[1].Fault)
	plan, err := s.Plan(testkit.Servicedirs(t, testkit.Profile("a", "2"), testkit.Profile("b", "2")), reconcile.PruneOwned)
	require.NoError(t, err)
	require.Equal(t, []reconcile.Op{reconcile.Update, reconcile.Update}, []reconcile.Op{plan.Changes[0].Op, plan.Changes[1].Op})
	require.ErrorIs(t, undecided(&plan.Changes[0], Options{}), broken)
	require.NoError(t, undecided(&plan.Changes[1], Options{}))
	plan, err = s.Plan(nil, reconcile.PruneAll)
	require.NoError(t, err)
	require.Equal(t, []reconcile.Op{reconcile.Foreign, reconcile.Remove}, []reconcile.Op{plan.Changes[0].Op, plan.Changes[1].Op})
}

// TestPortOfAServiceThatCannotBeRead: it may hold the port that its marker names, so the one that
// takes it over runs on as it was.
func TestPortOfAServiceThatCannotBeRead(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.OnPort(testkit.Profile("a", "1"), 9001), testkit.OnPort(testkit.Profile("b", "1"), 9002))
	f.took()
	s, err := scandir.Open(f.root, oneFails{f, "gateway-a", errors.New("broken")})
	require.NoError(t, err)
	defer s.Close()
	lock, err := s.Lock(t.Context(), 0)
	require.NoError(t, err)
	defer lock.Unlock()
	dirs := testkit.Servicedirs(t, testkit.OnPort(testkit.Profile("a", "2"), 9002), testkit.OnPort(testkit.Profile("b", "2"), 9001), testkit.OnPort(testkit.Profile("c", "1"), 9001))
	plan, err := Prepare(t.Context(), s, lock, dirs, reconcile.PruneOwned, Options{})
	require.NoError(t, err)
	result, err := Apply(t.Context(), s, lock, plan, Options{})
	require.NoError(t, err)
	require.ErrorContains(t, result.Outcomes[0].Err, "broken")
	require.ErrorContains(t, result.Outcomes[1].Err, "not restarted, it runs on as it was: gateway-a still holds port 9001")
	require.ErrorContains(t, result.Outcomes[2].Err, "not started: gateway-a still holds port 9001")
	require.NotContains(t, f.took(), "d gateway-b")
}

// oneFails cannot tell the state of one service.
type oneFails struct {
	reconcile.Supervisor
	service string
	err     error
}

func (o oneFails) StatusIn(_ seen.Opened, dir string, _ uint32) (reconcile.Status, error) {
	return o.Status(dir)
}

func (o oneFails) Status(dir string) (reconcile.Status, error) {
	if dir == o.service {
		return reconcile.Status{}, o.err
	}
	return o.Supervisor.Status(dir)
}
