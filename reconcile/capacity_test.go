//go:build linux

package reconcile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

func TestFits(t *testing.T) {
	older := Room{MaxServices: 10, MaxFiles: 1024}
	newer := Room{MaxServices: 10, CountsLoggers: true, MaxFiles: 1024}
	for _, c := range []struct {
		name             string
		room             Room
		now, comes, goes census
		want             string
	}{
		{"older, room for all", older, census{7, 7}, census{3, 3}, census{}, ""},
		{"older, one too many", older, census{8, 8}, census{3, 3}, census{}, "no room: s6-svscan takes 10 services (its option -c); 8 are there, and 3 more are needed"},
		{"newer, loggers count", newer, census{4, 4}, census{1, 1}, census{}, ""},
		{"newer, one too many", newer, census{4, 4}, census{2, 2}, census{}, "no room: s6-svscan takes 10 services, each logger counting as one (its option -C); 8 are there, and 4 more are needed"},
		{"newer, fits when others are gone", newer, census{4, 4}, census{2, 2}, census{1, 1}, ""},
		{"newer, some are on their way out", Room{MaxServices: 10, CountsLoggers: true, Supervisors: 10}, census{4, 4}, census{1, 1}, census{}, "no room: s6-svscan takes 10 services, each logger counting as one (its option -C); 10 are there, and 2 more are needed"},
		{"too few files", Room{MaxServices: 1000, MaxFiles: 64}, census{20, 20}, census{3, 3}, census{}, "no room: s6-svscan may open 64 files, enough for 22 services with a logger (ulimit -n); 20 are there, and 3 more are needed"},
		{"files unknown", Room{MaxServices: 1000}, census{400, 400}, census{3, 3}, census{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.room.fits(c.now, c.comes, c.goes)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, c.want)
		})
	}
}

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
	require.Equal(t, census{5, 5}, now)
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
