//go:build linux

package doctor

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
)

func TestRefusal(t *testing.T) {
	for log, want := range map[string]string{
		"": "", "hermes: started\nerror: no\n": "", "x: error: unrecognized arguments: --y\n": "",
		"2026-11-27 12:00:00.1 usage: hermes [-h]\n2026-11-27 12:00:00.1 hermes: error: unrecognized arguments: --foreground --port 9201\nhermes-reconcile: gateway-a: died again and again: the next start waits 2 s\n": "hermes: error: unrecognized arguments: --foreground --port 9201",
		"2026-11-27 12:00:00.1 Error: Profile 'codr' does not exist. Create it with: hermes profile create codr\n":                                                                                                       "Error: Profile 'codr' does not exist. Create it with: hermes profile create codr",
		"hermes gateway run: error: argument -v: expected one argument":                                                                                                                                                  "hermes gateway run: error: argument -v: expected one argument",
		"hermes: error: unrecognized arguments: --old\nhermes: error: unrecognized arguments: --new\n":                                                                                                                   "hermes: error: unrecognized arguments: --new",
		"hermes gateway: error: argument gateway_command: invalid choice: 'rum' (choose from 'run')\n":                                                                                                                   "hermes gateway: error: argument gateway_command: invalid choice: 'rum' (choose from 'run')",
	} {
		require.Equal(t, want, Refusal(log), "%q", log)
	}
	require.Less(t, len(Refusal("hermes: error: unrecognized arguments: "+strings.Repeat("x", 100_000))), 300)
}

func TestMayBeRefused(t *testing.T) {
	right := func() Gateway {
		g := Gateway{Status: reconcile.Status{Supervised: true, ExitCode: 2, Since: before(time.Second)}}
		g.Owned, g.Restarts = true, 1
		return g
	}
	g := right()
	require.True(t, g.mayBeRefused(now))
	g.Status.ExitCode = 1
	require.True(t, g.mayBeRefused(now), "the profile")
	for name, change := range map[string]func(*Gateway){
		"foreign":      func(g *Gateway) { g.Owned = false },
		"never died":   func(g *Gateway) { g.Restarts = 0 },
		"another code": func(g *Gateway) { g.Status.ExitCode = 3 },
		"long ago":     func(g *Gateway) { g.Status.Since = before(time.Hour) },
		"a signal":     func(g *Gateway) { g.Status.Signal = 9 },
	} {
		g := right()
		change(&g)
		require.False(t, g.mayBeRefused(now), name)
	}
}

func TestOfCommands(t *testing.T) {
	tell{
		"none":    {judgeCommands(nil), ""},
		"default": {judgeCommands(map[string][]string{"a": {"hermes", "gateway", "run", "--force"}, "b": {"sed", "--replace"}}), ""},
		"replace": {judgeCommands(map[string][]string{"b": {"hermes", "gateway", "run", "--replace"}, "a": {"hermes", "-p", "a", "gateway", "run", "--replace"}}), `
warning | a, b | the command has --replace: it ends whatever serves the profile already, and several that start together end one another | leave command out: the default is right for hermes-agent from 0.19 on`},
	}.check(t, manifestCheck)
}
