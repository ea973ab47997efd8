//go:build linux

package notify

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/liveness"
)

// hook is a shell script that is told events, and the folder in which it writes down what it likes.
func hook(t *testing.T, body string) (program, folder string) {
	t.Helper()
	folder = t.TempDir()
	program = filepath.Join(folder, "hook")
	text := fmt.Sprintf("#!/bin/sh\ncd %q\n%s\n", folder, body)
	require.NoError(t, os.WriteFile(program, []byte(text), 0o755))
	return program, folder
}

// notifier tells a hook, and sends what it warns of.
func notifier(t *testing.T, timeout time.Duration, body string) (n *Notifier, folder string, warned chan string) {
	t.Helper()
	program, folder := hook(t, body)
	warned = make(chan string, 1000)
	n = Start(Options{Program: program, Timeout: timeout, Warn: func(text string) { warned <- text }})
	t.Cleanup(func() { n.End() })
	return n, folder, warned
}

// heard are the events that a hook has written to a file, once there are so many.
func heard(t *testing.T, folder string, least int) (all []Event) {
	t.Helper()
	read := func() bool {
		data, _ := os.ReadFile(filepath.Join(folder, "told"))
		all = nil
		for line := range strings.Lines(string(data)) {
			var e Event
			require.NoError(t, json.Unmarshal([]byte(line), &e))
			all = append(all, e)
		}
		return len(all) >= least
	}
	require.Eventually(t, read, time.Minute, 5*time.Millisecond)
	return all
}

func TestEventsAreToldInTheirOrder(t *testing.T) {
	t.Parallel()
	n, folder, _ := notifier(t, time.Minute, "[ ! -e runs ] || echo two at a time >>twice\ntrue >runs\ncat >>told\nrm runs")
	for i := range 20 {
		n.Tell(Event{Format: 1, Event: EventApplied, Time: fmt.Sprint(i)})
	}
	for i, e := range heard(t, folder, 20) {
		require.Equal(t, fmt.Sprint(i), e.Time)
		require.Zero(t, e.Dropped)
	}
	require.NoFileExists(t, filepath.Join(folder, "twice"))
}

// TestSlowProgramMissesTheOldest: its caller does not wait, and the program learns how many it has
// missed.
func TestSlowProgramMissesTheOldest(t *testing.T) {
	t.Parallel()
	n, folder, _ := notifier(t, time.Minute, "true >began\nuntil [ -e go ]; do sleep 0.01; done\ncat >>told")
	n.Tell(Event{Time: "first"})
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(folder, "began"))
		return err == nil
	}, time.Minute, time.Millisecond)
	for i := range most + 7 {
		n.Tell(Event{Time: fmt.Sprint(i)})
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "go"), nil, 0o644))
	all := heard(t, folder, most+1)
	require.Equal(t, "first", all[0].Time)
	require.Equal(t, Event{Time: "7", Dropped: 7}, all[1])
	require.Equal(t, fmt.Sprint(most+6), all[most].Time)
	require.Zero(t, all[2].Dropped)
}

func TestProgramThatDoesNotEndIsEnded(t *testing.T) {
	t.Parallel()
	n, folder, warned := notifier(t, 200*time.Millisecond, "case $(cat) in *hang*) exec sleep 600 ;; esac\necho '{}' >>told")
	n.Tell(Event{Event: "hang"})
	n.Tell(Event{Event: "next"})
	heard(t, folder, 1)
	require.Contains(t, <-warned, "hook was ended: it took longer than 200ms for hang")
}

func TestProgramThatFailsIsNamed(t *testing.T) {
	t.Parallel()
	n, _, warned := notifier(t, time.Minute, "echo one >&2\necho no route to host >&2\nexit 3")
	n.Tell(Event{Event: EventDrift})
	require.Contains(t, <-warned, "hook has failed for drift: exit status 3: no route to host")
	n.opt.Program = "/nonexistent"
	n.Tell(Event{Event: EventDrift})
	require.Contains(t, <-warned, "/nonexistent has failed for drift: ")
}

// TestEndDoesNotWait: what runs is ended, and what waits is counted.
func TestEndDoesNotWait(t *testing.T) {
	t.Parallel()
	n, folder, warned := notifier(t, time.Hour, "true >began\nexec sleep 600")
	for range 3 {
		n.Tell(Event{})
	}
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(folder, "began"))
		return err == nil
	}, time.Minute, time.Millisecond)
	require.Equal(t, 2, n.End())
	require.Empty(t, warned)
}

func TestWhatLastsIsToldOnce(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, repeat := range []time.Duration{0, time.Hour} {
		told := Told{Repeat: repeat}
		for _, step := range []struct {
			after       time.Duration
			what        string
			tell, again bool
		}{
			{0, "", false, true},
			{0, "wrong", true, false},
			{time.Minute, "wrong", false, true},
			{61 * time.Minute, "wrong", repeat > 0, true},
			{62 * time.Minute, "otherwise wrong", true, false},
			{63 * time.Minute, "", false, false},
			{64 * time.Minute, "otherwise wrong", true, false},
		} {
			tell, again := told.Worth(now.Add(step.after), "manifest", step.what)
			require.Equal(t, step.tell, tell, "%v: %+v", repeat, step)
			require.Equal(t, step.again, again, "%v: %+v", repeat, step)
		}
	}
}

