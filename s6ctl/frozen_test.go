//go:build linux

package s6ctl

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFrozen(t *testing.T) {
	const folder = "/data/logs/gateways/bot"
	for target, why := range map[string]string{
		"/data/logs/gateways/bot/current":               "",
		"/mnt/volume/logs/gateways/bot/current":         "", // /data is a symlink
		"/data/logs/gateways/bot/lock":                  "",
		"/data/logs/gateways/bot/previous":              "", // it is being rotated
		"pipe:[1]":                                      "",
		"/data/logs/gateways/bot/current (deleted)":     "/data/logs/gateways/bot/current is deleted",
		"/data/logs.old/gateways/bot/current (deleted)": "/data/logs/gateways/bot/current is deleted",
		"/data/logs/gateways/bot.old/current":           "/data/logs/gateways/bot/current was moved to /data/logs/gateways/bot.old/current",
		"/data/logs.old/gateways/bot/current":           "/data/logs/gateways/bot/current was moved to /data/logs.old/gateways/bot/current",
	} {
		require.Equal(t, why, frozen(target, folder), target)
	}
}
