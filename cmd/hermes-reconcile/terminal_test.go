//go:build linux

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
)

func TestColorsOnATerminal(t *testing.T) {
	_, tty := kit.Terminal(t)
	file, err := os.Create(t.TempDir() + "/file")
	require.NoError(t, err)
	defer file.Close()
	for _, c := range []struct {
		color, noColor, term string
		out                  *os.File
		want                 bool
	}{
		{colorAuto, "", "xterm", tty, true},
		{colorAuto, "", "xterm", file, false},
		{colorAuto, "1", "xterm", tty, false},
		{colorAuto, "", "dumb", tty, false},
		{colorAlways, "1", "dumb", file, true},
		{colorNever, "", "xterm", tty, false},
	} {
		t.Setenv("NO_COLOR", c.noColor)
		t.Setenv("TERM", c.term)
		f := outputFlags{color: c.color}
		require.Equal(t, c.want, f.colors(ui{stdout: c.out}), "%+v", c)
	}
}
