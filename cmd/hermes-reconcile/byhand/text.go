//go:build linux

package byhand

import (
	"fmt"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile/operate"
)

// Text is what became of gateways, for people: rows of a table, and how many there are.
func Text(o explain.Operation, d Operation) (rows []string, tally string) {
	for _, g := range o.Gateways {
		switch g.Result {
		case explain.Unneeded:
			rows = append(rows, fmt.Sprintf("unchanged\t%s\tis %s", g.Profile, d.State))
		case explain.Done:
			rows = append(rows, d.Past+"\t"+g.Profile+"\t")
		}
	}
	return rows, fmt.Sprintf("%d %s, %d unchanged", o.Done, d.Past, o.Unchanged)
}

// WarnOfUndoing warns of gateways that the next apply removes, and of those that it makes again what
// they were. It reports whether there are any of the latter.
func (a *Run) WarnOfUndoing(
	acted []operate.Acted, warn func(code explain.Code, format string, args ...any),
) bool {
	undone, removed := a.Undone(acted)
	if len(undone) > 0 {
		warn(explain.WarnUndone, "%s will be %s again by the next apply, or by watch%s",
			subject(undone), a.Op.Undo, namesOfSeveral(undone))
	}
	if len(removed) > 0 {
		them := "them"
		if len(removed) == 1 {
			them = "it"
		}
		warn(explain.WarnRemoved,
			"%s will be removed by the next apply, or by watch, because the manifest lacks %s%s",
			subject(removed), them, namesOfSeveral(removed))
	}
	return len(undone) > 0
}

// subject begins a sentence about profiles: it is the only one, or their number.
func subject(profiles []string) string {
	if len(profiles) == 1 {
		return profiles[0]
	}
	return explain.Count(len(profiles), "gateway")
}

// namesOfSeveral ends a sentence that a number begins.
func namesOfSeveral(profiles []string) string {
	if len(profiles) == 1 {
		return ""
	}
	return ": " + strings.Join(profiles, ", ")
}
