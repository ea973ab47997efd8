package main

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVersionNamesItsCommit: what the linker has written counts, then what Go has noted.
func TestVersionNamesItsCommit(t *testing.T) {
	t.Cleanup(func() { commit, date = "", "" })
	commit, date = "abc", "2026-11-28T07:00:00Z"
	require.Equal(t, "hermes-reconcile "+version+" (abc, 2026-11-28T07:00:00Z)\n", hermes("version").stdout)

	info := &debug.BuildInfo{Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "def"}, {Key: "vcs.time", Value: "2026-11-28T08:00:00Z"},
	}}
	from, at := noted(info, true)
	require.Equal(t, []string{"def", "2026-11-28T08:00:00Z"}, []string{from, at})
	info.Settings = append(info.Settings, debug.BuildSetting{Key: "vcs.modified", Value: "true"})
	from, _ = noted(info, true)
	require.Equal(t, "def-dirty", from)
	from, at = noted(nil, false)
	require.Empty(t, from+at)
}
