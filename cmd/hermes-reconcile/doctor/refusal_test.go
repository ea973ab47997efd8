//go:build linux

package doctor

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
)

func TestRefusalIsShort(t *testing.T) {
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
