package reconcile

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// counted are so many services, each with a logger.
func counted(n int) census { return census{services: n, loggers: n} }

func TestFits(t *testing.T) {
	older := Room{MaxServices: 10, MaxFiles: 1024}
	newer := Room{MaxServices: 10, CountsLoggers: true, MaxFiles: 1024}
	for _, c := range []struct {
		name             string
		room             Room
		now, comes, goes census
		want             string
	}{
		{"older, room for all", older, counted(7), counted(3), census{}, ""},
		{"older, one too many", older, counted(8), counted(3), census{}, "no room: s6-svscan takes 10 services (its option -c); 8 are there, and 3 more are needed"},
		{"newer, loggers count", newer, counted(4), counted(1), census{}, ""},
		{"newer, one too many", newer, counted(4), counted(2), census{}, "no room: s6-svscan takes 10 services, each logger counting as one (its option -C); 8 are there, and 4 more are needed"},
		{"newer, fits when others are gone", newer, counted(4), counted(2), counted(1), ""},
		{"newer, some are on their way out", Room{MaxServices: 10, CountsLoggers: true, Supervisors: 10}, counted(4), counted(1), census{}, "no room: s6-svscan takes 10 services, each logger counting as one (its option -C); 10 are there, and 2 more are needed"},
		{"too few files", Room{MaxServices: 1000, MaxFiles: 64}, counted(20), counted(3), census{}, "no room: s6-svscan may open 64 files, enough for 22 services with a logger (ulimit -n); 20 are there, and 3 more are needed"},
		{"files unknown", Room{MaxServices: 1000}, counted(400), counted(3), census{}, ""},
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
