package reconcile_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/s6ctl/seen"
)

// TestStates: one function says what a gateway is, and in which words.
func TestStates(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	died := func(before ...time.Duration) (deaths []reconcile.Death) {
		for _, d := range before {
			deaths = append(deaths, reconcile.Death{At: ago(d), ExitCode: 1})
		}
		return deaths
	}
	up := reconcile.Status{Supervised: true, PID: 7, WantUp: true, Since: ago(time.Hour), ExitCode: 1}
	at := func(l reconcile.Look, since time.Duration) reconcile.Look {
		l.Since = ago(since)
		return l
	}
	down := reconcile.Status{Supervised: true}
	ready := reconcile.Status{Supervised: true, PID: 7, WantUp: true, Ready: true}
	for _, c := range []struct {
		name string
		look reconcile.Look
		want string
	}{
		{"no supervisor", reconcile.Look{}, "unsupervised"},
		{"runs", reconcile.Look{Status: up}, "up"},
		{"has not told yet that it is ready", reconcile.Look{Status: up, Tells: true}, "up"},
		{"has told that it is ready", reconcile.Look{Status: ready, Tells: true}, "ready"},
		{"ready, and not asked for that", reconcile.Look{Status: ready}, "up"},
		{"is to be down, and is", reconcile.Look{Status: down}, "down"},
		{
			"is to be down, and runs",
			reconcile.Look{Status: reconcile.Status{Supervised: true, PID: 7}},
			"stopping",
		},
		{"its script runs", reconcile.Look{Status: up, Phase: "starting"}, "starting (exited 1)"},
		{
			"its script waits for its turn",
			reconcile.Look{
				Status: reconcile.Status{Supervised: true, PID: 7, WantUp: true}, Phase: seen.Queued,
			},
			"starting (waits for its turn)",
		},
		{
			"waits for its turn after a death",
			reconcile.Look{Status: up, Phase: seen.Queued},
			"starting (waits for its turn, exited 1)",
		},
		{
			"is to be down, and waits for its turn",
			reconcile.Look{Status: reconcile.Status{Supervised: true, PID: 7}, Phase: seen.Queued},
			"stopping",
		},
		{
			"killed, between two starts",
			reconcile.Look{Status: reconcile.Status{Supervised: true, WantUp: true, Signal: 9, ExitCode: -1}},
			"starting (ended by signal 9)",
		},
		{
			"exit code 78",
			reconcile.Look{Status: reconcile.Status{Supervised: true, ExitCode: 78}},
			"ended (exited 78)",
		},
		{"exit code 0, on-failure", reconcile.Look{Status: down, OnFailure: true}, "ended (exited 0)"},
		{
			"two deaths",
			at(reconcile.Look{Status: up, Deaths: died(9*time.Second, 5*time.Second)}, 4*time.Second),
			"up",
		},
		{
			"three deaths",
			at(reconcile.Look{
				Status: up, Deaths: died(9*time.Second, 7*time.Second, 5*time.Second), Pause: 3 * time.Second,
			}, 4*time.Second),
			"crash loop (3 deaths, exited 1)",
		},
		{
			"four deaths, between two starts",
			reconcile.Look{
				Status: reconcile.Status{Supervised: true, WantUp: true, ExitCode: 1},
				Deaths: died(20*time.Second, 9*time.Second, 7*time.Second, time.Second),
			},
			"crash loop (4 deaths, exited 1)",
		},
		{
			"waits before its start",
			at(reconcile.Look{
				Status: up, Phase: "backing off", Pause: 5 * time.Second,
				Deaths: died(9*time.Second, 7*time.Second, 3*time.Second),
			}, 2*time.Second),
			"backing off (next start in 3 s, exited 1)",
		},
		{
			"lives longer than before its last death",
			at(reconcile.Look{
				Status: up, Deaths: died(30*time.Second, 28*time.Second, 26*time.Second), Pause: 2 * time.Second,
			}, 25*time.Second),
			"up",
		},
		{
			"deaths that are forgotten",
			at(reconcile.Look{Status: up, Deaths: died(3*time.Hour, 2*time.Hour, 3*time.Second)}, 2*time.Second),
			"up",
		},
		{
			"was asked to end",
			reconcile.Look{Status: up, Drain: reconcile.Drain{Alive: true, Spent: 3 * time.Minute, Timeout: 30 * time.Minute}},
			"draining (3m of 30m)",
		},
		{
			"was asked to end, and is to be down",
			reconcile.Look{
				Status: reconcile.Status{Supervised: true, PID: 7},
				Drain:  reconcile.Drain{Alive: true, Timeout: time.Second},
			},
			"draining (0s of 1s)",
		},
		{
			"has had its time to end",
			reconcile.Look{
				Status: reconcile.Status{Supervised: true, PID: 7},
				Drain:  reconcile.Drain{Alive: true, Spent: time.Second, Timeout: time.Second},
			},
			"stopping",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.look.At = now
			require.Equal(t, c.want, c.look.Say())
		})
	}
}

// TestPauseIsNoUptime: a gateway that dies after half a second runs for no longer by waiting
// before.
func TestPauseIsNoUptime(t *testing.T) {
	now := time.Now()
	l := reconcile.Look{Status: reconcile.Status{Supervised: true, PID: 7, WantUp: true, Since: now.Add(-9 * time.Second)}, At: now, Pause: 8 * time.Second}
	require.Equal(t, time.Second, l.Uptime())
	l.Phase = "backing off"
	require.Zero(t, l.Uptime())
	l.Phase, l.Since = "", now.Add(time.Hour)
	require.Zero(t, l.Uptime(), "the clock was set back")
}
