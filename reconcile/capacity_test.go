package reconcile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
)

// counted are so many services, each with a logger.
func counted(n int) reconcile.Census { return reconcile.Census{Services: n, Loggers: n} }

func TestFits(t *testing.T) {
	older := reconcile.Room{MaxServices: 10, MaxFiles: 1024}
	newer := reconcile.Room{MaxServices: 10, CountsLoggers: true, MaxFiles: 1024}
	for _, c := range []struct {
		name             string
		room             reconcile.Room
		now, comes, goes reconcile.Census
		want             string
	}{
		{"older, room for all", older, counted(7), counted(3), reconcile.Census{}, ""},
		{"older, one too many", older, counted(8), counted(3), reconcile.Census{}, "no room: s6-svscan takes 10 services (its option -c); 8 are there, and 3 more are needed"},
		{"newer, loggers count", newer, counted(4), counted(1), reconcile.Census{}, ""},
		{"newer, one too many", newer, counted(4), counted(2), reconcile.Census{}, "no room: s6-svscan takes 10 services, each logger counting as one (its option -C); 8 are there, and 4 more are needed"},
		{"newer, fits when others are gone", newer, counted(4), counted(2), counted(1), ""},
		{"newer, some are on their way out", reconcile.Room{MaxServices: 10, CountsLoggers: true, Supervisors: 10}, counted(4), counted(1), reconcile.Census{}, "no room: s6-svscan takes 10 services, each logger counting as one (its option -C); 10 are there, and 2 more are needed"},
		{"too few files", reconcile.Room{MaxServices: 1000, MaxFiles: 64}, counted(20), counted(3), reconcile.Census{}, "no room: s6-svscan may open 64 files, enough for 22 services with a logger (ulimit -n); 20 are there, and 3 more are needed"},
		{"files unknown", reconcile.Room{MaxServices: 1000}, counted(400), counted(3), reconcile.Census{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.room.Fits(c.now, c.comes, c.goes)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, c.want)
		})
	}
}
