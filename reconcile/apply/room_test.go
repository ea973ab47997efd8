//go:build linux

package apply

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/scandir"
	"hermes-reconcile/reconcile/testkit"
)

func TestOneServiceTooManyTouchesNothing(t *testing.T) {
	f := newFakeS6(t)
	f.room.MaxServices = 4
	f.must(testkit.Profile("a", "1"), testkit.Profile("b", "1"))
	before := f.snapshot()
	_, _, err := f.apply(Options{}, testkit.Profile("a", "2"), testkit.Profile("b", "2"), testkit.Profile("c", "1"))
	var room *reconcile.RoomError
	require.ErrorAs(t, err, &room)
	require.Equal(t, 4, room.Have)
	require.Equal(t, 2, room.More)
	require.Equal(t, before, f.snapshot())
	f.settled(testkit.Profile("a", "1"), testkit.Profile("b", "1"))
}

func TestWhatGoesGoesFirstWhereThereIsNoRoomForBoth(t *testing.T) {
	f := newFakeS6(t)
	f.room.MaxServices = 4
	f.must(testkit.Profile("a", "1"), testkit.Profile("b", "1"))
	pid := f.pid("gateway-b")
	f.took()
	_, result, err := f.apply(Options{}, testkit.Profile("b", "1"), testkit.Profile("c", "1"))
	require.NoError(t, err)
	require.Equal(t, []string{"rescan -an", "rescan -a"}, f.took())
	require.Equal(t, reconcile.NoteRescanned, result.Notes[0].Code)
	require.Contains(t, result.Notes[0].Text, "rescanned once more")
	require.Equal(t, pid, f.pid("gateway-b"))
	f.settled(testkit.Profile("b", "1"), testkit.Profile("c", "1"))
}

func TestNameThatThisSvscanIgnores(t *testing.T) {
	f := newFakeS6(t)
	f.room.MaxName = 20
	_, _, err := f.apply(Options{}, testkit.Profile("much-too-long", "1"))
	require.ErrorContains(t, err, "gateway-much-too-long: its name has 21 bytes, and this s6-svscan ignores names over 20")
	require.Empty(t, f.took())
}

func TestRoomIsCountedAsS6SvscanSees(t *testing.T) {
	f := newFakeS6(t)
	var all []manifest.Profile
	for i := range 5 {
		all = append(all, testkit.Profile(fmt.Sprint(i), "1"))
	}
	f.must(all...)
	s, err := scandir.Open(f.root, f)
	require.NoError(t, err)
	defer s.Close()
	now, err := s.Count(nil)
	require.NoError(t, err)
	require.Equal(t, reconcile.Census{Services: 5, Loggers: 5}, now)
}

func TestVacancy(t *testing.T) {
	f := newFakeS6(t)
	f.must(testkit.Profile("a", "1"), testkit.Profile("b", "1"))
	for _, c := range []struct {
		room reconcile.Room
		want reconcile.Vacancy
		why  string
	}{
		{reconcile.Room{MaxServices: 10, CountsLoggers: true}, reconcile.Vacancy{Services: 4, Limit: 10, CountsLoggers: true, More: 3}, "takes 10 services, each logger counting"},
		{reconcile.Room{MaxServices: 11, CountsLoggers: true, Supervisors: 7}, reconcile.Vacancy{Services: 7, Limit: 11, CountsLoggers: true, More: 2}, "takes 11 services, each logger counting"},
		{reconcile.Room{MaxServices: 10}, reconcile.Vacancy{Services: 2, Limit: 10, More: 8}, "takes 10 services (its option -c)"},
		{reconcile.Room{MaxServices: 500, MaxFiles: 30}, reconcile.Vacancy{Services: 2, Limit: 500, More: 3}, "may open 30 files"},
		{reconcile.Room{MaxServices: 4, CountsLoggers: true}, reconcile.Vacancy{Services: 4, Limit: 4, CountsLoggers: true}, "4 are there, and 2 more are needed"},
		{reconcile.Room{MaxServices: 3, CountsLoggers: true}, reconcile.Vacancy{Services: 4, Limit: 3, CountsLoggers: true}, "4 are there, and 2 more are needed"},
	} {
		f.room = c.room
		s, err := scandir.Open(f.root, f)
		require.NoError(t, err)
		defer s.Close()
		got, err := s.Vacancy(t.Context(), nil)
		require.NoError(t, err)
		require.ErrorContains(t, got.Err, c.why)
		got.Err = nil
		require.Equal(t, c.want, got)
	}
}
