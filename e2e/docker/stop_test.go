//go:build docker

package docker

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
)

const slowManifest = `version: 1
defaults: {env: {STUB_LINES: "100", STUB_DRAIN: 3s}, log: {stdout: false, timestamp: none}}
profiles:
  one:
  two:
  three:
`

// TestStopDrainsTheGateways: all at once, to their last word, before anything is killed; watch is
// stopped first, so that it starts none of them again.
func TestStopDrainsTheGateways(t *testing.T) {
	t.Parallel()
	names := []string{"one", "two", "three"}
	c := start(t, slowManifest, options{})
	c.gateways(names)
	for _, profile := range names {
		c.prints(profile)
	}
	c.stop()
	require.Equal(t, 0, c.exitCode())
	var told, ended []int64
	for _, profile := range names {
		require.Len(t, c.starts(profile), 1, profile)
		stops := c.stops(profile)
		require.Len(t, stops, 2, "%s ended by itself: %+v", profile, stops)
		require.Equal(t, "exit", stops[1].Event)
		told, ended = append(told, stops[0].Time), append(ended, stops[1].Time)
		log := c.logOf(profile)
		require.Equal(t, stops[1].Lines, lastNumber(t, log), "the last line of %s", profile)
		require.True(t, strings.HasSuffix(log, "stopping\ndrained\n"), "%s: %q", profile, kit.Tail(log, 3))
	}
	require.Less(t, slices.Max(told), slices.Min(ended), "one after the other")
	require.Len(t, c.stops("dashboard"), 2)
}

// TestStopWithoutContFinish: why it is there. s6-overlay knows nothing of these gateways: they have
// S6_KILL_GRACETIME, and are killed. What they have said is logged all the same.
func TestStopWithoutContFinish(t *testing.T) {
	t.Parallel()
	c := start(t, slowManifest, options{flags: []string{"--tmpfs", "/etc/cont-finish.d"}})
	c.gateways([]string{"one", "two", "three"})
	c.prints("one")
	c.stop()
	stops := c.stops("one")
	require.Len(t, stops, 1, "%+v", stops)
	require.Equal(t, "term", stops[0].Event)
	require.True(t, strings.HasSuffix(c.logOf("one"), "stopping\n"))
}

// prints waits until the profile's gateway has printed numbered lines.
func (c *container) prints(profile string) {
	c.t.Helper()
	eventually(c.t, func() bool { return strings.Contains(c.logOf(profile), "line 000010") }, profile+" prints")
}

// logOf is the text of the profile's log, whether the container runs or not.
func (c *container) logOf(profile string) string {
	c.t.Helper()
	return string(c.inHome("logs/gateways/" + profile + "/current"))
}

var numbered = regexp.MustCompile(`(?m)^line (\d+)$`)

// lastNumber checks that the numbered lines are all there, and returns the last one.
func lastNumber(t testing.TB, log string) (last int) {
	t.Helper()
	for _, line := range numbered.FindAllStringSubmatch(log, -1) {
		n, err := strconv.Atoi(line[1])
		require.NoError(t, err)
		require.Equal(t, last+1, n, "a line is lost")
		last = n
	}
	return last
}
