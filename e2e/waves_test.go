//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wave is a tree whose gateways take turns to start, and who of them serves.
type wave struct {
	*tree
	names []string
	ports []int
	ready map[string]bool // the test has let it serve
}

// newWave has so many gateways, none of which serves until the test lets it.
func newWave(t *testing.T, n int) *wave {
	t.Helper()
	w := &wave{tree: readyTree(t, 0), ports: freePorts(t, n), ready: map[string]bool{}}
	for i := range n {
		w.names = append(w.names, fmt.Sprintf("bot-%d", i+1))
		w.unready(w.names[i])
	}
	return w
}

// say writes the manifest: start is what the key says, or empty; ready the gateways' own.
func (w *wave) say(start, ready string) {
	w.t.Helper()
	var b strings.Builder
	if start != "" {
		fmt.Fprintf(&b, "start: %s\n", start)
	}
	b.WriteString("profiles:\n")
	for i, name := range w.names {
		fmt.Fprintf(&b, "  %s: {port: %d, ready: %s}\n", name, w.ports[i], ready)
	}
	w.write("profiles.yaml", w.header()+b.String())
}

// running are the gateways that run by now, by profile.
func (w *wave) running() map[string]int {
	found := map[string]int{}
	for _, p := range w.processes() {
		if len(p.argv) > 2 && filepath.Base(p.argv[0]) == "hermes" && p.argv[1] == "-p" {
			found[p.argv[2]] = p.pid
		}
	}
	return found
}

// starting are the gateways that run and were not let serve.
func (w *wave) starting() (names []string) {
	for name := range w.running() {
		if !w.ready[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// serve lets a gateway serve.
func (w *wave) serve(name string) {
	w.t.Helper()
	w.ready[name] = true
	require.NoError(w.t, os.Remove(filepath.Join(w.home, "stub", name+".unready")))
}

// queued are the profiles whose gateways wait for their turn, as status has it.
func (w *wave) queued() int {
	w.t.Helper()
	return strings.Count(w.run("status").stdout, "starting (waits for its turn)")
}

// never fails the test when more than so many start, and waits until as many do.
func (w *wave) never(more int) {
	w.t.Helper()
	eventually(w.t, patience, func() bool {
		names := w.starting()
		require.LessOrEqual(w.t, len(names), more, "%v", names)
		return len(names) == more
	}, fmt.Sprintf("%d start", more))
}

const (
	forever = "{http: /health, interval: 100ms, timeout: 24h}"
	shortly = "{http: /health, interval: 100ms, timeout: 1s}"
)

func TestGatewaysTakeTurnsToStart(t *testing.T) {
	t.Parallel()
	w := newWave(t, 7)
	w.say("{parallel: 2}", forever)
	w.mustApply()
	w.never(2)
	eventually(t, patience, func() bool { return w.queued() == 5 }, "five wait")
	for n := range 3 {
		w.serve(w.starting()[0])
		w.never(2)
		require.Len(t, w.running(), 3+n)
	}

	// A gateway that ends gives its turn back; what died stands in the queue again.
	dead := w.starting()[0]
	before := w.running()
	kill(before[dead])
	w.never(2)

	// Another number restarts nothing, and counts at once.
	before = w.running()
	w.say("{parallel: 3, per: ready}", forever)
	r := w.mustApply()
	requirePlanLine(t, r.stdout, w.names[0], "no restart")
	w.never(3)
	after := w.running()
	for name, pid := range before {
		require.Equal(t, pid, after[name], name)
	}

	// Without turns the rest starts at once, and nothing restarts.
	before = w.running()
	w.say("", forever)
	w.mustApply("--wait=up")
	after = w.running()
	require.Len(t, after, 7)
	for name, pid := range before {
		require.Equal(t, pid, after[name], name)
	}
	for _, name := range w.names {
		require.NotContains(t, w.log(name), "takes no turn")
	}

	// With turns nothing restarts, either.
	w.say("{parallel: 1, per: 1h}", forever)
	requirePlanLine(t, w.mustApply().stdout, w.names[0], "no restart")
	require.Equal(t, after, w.running())
}

// calm lets those that start serve, until all do, and fails when more than most start at any time.
// Each time it does something else besides.
func (w *wave) calm(most int, besides func(step int)) {
	w.t.Helper()
	for step := 0; len(w.ready) < len(w.names); {
		names := w.starting()
		require.LessOrEqual(w.t, len(names), most, "%v", names)
		for _, name := range names {
			w.serve(name)
		}
		besides(step)
		step++
		eventually(w.t, patience, func() bool {
			names := w.starting()
			require.LessOrEqual(w.t, len(names), most, "%v", names)
			return len(names) == min(most, len(w.names)-len(w.ready))
		}, fmt.Sprintf("the next ones start after step %d", step))
	}
	eventually(w.t, patience, func() bool { return len(w.running()) == len(w.names) }, "all run")
}

// TestSixtyGatewaysStartFourAtATime: at a boot with nothing that looks after them, whatever is
// killed meanwhile, and when s6-svscan starts anew after all of it was killed.
func TestSixtyGatewaysStartFourAtATime(t *testing.T) {
	t.Parallel()
	const most = 4
	w := newWave(t, 60)
	w.say("{parallel: 4}", forever)
	r := w.apply("--boot", "--timeout", patience.String())
	require.Equal(t, 0, r.code, "%v", r)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	pick := func() string { return w.names[random.IntN(len(w.names))] }
	w.calm(most, func(step int) {
		switch step % 4 {
		case 0: // of one that waits, starts or serves
			name := pick()
			if pid, found := w.supervisors(name)["gateway-"+name]; found {
				kill(pid)
			}
		case 1:
			w.dies(w.starting())
		case 2:
			w.dies([]string{pick()})
		default:
			if step == 7 {
				w.restartSvscan()
			}
		}
	})
	eventually(t, patience, func() bool { return w.queued() == 0 }, "none waits")

	for _, name := range w.names {
		w.unready(name)
	}
	w.ready = map[string]bool{}
	w.killAll()
	w.startSvscan()
	w.calm(most, func(int) {})
	w.mustApply("--wait=ready")
}

// dies kills one of these gateways, and first what asks whether it serves.
func (w *wave) dies(names []string) {
	if len(names) == 0 {
		return
	}
	pid := w.running()[names[0]]
	if pid == 0 {
		return
	}
	for _, c := range w.checks() {
		if slices.Contains(c.argv, strconv.Itoa(pid)) {
			kill(c.pid)
		}
	}
	kill(pid)
	eventually(w.t, patience, func() bool { return !alive(pid) }, "it is dead")
}