// TestWhatIsToldOfAGateway: that it crashes, and that it is back; not each of its steps in between.
func TestWhatIsToldOfAGateway(t *testing.T) {
	now := time.Now()
	look := func(phase reconcile.Phase, pid, deaths, code int) reconcile.Look {
		l := reconcile.Look{At: now, Phase: phase}
		l.Supervised, l.WantUp, l.PID, l.Since, l.ExitCode = true, code != 78, pid, now.Add(-time.Second), code
		for i := range deaths {
			l.Deaths = append(l.Deaths, reconcile.Death{At: now.Add(time.Duration(i-deaths) * time.Minute), ExitCode: 1})
		}
		return l
	}
	up, starts := look("", 7, 0, 1), look("starting", 7, 0, 1)
	loops, pauses, ended := look("", 7, 3, 1), look("backing off", 7, 3, 1), look("", 0, 0, 78)
	told := Told{}
	for i, step := range []struct {
		look reconcile.Look
		want EventName
	}{
		{starts, ""}, {up, ""}, {loops, EventCrashLoop}, {pauses, ""}, {starts, ""}, {loops, ""}, {up, EventBack},
		{up, ""}, {ended, EventEnded}, {ended, ""}, {starts, ""}, {up, EventBack}, {ended, EventEnded},
		{loops, EventCrashLoop},
	} {
		name, again := told.Gateway(now, "gateway-x", step.look)
		require.Equal(t, step.want, name, "step %d", i)
		require.False(t, name != "" && again)
	}
}

// TestWhatIsToldOfAGatewayThatIsLookedAt: that it does not answer or takes too much memory, also
// where all of that came between two looks; that it is back once it answers.
func TestWhatIsToldOfAGatewayThatIsLookedAt(t *testing.T) {
	now := time.Now()
	yes, no := true, false
	look := func(s liveness.State) reconcile.Look {
		l := reconcile.Look{At: now, Liveness: s}
		l.Supervised, l.WantUp, l.PID, l.Since = true, true, 7, now.Add(-time.Minute)
		return l
	}
	restart := func(minute int, memory bool) *liveness.Last {
		return &liveness.Last{At: now.Add(time.Duration(minute) * time.Minute), Memory: memory}
	}
	answers := func(last *liveness.Last) reconcile.Look {
		return look(liveness.State{Asked: true, Alive: &yes, Restarted: last})
	}
	starts := func(last *liveness.Last) reconcile.Look {
		return look(liveness.State{Asked: true, Restarted: last})
	}
	ends := func(s liveness.State) reconcile.Look {
		s.Asked, s.Alive = true, &no
		return look(s)
	}
	silent := ends(liveness.State{Silent: true})
	unknown := look(liveness.State{})
	weighed := look(liveness.State{Restarted: restart(4, true)})
	told := Told{}
	for i, step := range []struct {
		look reconcile.Look
		want EventName
	}{
		{answers(restart(0, false)), ""}, // of another watch
		{unknown, ""},
		{answers(restart(0, false)), ""},
		{ends(liveness.State{Restarting: restart(1, false)}), EventNotAlive},
		{ends(liveness.State{Restarting: restart(1, false)}), ""},
		{starts(restart(1, false)), ""}, {answers(restart(1, false)), EventBack}, {answers(restart(1, false)), ""},
		{starts(restart(2, false)), EventNotAlive}, {starts(restart(2, false)), ""},
		{answers(restart(2, false)), EventBack}, {answers(restart(3, false)), EventNotAlive},
		{answers(restart(3, false)), EventBack},
		{silent, EventNotAlive}, {silent, ""}, {answers(restart(3, false)), EventBack},
		{weighed, EventMemory}, {weighed, EventBack}, {weighed, ""},
		{ends(liveness.State{Restarting: restart(5, true)}), EventMemory}, {starts(restart(5, true)), EventBack},
	} {
		name, again := told.Gateway(now, "gateway-x", step.look)
		require.Equal(t, step.want, name, "step %d", i)
		require.False(t, name != "" && again)
	}
}

// TestSchemaNamesTheKeysOfAnEvent, and no others.
func TestSchemaNamesTheKeysOfAnEvent(t *testing.T) {
	full := Event{
		Format: 1, Event: EventFailed, Time: "t", Scandir: "s", Profile: "p", Service: "s", State: "s", Detail: "d",
		Gateways: []EventGateway{{"p", "update", "e"}}, Errors: []explain.Message{{}}, Repeated: true, Dropped: 1,
	}
	line, err := full.JSON()
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(line), "\n"))
	var has map[string]any
	require.NoError(t, json.Unmarshal(line, &has))
	var schema struct {
		Properties  map[string]any
		Definitions map[string]struct{ Properties map[string]any }
	}
	require.NoError(t, json.Unmarshal(EventSchema, &schema))
	keys := func(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
	require.Equal(t, keys(schema.Properties), keys(has))
	gateway, _ := has["gateways"].([]any)[0].(map[string]any)
	require.Equal(t, keys(schema.Definitions["gateway"].Properties), keys(gateway))
}
