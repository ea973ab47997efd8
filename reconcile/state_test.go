package reconcile_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
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
	for want, l := range map[string]reconcile.Look{
		"unsupervised":                 {},
		"up":                           {Status: up},
		"up ":                          {Status: up, Tells: true},
		"ready":                        {Status: reconcile.Status{Supervised: true, PID: 7, WantUp: true, Ready: true}, Tells: true},
		"up  ":                         {Status: reconcile.Status{Supervised: true, PID: 7, WantUp: true, Ready: true}},
		"down":                         {Status: down},
		"stopping":                     {Status: reconcile.Status{Supervised: true, PID: 7}},
		"starting (exited 1)":          {Status: up, Phase: "starting"},
		"starting (ended by signal 9)": {Status: reconcile.Status{Supervised: true, WantUp: true, Signal: 9, ExitCode: -1}},
		"ended (exited 78)":            {Status: reconcile.Status{Supervised: true, ExitCode: 78}},
		"ended (exited 0)":             {Status: down, OnFailure: true},
		"up   ":                        at(reconcile.Look{Status: up, Deaths: died(9*time.Second, 5*time.Second)}, 4*time.Second),
		"crash loop (3 deaths, exited 1)": at(reconcile.Look{Status: up, Deaths: died(9*time.Second, 7*time.Second, 5*time.Second), Pause: 3 * time.Second},
			4*time.Second),
		"crash loop (4 deaths, exited 1)": {Status: reconcile.Status{Supervised: true, WantUp: true, ExitCode: 1},
			Deaths: died(20*time.Second, 9*time.Second, 7*time.Second, time.Second)},
		"backing off (next start in 3 s, exited 1)": at(reconcile.Look{Status: up, Phase: "backing off", Pause: 5 * time.Second,
			Deaths: died(9*time.Second, 7*time.Second, 3*time.Second)}, 2*time.Second),
		"up    ":  at(reconcile.Look{Status: up, Deaths: died(30*time.Second, 28*time.Second, 26*time.Second), Pause: 2 * time.Second}, 25*time.Second),
		"up     ": at(reconcile.Look{Status: up, Deaths: died(3*time.Hour, 2*time.Hour, 3*time.Second)}, 2*time.Second),
	} {
		l.At = now
		require.Equal(t, trimmed(want), l.Say(), want)
	}
}

// trimmed drops what tells equal keys of a table apart.
func trimmed(s string) string {
	for len(s) > 0 && s[len(s)-1] == ' ' {
		s = s[:len(s)-1]
	}
	return s
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
