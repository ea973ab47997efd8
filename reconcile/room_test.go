//go:build linux

package reconcile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

func TestOneServiceTooManyTouchesNothing(t *testing.T) {
	f := newFakeS6(t)
	f.room.MaxServices = 4
	f.must(profile("a", "1"), profile("b", "1"))
	before := f.snapshot()
	_, _, err := f.apply(Options{}, profile("a", "2"), profile("b", "2"), profile("c", "1"))
	var room *RoomError
	require.ErrorAs(t, err, &room)
	require.Equal(t, 4, room.Have)
	require.Equal(t, 2, room.More)
	require.Equal(t, before, f.snapshot())
	f.settled(profile("a", "1"), profile("b", "1"))
}

func TestWhatGoesGoesFirstWhereThereIsNoRoomForBoth(t *testing.T) {
	f := newFakeS6(t)
	f.room.MaxServices = 4
	f.must(profile("a", "1"), profile("b", "1"))
	pid := f.pid("gateway-b")
	f.took()
	_, result, err := f.apply(Options{}, profile("b", "1"), profile("c", "1"))
	require.NoError(t, err)
	require.Equal(t, []string{"rescan -an", "rescan -a"}, f.took())
	require.Contains(t, strings.Join(result.Notes, "\n"), "rescanned once more")
	require.Equal(t, pid, f.pid("gateway-b"))
	f.settled(profile("b", "1"), profile("c", "1"))
}

func TestNameThatThisSvscanIgnores(t *testing.T) {
	f := newFakeS6(t)
	f.room.MaxName = 20
	_, _, err := f.apply(Options{}, profile("much-too-long", "1"))
	require.ErrorContains(t, err, "gateway-much-too-long: its name has 21 bytes, and this s6-svscan ignores names over 20")
	require.Empty(t, f.took())
}

func TestRoomIsCountedAsS6SvscanSees(t *testing.T) {
	f := newFakeS6(t)
	var all []manifest.Profile
	for i := range 5 {
		all = append(all, profile(fmt.Sprint(i), "1"))
	}
	f.must(all...)
	s, err := Open(f.root, f)
	require.NoError(t, err)
	defer s.Close()
	now, err := s.count(nil)
	require.NoError(t, err)
	require.Equal(t, census{services: 5, loggers: 5}, now)
}

func TestVacancy(t *testing.T) {
	f := newFakeS6(t)
	f.must(profile("a", "1"), profile("b", "1"))
	for _, c := range []struct {
		room Room
		want Vacancy
		why  string
	}{
		{Room{MaxServices: 10, CountsLoggers: true}, Vacancy{Services: 4, Limit: 10, CountsLoggers: true, More: 3}, "takes 10 services, each logger counting"},
		{Room{MaxServices: 11, CountsLoggers: true, Supervisors: 7}, Vacancy{Services: 7, Limit: 11, CountsLoggers: true, More: 2}, "takes 11 services, each logger counting"},
		{Room{MaxServices: 10}, Vacancy{Services: 2, Limit: 10, More: 8}, "takes 10 services (its option -c)"},
		{Room{MaxServices: 500, MaxFiles: 30}, Vacancy{Services: 2, Limit: 500, More: 3}, "may open 30 files"},
		{Room{MaxServices: 4, CountsLoggers: true}, Vacancy{Services: 4, Limit: 4, CountsLoggers: true}, "4 are there, and 2 more are needed"},
		{Room{MaxServices: 3, CountsLoggers: true}, Vacancy{Services: 4, Limit: 3, CountsLoggers: true}, "4 are there, and 2 more are needed"},
	} {
		f.room = c.room
		s, err := Open(f.root, f)
		require.NoError(t, err)
		defer s.Close()
		got, err := s.Vacancy(t.Context(), nil)
		require.NoError(t, err)
		require.ErrorContains(t, got.Err, c.why)
		got.Err = nil
		require.Equal(t, c.want, got)
	}
}
