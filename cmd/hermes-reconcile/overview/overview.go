// Package overview makes of what gateways are what status shows: a table that fits its screen, the
// detail of one gateway, metrics. It looks at nothing but what it is given.
//
// The files:
//
//	overview.go  a page: which gateways, in which order, and how many
//	table.go     columns that fit; screen.go: a page that fits a terminal
//	detail.go    all that there is to say of one gateway
//	metrics.go   the same as numbers, for Prometheus
package overview

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile"
)

// Page is what status shows at one time.
type Page struct {
	Status explain.Status
	Now    time.Time
	Failed bool // only what has failed is shown
	Color  bool
	// MaxDeaths is how many deaths s6 remembers: there may have been more.
	MaxDeaths int
}

// shown are the gateways that the page shows, in natural order.
func (p *Page) shown() []explain.Gateway {
	all := make([]explain.Gateway, 0, len(p.Status.Gateways))
	for _, g := range p.Status.Gateways {
		if g.Failed || !p.Failed {
			all = append(all, g)
		}
	}
	slices.SortStableFunc(all,
		func(a, b explain.Gateway) int { return choose.Natural(a.Profile, b.Profile) })
	return all
}

// JSON is the page for programs: the gateways that it shows.
func (p *Page) JSON() ([]byte, error) {
	status := p.Status
	if p.Failed {
		status.Gateways = slices.DeleteFunc(slices.Clone(status.Gateways),
			func(g explain.Gateway) bool { return !g.Failed })
	}
	return status.JSON()
}

// Unmoving tells a page from one that shows something else: it has all that does not change all the
// time.
func (p *Page) Unmoving() ([]byte, error) {
	status := p.Status
	status.Gateways = slices.Clone(status.Gateways)
	for i := range status.Gateways {
		g := &status.Gateways[i]
		if g.RSS = 0; g.More != nil {
			more := *g.More
			more.Processes = 0
			g.More = &more
		}
	}
	return status.JSON()
}

// Text is the table and the tally, in lines of at most width columns; 0 is no limit.
func (p *Page) Text(width int) string {
	t := p.table(p.shown())
	t.fit(width)
	return t.head() + "\n" + strings.Join(append(t.rows(), p.Tally()), "\n") + "\n"
}

// table has a row for each gateway. Columns that say least go first where there is no room.
func (p *Page) table(gateways []explain.Gateway) *table {
	t := &table{
		columns: []column{
			{name: "PROFILE", least: 10, wish: 20},
			{name: "WANTED", drop: 6},
			{name: "STATE", least: 11, wish: 24},
			{name: "READY", drop: 4},
			{name: "PID", drop: 2},
			{name: "SINCE", drop: 5},
			{name: "RESTARTS", drop: 3},
			{name: "MEM", drop: 3},
			{name: "PORT", drop: 1},
			{name: "PENDING", drop: 7},
			{name: "DRIFT", least: 8, wish: 16, drop: 8},
		},
		color: p.Color,
	}
	for _, g := range gateways {
		t.add(p.cells(g)...)
	}
	if !p.compared() {
		t.remove("PENDING")
	}
	if !p.weighed() {
		t.remove("MEM")
	}
	return t
}

// compared reports whether what the manifest wants of them is known.
func (p *Page) compared() bool {
	return slices.ContainsFunc(p.Status.Gateways,
		func(g explain.Gateway) bool { return g.Pending != "" })
}

// weighed reports whether it is known of one of them what it has in use.
func (p *Page) weighed() bool {
	return slices.ContainsFunc(p.Status.Gateways, func(g explain.Gateway) bool { return g.RSS != 0 })
}

// cells are the row of a gateway. Where s6 keeps no more deaths, their number is the least that
// there can have been, so it has a plus.
func (p *Page) cells(g explain.Gateway) []cell {
	pid, restarts, port := "", "", ""
	if g.PID != 0 {
		pid = strconv.Itoa(g.PID)
	}
	if g.Since != "" {
		restarts = strconv.Itoa(g.Restarts)
		if g.Restarts >= p.MaxDeaths {
			restarts += "+"
		}
	}
	if g.Port != 0 {
		port = strconv.Itoa(g.Port)
	}
	pending := ""
	if g.Pending != explain.PendingNone {
		pending = g.Pending
	}
	return []cell{
		{text: g.Profile}, {text: g.Wanted}, {State(g), stateColor(g)}, {text: yesNo(g.Ready)},
		{text: pid}, {text: p.since(g)}, {text: restarts}, {text: Bytes(g.RSS)}, {text: port}, {pending, explain.Yellow},
		{strings.Join(g.Drift, "; "), explain.Yellow},
	}
}

// since is for how long the gateway has been what it is.
func (p *Page) since(g explain.Gateway) string {
	at, err := time.Parse(time.RFC3339Nano, g.Since)
	if err != nil {
		return ""
	}
	return max(p.Now.Sub(at), 0).Truncate(time.Second).String()
}

// State is the state in words.
func State(g explain.Gateway) string {
	if g.Detail == "" {
		return g.State
	}
	return g.State + " (" + g.Detail + ")"
}

// yesNo leaves a cell empty where there is no way to tell, which is not the same as no.
func yesNo(known *bool) string {
	switch {
	case known == nil:
		return ""
	case *known:
		return "yes"
	}
	return "no"
}

// stateColor is red for what has failed, green for what does its work, yellow for what is on its
// way.
func stateColor(g explain.Gateway) int {
	switch reconcile.State(g.State) {
	case reconcile.StateUp, reconcile.StateReady:
		if g.Failed {
			return explain.Red
		}
		return explain.Green
	case reconcile.StateStarting, reconcile.StateWaiting, reconcile.StateStopping,
		reconcile.StateDraining:
		return explain.Yellow
	case explain.StateAbsent:
		return explain.Plain
	}
	if g.Failed {
		return explain.Red
	}
	return explain.Plain
}

// Tally counts the gateways by their states: "3 gateways: 2 up, 1 crash loop; 1 failed; pending: 1
// new".
func (p *Page) Tally() string {
	all := p.Status.Gateways
	if len(all) == 0 {
		return "no gateways"
	}
	text := explain.Count(len(all), "gateway") + ": " +
		counts(all, func(g explain.Gateway) string { return g.State })
	failed := 0
	for _, g := range all {
		if g.Failed {
			failed++
		}
	}
	if failed > 0 {
		text += fmt.Sprintf("; %d failed", failed)
	}
	pending := counts(all, func(g explain.Gateway) string {
		if g.Pending == explain.PendingNone {
			return ""
		}
		return g.Pending
	})
	if pending != "" {
		text += "; pending: " + pending
	}
	return text
}

// counts says how many gateways have each of the words, the most frequent first.
func counts(all []explain.Gateway, word func(explain.Gateway) string) string {
	n := map[string]int{}
	var words []string
	for _, g := range all {
		w := word(g)
		if w == "" {
			continue
		}
		if n[w] == 0 {
			words = append(words, w)
		}
		n[w]++
	}
	slices.SortFunc(words, func(a, b string) int {
		return cmp.Or(cmp.Compare(n[b], n[a]), strings.Compare(a, b))
	})
	for i, w := range words {
		words[i] = fmt.Sprintf("%d %s", n[w], w)
	}
	return strings.Join(words, ", ")
}
