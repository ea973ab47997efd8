package overview

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
)

var now = time.Date(2026, time.November, 28, 8, 0, 0, 0, time.UTC)

func page(gateways ...explain.Gateway) *Page {
	return &Page{
		Status: explain.Status{Scandir: "/run/service", Listening: true, Gateways: gateways}, Now: now,
		MaxDeaths: 100,
	}
}

func gateways() []explain.Gateway {
	yes, no := true, false
	return []explain.Gateway{
		{Profile: "p10", Wanted: "up", State: "ready", Ready: &yes, PID: 213, Since: "2026-11-28T07:55:48Z", Port: 9210, RSS: 12 << 20, Pending: explain.PendingNone},
		{
			Profile: "p2", Wanted: "up", State: "backing off", Detail: "next start in 12 s, exited 1", Failed: true, Ready: &no, PID: 7,
			Since: "2026-11-28T07:59:00Z", Restarts: 100, Port: 9202, Pending: explain.PendingChanged, Drift: []string{"edited: run, finish", "runs an old script"},
		},
		{Profile: "new", Wanted: "down", State: explain.StateAbsent, Pending: explain.PendingNew},
	}
}

func TestTable(t *testing.T) {
	p := page(gateways()...)
	require.Regexp(t, `RESTARTS  MEM +PORT`, p.Text(0))
	require.Contains(t, p.Text(0), "  12.0 MiB  9210")
	p.Status.Gateways[0].RSS = 0 // it has no limit
	require.Equal(t, `PROFILE  WANTED  STATE                                       READY  PID  SINCE  RESTARTS  PORT  PENDING  DRIFT
new      down    absent                                      -      -    -      -         -     new      -
p2       up      backing off (next start in 12 s, exited 1)  no     7    1m0s   100+      9202  changed  edited: run, finish; runs an old script
p10      up      ready                                       yes    213  4m12s  0         9210  -        -
3 gateways: 1 absent, 1 backing off, 1 ready; 1 failed; pending: 1 changed, 1 new
`, p.Text(0))
	require.Equal(t, `PROFILE  WANTED  STATE                     SINCE  PENDING  DRIFT
new      down    absent                    -      new      -
p2       up      backing off (next sta...  1m0s   changed  edited: run, finis...
p10      up      ready                     4m12s  -        -
3 gateways: 1 absent, 1 backing off, 1 ready; 1 failed; pending: 1 changed, 1 new
`, p.Text(80))
	p.Failed = true
	require.NotContains(t, p.Text(0), "p10")
	require.Contains(t, p.Text(0), "3 gateways", "it counts all the same")
	require.Equal(t, "no gateways", page().Tally())
	for i := range p.Status.Gateways {
		p.Status.Gateways[i].Pending = ""
	}
	require.NotContains(t, p.Text(0), "PENDING", "there is no manifest")
}

// TestColumnsThatSayNothingGoFirst: where there is no room, the columns that say least are left
// out.
func TestColumnsThatSayNothingGoFirst(t *testing.T) {
	g := gateways()[0]
	g.Port, g.Ready, g.RSS = 0, nil, 0
	head := func(width int) string { first, _, _ := strings.Cut(page(g).Text(width), "\n"); return first }
	require.Equal(t, "PROFILE  WANTED  STATE  READY  PID  SINCE  RESTARTS  PORT  PENDING  DRIFT", head(0))
	require.Equal(t, "PROFILE  WANTED  STATE  PID  SINCE  RESTARTS  PENDING  DRIFT", head(64))
	require.Equal(t, "PROFILE  WANTED  STATE  PID  SINCE  RESTARTS  DRIFT", head(59))
	require.Equal(t, "PROFILE  WANTED  STATE  PID  SINCE  RESTARTS", head(50))
	require.Equal(t, "PROFILE  WANTED  STATE  SINCE  RESTARTS", head(40))
	require.Equal(t, "PROFILE  STATE", head(14))
}

// TestScreensAreNeverLargerThanTheirTerminal, with any gateways on them.
func TestScreensAreNeverLargerThanTheirTerminal(t *testing.T) {
	for range 2000 {
		p := page()
		for i := range rand.IntN(40) {
			g := gateways()[rand.IntN(3)]
			g.Profile = strings.Repeat("長x", rand.IntN(10)) + fmt.Sprint(i)
			p.Status.Gateways = append(p.Status.Gateways, g)
		}
		size := Size{Width: 10 + rand.IntN(200), Height: 1 + rand.IntN(50)}
		var above []string
		for range rand.IntN(4) {
			above = append(above, strings.Repeat("warning ", rand.IntN(30)))
		}
		lines := p.Screen(size, above)
		require.LessOrEqual(t, len(lines), max(size.Height, 2))
		text := strings.Join(lines, "\n")
		require.Regexp(t, `(?m)^P\S* +\S`, text, "%+v", size)
		for _, line := range lines {
			require.LessOrEqual(t, Width(line), size.Width, "%+v %q", size, text)
		}
		if size.Height >= len(p.Status.Gateways)+len(above)+2 {
			require.NotContains(t, text, "more", "all have room")
		}
	}
}

