//go:build docker

package docker

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	fleet     = 30
	firstPort = 9201
)

// fleetManifest has profiles p01, p02 …, each with a port of its own.
func fleetManifest() (manifest string, names []string) {
	var b strings.Builder
	b.WriteString("version: 1\nprofiles:\n")
	for i := range fleet {
		names = append(names, fmt.Sprintf("p%02d", i+1))
		fmt.Fprintf(&b, "  %s: {port: %d}\n", names[i], firstPort+i)
	}
	return b.String(), names
}

// TestTwentyBoots: from an empty /run to all gateways, and the same again twenty times, with not
// one missing, not one twice.
func TestTwentyBoots(t *testing.T) {
	t.Parallel()
	manifest, names := fleetManifest()
	c := start(t, manifest, options{flags: []string{
		"--tmpfs", "/run:exec,mode=755", "--env", "S6_KILL_GRACETIME=0"}})
	var whole []time.Duration
	for boot := range 20 {
		begin := time.Now()
		if boot > 0 {
			c.restart()
		}
		c.gateways(names)
		whole = append(whole, time.Since(begin))
		eventually(t, func() bool { return c.services()["dashboard"].up }, "the dashboard is up")
		for profile, n := range c.startCounts(names) {
			require.Equal(t, boot+1, n, "starts of %s", profile)
		}
	}
	took := c.bootTook()
	t.Logf("%d profiles: apply --boot %s; with what docker does, until all gateways are up: %s", fleet, spread(took), spread(whole))
	// Absolute times say nothing where other tests run, too.
	require.Less(t, middle(took), middle(whole)/2)
	// Every gateway answers on its own port, asked from within.
	var ask strings.Builder
	for i, profile := range names {
		fmt.Fprintf(&ask, "echo %s $(wget -q -O - http://127.0.0.1:%d/health)\n", profile, firstPort+i)
	}
	said := c.must("sh", "-c", ask.String())
	for _, profile := range names {
		require.Regexp(t, fmt.Sprintf(`(?m)^%s .*"profile":"%s"`, profile, profile), said)
	}
}

// startCounts waits until each of the profiles has recorded as many starts as the others, and says
// how many.
func (c *container) startCounts(names []string) map[string]int {
	c.t.Helper()
	var counts map[string]int
	poll(func() bool {
		counts = make(map[string]int)
		for line := range strings.Lines(c.must("sh", "-c", "cd /opt/data/stub && wc -l *.starts")) {
			var n int
			var file string
			_, err := fmt.Sscan(line, &n, &file)
			require.NoError(c.t, err, "%q", line)
			counts[strings.TrimSuffix(file, ".starts")] = n
		}
		same := true
		for _, name := range names {
			same = same && counts[name] == counts[names[0]]
		}
		return same
	})
	found := make(map[string]int)
	for _, name := range names {
		found[name] = counts[name]
	}
	return found
}

// bootTook is what the reports say of the boots' own time, without waiting for any gateway.
func (c *container) bootTook() (took []time.Duration) {
	c.t.Helper()
	report := string(c.inHome("logs/hermes-reconcile.log"))
	for _, boot := range regexp.MustCompile(`msg=boot took=(\S+)`).FindAllStringSubmatch(report, -1) {
		d, err := time.ParseDuration(boot[1])
		require.NoError(c.t, err)
		took = append(took, d)
	}
	require.NotEmpty(c.t, took)
	return took
}

func middle(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

func spread(times []time.Duration) string {
	return fmt.Sprintf("%v at best, %v in the middle, %v at worst", slices.Min(times), middle(times), slices.Max(times))
}

// TestBrokenManifestAtBoot: the container comes up all the same and says what is wrong, where, and
// nothing is half-made. Once the file is mended, watch does the rest with no restart.
func TestBrokenManifestAtBoot(t *testing.T) {
	t.Parallel()
	const broken = "version: 1\nprofiles:\n  coder:\n    prot: 9201\n"
	c := start(t, broken, options{})
	c.logs("profiles.yaml:4:5: profiles.coder.prot: unknown key")
	c.logs("99-hermes-reconcile exited")
	eventually(t, func() bool { return c.services()["dashboard"].up }, "the dashboard is up")
	c.gateways(nil)
	require.Contains(t, c.must("cat", "/opt/data/logs/hermes-reconcile.log"), "profiles.yaml:4:5: profiles.coder.prot")

	c.copyIn("profiles.yaml", strings.Replace(broken, "prot", "port", 1))
	c.gateways([]string{"coder"})
	c.answers("coder", 9201)
	c.started("coder", 1)

	// The same in a container that ran well before: its scandir is empty again, and what was there
	// is not half-made.
	c.copyIn("profiles.yaml", broken)
	c.logs("99-hermes-reconcile exited")
	c.restart()
	eventually(t, func() bool { return c.services()["hermes-watch"].up }, "the container is up")
	c.gateways(nil)
	c.copyIn("profiles.yaml", strings.Replace(broken, "prot", "port", 1))
	c.gateways([]string{"coder"})
}

// TestHermesAgentsOwnBootScript: what hermes-agent's 02-reconcile-profiles makes just before, down
// and with scripts of its own, is adopted and comes up.
func TestHermesAgentsOwnBootScript(t *testing.T) {
	t.Parallel()
	c := create(t, "", options{})
	c.copyTo("/etc/cont-init.d/02-reconcile-profiles", `#!/bin/sh
for profile in default coder; do
  mkdir -p "/run/service/gateway-$profile"
  cd "/run/service/gateway-$profile" || exit
  printf '#!/bin/sh\nexec hermes -p %s gateway run --replace\n' "$profile" >run
  chmod 755 run
  touch down
done
s6-svscanctl -a /run/service
`, 0o755)
	c.start()
	c.gateways([]string{"default", "coder"}, "writer")
	c.answers("coder", 9201)
	require.Contains(t, c.log(), "adopted")
	require.NotContains(t, c.must("cat", "/run/service/gateway-coder/run"), "--replace")
	c.started("coder", 1)
}
