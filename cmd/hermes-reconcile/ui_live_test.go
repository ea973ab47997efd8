//go:build linux

package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/console"
	"hermes-reconcile/cmd/hermes-reconcile/overview"
	"hermes-reconcile/e2e/kit"
)

// TestOutputStandsAboveTheLine: what is printed while the line is there takes it away, and the next
// tick brings it back.
func TestOutputStandsAboveTheLine(t *testing.T) {
	t.Setenv("TERM", "xterm")
	master, tty := kit.Terminal(t)
	out, errs, under := console.Streams(tty, tty)
	u := ui{stdout: out, stderr: errs, lines: under}
	require.Equal(t, tty, console.FileOf(u.stdout))
	w := u.working(false, 0)
	w.Stage(lookingAtGateways())
	for _, print := range []func(string, ...any){
		u.info,
		func(format string, _ ...any) { u.warning("", format) },
		func(text string, _ ...any) { u.hint("%s", text) },
	} {
		line := kit.Sees(t, master, overview.ClearLine+"looking at gateways, ", "so far")
		print("look here")
		require.Regexp(t, `so far\r\x1b\[K(hermes-reconcile: (warning|hint): )?look here\r\n$`,
			line+kit.Sees(t, master, "look here\r\n"))
	}
	line := kit.Sees(t, master, overview.ClearLine+"looking at gateways, ", "so far")
	w.Stop()
	w.Stop()
	u.info("the end")
	require.Regexp(t, `so far\r\x1b\[Kthe end\r\n$`, line+kit.Sees(t, master, "the end\r\n"))
}

// TestNoLineWhileAManifestIsTyped: there it would stand in the way.
func TestNoLineWhileAManifestIsTyped(t *testing.T) {
	t.Setenv("TERM", "xterm")
	_, tty := kit.Terminal(t)
	u := ui{stdout: io.Discard, stderr: tty}
	typed := &manifestFlags{files: []string{"-"}, stdin: func() io.Reader { return tty }}
	require.Nil(t, u.beginReading(false, 0, typed))
	piped := &manifestFlags{files: []string{"a.yaml", "-"}, stdin: func() io.Reader { return strings.NewReader("") }}
	w := u.beginReading(false, 0, piped)
	defer w.Stop()
	require.Regexp(t, `^reading a\.yaml, standard input, \d+s so far$`, w.Line(time.Now(), 0))
	require.Nil(t, u.beginReading(true, 0, piped), "--quiet")
}