// TestWhatNeedsALookIsOnTheScreen: where not all have room, what has failed goes first.
func TestWhatNeedsALookIsOnTheScreen(t *testing.T) {
	p := page()
	for i := range 100 {
		g := gateways()[0]
		g.Profile = fmt.Sprintf("a%d", i)
		p.Status.Gateways = append(p.Status.Gateways, g)
	}
	p.Status.Gateways = append(p.Status.Gateways, gateways()...)
	lines := p.Screen(Size{Width: 120, Height: 8}, nil)
	require.Len(t, lines, 8)
	require.Contains(t, lines[1], "p2 ")
	require.Contains(t, lines[2], "new ")
	require.Contains(t, lines[3], "a0 ")
	require.Equal(t, "... and 98 more", lines[6])
	require.Contains(t, lines[7], "103 gateways: 101 ready")
}

func TestColorsAreOfTheTextAlone(t *testing.T) {
	p := page(gateways()...)
	plain := p.Text(80)
	p.Color = true
	colored := p.Text(80)
	require.Contains(t, colored, "\x1b[32mready\x1b[0m")
	require.Contains(t, colored, "\x1b[31mbacking off (next sta...\x1b[0m")
	for _, code := range []string{"0", "1", "31", "32", "33"} {
		colored = strings.ReplaceAll(colored, "\x1b["+code+"m", "")
	}
	require.Equal(t, plain, colored)
}

func TestDetail(t *testing.T) {
	g := gateways()[1]
	code := 1
	g.RSS = 123 << 20
	g.More = &explain.More{
		ExitCode: &code, Deaths: []explain.Death{{At: "2026-11-28T07:58:00Z", Signal: 9}, {At: "2026-11-28T07:59:00Z", ExitCode: &code}},
		NextStart: "2026-11-28T08:00:12Z", User: "hermes", Processes: 3, Directory: "/run/service/gateway-p2",
		Sockets:  []explain.Socket{{Address: "127.0.0.1:9202", PID: 7, Own: true}, {Address: "[::]:9202", PID: 99, Program: "nc"}},
		Manifest: &explain.Place{File: "profiles.yaml", Line: 12, Column: 3}, Log: "/opt/data/logs/gateways/p2/current",
		LogLines: []string{"first", "tricky \x1b[2J"},
	}
	require.Equal(t, `profile     p2
state       backing off (next start in 12 s, exited 1)
wanted      up
ready       no
pending     changed: the next apply brings it up to date
drift       edited: run, finish; runs an old script
since       1m0s (2026-11-28T07:59:00Z)
process     7, and 2 more
memory      123.0 MiB
user        hermes
last end    exited 1
deaths      2+ since it was last started on purpose, the last 1m0s ago: exited 1
next start  in 12s (2026-11-28T08:00:12Z)
port        9202
listens     127.0.0.1:9202
listens     [::]:9202: "nc" does (pid 99)
directory   /run/service/gateway-p2
manifest    profiles.yaml:12
log         /opt/data/logs/gateways/p2/current

first
tricky \x1b[2J
`, page(g).Detail(g, 0))
	for line := range strings.Lines(page(g).Detail(g, 40)) {
		require.LessOrEqual(t, Width(strings.TrimSuffix(line, "\n")), 40)
	}
	require.NotContains(t, page(g).Detail(gateways()[2], 0), "process")
}

// TestMetricsAreWhatPrometheusReads: its own parser has the numbers, with any names.
func TestMetricsAreWhatPrometheusReads(t *testing.T) {
	all := gateways()
	all[2].Profile = "odd\"\\\n\xff"
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(page(all...).Prometheus())))
	require.NoError(t, err)
	values := func(name string) map[string]float64 {
		family := families["hermes_gateway_"+name]
		require.NotNil(t, family, name)
		require.Equal(t, dto.MetricType_GAUGE, family.GetType())
		require.NotEmpty(t, family.GetHelp())
		found := map[string]float64{}
		for _, m := range family.GetMetric() {
			require.Equal(t, "profile", m.GetLabel()[0].GetName())
			found[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
		}
		return found
	}
	odd := "odd\"\\\n�"
	require.Equal(t, map[string]float64{"p10": 1, "p2": 0, odd: 0}, values("up"))
	require.Equal(t, map[string]float64{"p10": 1, "p2": 0}, values("ready"))
	require.Equal(t, map[string]float64{"p10": 0, "p2": 1, odd: 0}, values("failed"))
	require.Equal(t, map[string]float64{"p10": 0, "p2": 100}, values("restarts"))
	require.Equal(t, map[string]float64{"p10": 1795852548, "p2": 1795852740}, values("since_timestamp_seconds"))
	require.Equal(t, map[string]float64{"p10": 12 << 20}, values("resident_memory_bytes"))
	require.Equal(t, map[string]float64{"p10": 0, "p2": 2, odd: 0}, values("drift"))
	require.Equal(t, map[string]float64{"p10": 0, "p2": 1, odd: 1}, values("pending"))
	require.Equal(t, map[string]float64{"p10": 1, "p2": 1, odd: 1}, values("state"))
	listening := families["hermes_scandir_listening"]
	require.Equal(t, 1.0, listening.GetMetric()[0].GetGauge().GetValue())
	_, err = parser.TextToMetricFamilies(strings.NewReader(string(page().Prometheus())))
	require.NoError(t, err)
}
