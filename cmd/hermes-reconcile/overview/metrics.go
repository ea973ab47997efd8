package overview

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile"
)

// metric is a number that each gateway has, or has not. All are gauges: what counts deaths goes
// back to none with a start on purpose.
type metric struct {
	name, help string
	value      func(explain.Gateway) (value float64, has bool)
}

// prefix is what the names of all metrics begin with.
const prefix = "hermes_gateway_"

var metrics = []metric{
	{"up", "Whether the gateway runs.", func(g explain.Gateway) (float64, bool) {
		state := reconcile.State(g.State)
		return number(state.Runs() || state == reconcile.StateFrozenLog ||
			state == reconcile.StateDraining), true
	}},
	{"ready", "Whether the gateway has answered, where its profile asks it.",
		func(g explain.Gateway) (float64, bool) {
			return number(g.Ready != nil && *g.Ready), g.Ready != nil
		}},
	{"alive", "Whether the gateway answers, where its profile asks on.",
		func(g explain.Gateway) (float64, bool) {
			return number(g.Alive != nil && *g.Alive), g.Alive != nil
		}},
	{"failed", "Whether the gateway is not what it should be, and needs a hand.",
		func(g explain.Gateway) (float64, bool) { return number(g.Failed), true }},
	{"restarts", "Deaths since the gateway was last started on purpose.",
		func(g explain.Gateway) (float64, bool) { return float64(g.Restarts), g.Since != "" }},
	{"since_timestamp_seconds", "When the gateway last came up or went down.", sinceSeconds},
	{"draining_timestamp_seconds", "When the gateway was asked to end its work.", drainingSeconds},
	{"resident_memory_bytes", "Memory that the processes of the gateway have in use.",
		func(g explain.Gateway) (float64, bool) { return float64(g.RSS), g.RSS > 0 }},
	{"drift", "How much of the gateway is not as it was rendered.",
		func(g explain.Gateway) (float64, bool) { return float64(len(g.Drift)), true }},
	{"pending", "Whether the manifest says what no apply has done yet.",
		func(g explain.Gateway) (float64, bool) {
			return number(g.Pending != explain.PendingNone), g.Pending != ""
		}},
}

// drainingSeconds is for gateways that drain alone.
func drainingSeconds(g explain.Gateway) (float64, bool) {
	if g.Draining == nil {
		return 0, false
	}
	return sinceSeconds(explain.Gateway{Since: g.Draining.Since})
}

// sinceSeconds is a time as Prometheus has it.
func sinceSeconds(g explain.Gateway) (float64, bool) {
	at, err := time.Parse(time.RFC3339Nano, g.Since)
	return float64(at.Unix()), err == nil
}

// number is how Prometheus has a truth: 1 or 0.
func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// Prometheus are the gateways as the text format of Prometheus has them, version 0.0.4.
func (p *Page) Prometheus() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# HELP hermes_scandir_listening Whether an s6-svscan runs on the scandir.\n"+
		"# TYPE hermes_scandir_listening gauge\nhermes_scandir_listening{scandir=%s} %s\n",
		label(p.Status.Scandir), decimal(number(p.Status.Listening)))
	gateways := p.shown()
	for _, m := range metrics {
		m.write(&b, gateways)
	}
	state := prefix + "state"
	fmt.Fprintf(&b, "# HELP %s What the gateway is: 1 for the state that it has.\n# TYPE %s gauge\n",
		state, state)
	for _, g := range gateways {
		fmt.Fprintf(&b, "%s{profile=%s,state=%s} 1\n", state, label(g.Profile), label(g.State))
	}
	return b.Bytes()
}

// write writes a metric of all gateways that have it.
func (m metric) write(b *bytes.Buffer, gateways []explain.Gateway) {
	begun := false
	for _, g := range gateways {
		value, has := m.value(g)
		if !has {
			continue
		}
		if !begun {
			fmt.Fprintf(b, "# HELP %s%s %s\n# TYPE %s%s gauge\n", prefix, m.name, m.help, prefix,
				m.name)
			begun = true
		}
		fmt.Fprintf(b, "%s%s{profile=%s} %s\n", prefix, m.name, label(g.Profile), decimal(value))
	}
}

// decimal has as many digits as the value needs, and no exponent: people read metrics, too.
func decimal(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

// labels escapes what would end a label's value. Source: the text format's description.
var labels = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// label is the value of a label. Bytes that are not UTF-8 have no place there.
func label(text string) string { return `"` + labels.Replace(strings.ToValidUTF8(text, "�")) + `"` }
