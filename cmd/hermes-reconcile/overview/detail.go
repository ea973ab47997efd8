package overview

import (
	"fmt"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest/visible"
)

// Detail is all that there is to say of one gateway: a line for each fact, then the end of its log.
// Lines are cut to width; 0 is no limit.
func (p *Page) Detail(g explain.Gateway, width int) string {
	facts := p.facts(g)
	indent := 0
	for _, f := range facts {
		indent = max(indent, len(f.name)+gap)
	}
	var b strings.Builder
	for _, f := range facts {
		line := f.name + strings.Repeat(" ", indent-len(f.name)) + visible.Line(f.text)
		for _, cut := range fitted([]string{line}, width) {
			if p.Color && f.color != explain.Plain && len(cut) > indent {
				cut = cut[:indent] + explain.Paint(f.color, cut[indent:])
			}
			b.WriteString(cut + "\n")
		}
	}
	if g.More != nil && len(g.More.LogLines) > 0 {
		b.WriteString("\n" + strings.Join(fitted(seen(g.More.LogLines), width), "\n") + "\n")
	}
	return b.String()
}

// seen are lines without hidden characters.
func seen(lines []string) []string {
	var all []string
	for _, line := range lines {
		all = append(all, visible.Line(line))
	}
	return all
}

// fact is a line of a detail.
type fact struct {
	name, text string
	color      int
}

// facts are what is known of a gateway, without what says nothing.
func (p *Page) facts(g explain.Gateway) []fact {
	all := []fact{
		{"profile", g.Profile, explain.Bold},
		{"state", State(g), stateColor(g)},
		{"wanted", g.Wanted, explain.Plain},
		{"ready", yesNo(g.Ready), explain.Plain},
		{"alive", yesNo(g.Alive), explain.Plain},
		{"restarted", p.restarted(g.Restarted), explain.Plain},
		{"pending", pendingWords[g.Pending], explain.Yellow},
		{"rotated", strings.Join(g.Rotated, ", "), explain.Yellow},
		{"drift", strings.Join(g.Drift, "; "), explain.Yellow},
		{"since", p.moment(g.Since), explain.Plain},
		{"process", processes(g), explain.Plain},
		{"memory", Bytes(g.RSS), explain.Plain},
	}
	if g.More != nil {
		all = append(all, p.more(g, g.More)...)
	}
	var known []fact
	for _, f := range all {
		if f.text != "" {
			known = append(known, f)
		}
	}
	return known
}

// pendingWords say what the next apply does about a gateway.
var pendingWords = map[string]string{
	explain.PendingNew:     "new: the next apply makes it",
	explain.PendingChanged: "changed: the next apply brings it up to date",
	explain.PendingRotated: "rotated: what it has read when it started has changed, so watch or the next apply restarts it",
	explain.PendingGone:    "to go: the manifest does not name it, so the next apply removes it",
}

// more are the facts that only a look at one gateway gives.
func (p *Page) more(g explain.Gateway, m *explain.More) []fact {
	all := []fact{
		{"user", m.User, explain.Plain},
		{"last end", ending(m.ExitCode, m.Signal), explain.Plain},
		{"deaths", p.deaths(g, m.Deaths), explain.Plain},
		{"next start", p.moment(m.NextStart), explain.Plain},
		{"port", port(g), explain.Plain},
	}
	for _, s := range m.Sockets {
		all = append(all, fact{"listens", socket(s), socketColor(s)})
	}
	all = append(all, fact{"directory", m.Directory, explain.Plain})
	if m.Manifest != nil {
		at := fmt.Sprintf("%s:%d", m.Manifest.File, m.Manifest.Line)
		all = append(all, fact{"manifest", at, explain.Plain})
	}
	return append(all, fact{"log", m.Log, explain.Plain}, fact{"no log", m.LogFault, explain.Yellow})
}

// moment is a time, and how far it is from now.
func (p *Page) moment(text string) string {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return ""
	}
	if left := at.Sub(p.Now).Round(time.Second); left > 0 {
		return fmt.Sprintf("in %s (%s)", left, text)
	}
	return fmt.Sprintf("%s (%s)", p.Now.Sub(at).Truncate(time.Second), text)
}

// restarted tells of the last restart that a check has made.
func (p *Page) restarted(last *explain.Restarted) string {
	if last == nil {
		return ""
	}
	return p.moment(last.At) + ": " + last.Why
}

// processes names the gateway's process, and how many it has started besides.
func processes(g explain.Gateway) string {
	switch {
	case g.PID == 0:
		return ""
	case g.More == nil || g.More.Processes < 2:
		return fmt.Sprint(g.PID)
	}
	return fmt.Sprintf("%d, and %d more", g.PID, g.More.Processes-1)
}

// deaths counts them, and says how the last came.
func (p *Page) deaths(g explain.Gateway, all []explain.Death) string {
	if len(all) == 0 {
		return ""
	}
	last := all[len(all)-1]
	plus := ""
	if g.Restarts >= p.MaxDeaths {
		plus = "+"
	}
	text := fmt.Sprintf("%d%s since it was last started on purpose", len(all), plus)
	at, err := time.Parse(time.RFC3339Nano, last.At)
	if err != nil {
		return text
	}
	return fmt.Sprintf("%s, the last %s ago: %s", text,
		max(p.Now.Sub(at), 0).Truncate(time.Second), ending(last.ExitCode, last.Signal))
}

// ending says how a process ended.
func ending(code *int, signal int) string {
	switch {
	case signal != 0:
		return fmt.Sprintf("ended by signal %d", signal)
	case code != nil:
		return fmt.Sprintf("exited %d", *code)
	}
	return ""
}

// port is a gateway's port as it is shown; empty: it has none.
func port(g explain.Gateway) string {
	if g.Port == 0 {
		return ""
	}
	return fmt.Sprint(g.Port)
}

// socket says which process takes connections where.
func socket(s explain.Socket) string {
	switch {
	case s.Own:
		return s.Address
	case s.PID == 0:
		return s.Address + ": another process does"
	}
	return fmt.Sprintf("%s: %q does (pid %d)", s.Address, s.Program, s.PID)
}

// socketColor marks a port that another program holds: the gateway cannot serve there.
func socketColor(s explain.Socket) int {
	if s.Own {
		return explain.Plain
	}
	return explain.Red
}

// Bytes is an amount of memory for people, in units of 1024; empty for none.
func Bytes(n int64) string {
	const unit = 1024
	if n == 0 {
		return ""
	}
	value, units := float64(n), []string{"bytes", "KiB", "MiB", "GiB"}
	i := 0
	for ; value >= unit && i < len(units)-1; i++ {
		value /= unit
	}
	if i == 0 {
		return fmt.Sprintf("%d %s", n, units[0])
	}
	return fmt.Sprintf("%.1f %s", value, units[i])
}
