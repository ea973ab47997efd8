//go:build linux

package s6ctl

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFrozen(t *testing.T) {
	const folder = "/data/logs/gateways/bot"
	for _, c := range []struct{ name, target, want string }{
		{"its own file", "/data/logs/gateways/bot/current", ""},
		{"through a symlink", "/mnt/volume/logs/gateways/bot/current", ""},
		{"its lock", "/data/logs/gateways/bot/lock", ""},
		{"during a rotation", "/data/logs/gateways/bot/previous", ""},
		{"no file", "pipe:[1]", ""},
		{"deleted", "/data/logs/gateways/bot/current (deleted)", "/data/logs/gateways/bot/current is deleted"},
		{
			"deleted after a move", "/data/logs.old/gateways/bot/current (deleted)",
			"/data/logs/gateways/bot/current is deleted",
		},
		{
			"its folder was moved", "/data/logs/gateways/bot.old/current",
			"/data/logs/gateways/bot/current was moved to /data/logs/gateways/bot.old/current",
		},
		{
			"a folder above it was moved", "/data/logs.old/gateways/bot/current",
			"/data/logs/gateways/bot/current was moved to /data/logs.old/gateways/bot/current",
		},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, frozen(c.target, folder)) })
	}
}
