//go:build linux

package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
)

// What to type, where several findings say so.
const (
	apply    = "hermes-reconcile apply"
	diffThen = "hermes-reconcile diff, then hermes-reconcile apply"
	validate = "hermes-reconcile validate"
)

// notChecked says that a check could not be made.
func notChecked(check, object, why string) explain.Finding {
	return explain.Finding{Check: check, Level: explain.LevelUnknown, Object: object, Found: why}
}

// notes collects the findings of one check.
type notes struct {
	check string
	list  []explain.Finding
}

// add notes what is wrong. The hint says what to type or to edit.
func (n *notes) add(level explain.Level, object, hint, format string, args ...any) {
	n.list = append(
		n.list,
		explain.Finding{
			Check:  n.check,
			Level:  level,
			Object: object,
			Found:  fmt.Sprintf(format, args...),
			Hint:   hint,
		},
	)
}

// ok notes what was looked at and is right, so that a reader sees that it was looked at.
func (n *notes) ok(object, format string, args ...any) {
	n.add(explain.LevelOK, object, "", format, args...)
}

// unknown notes what could not be looked at, and why.
func (n *notes) unknown(object, format string, args ...any) {
	n.add(explain.LevelUnknown, object, "", format, args...)
}

// adds counts the findings that a judgement of one object adds.
func (n *notes) adds(judge func()) int {
	before := len(n.list)
	judge()
	return len(n.list) - before
}

// bad reports whether there is anything but good news.
func (n *notes) bad() bool {
	return slices.ContainsFunc(n.list,
		func(f explain.Finding) bool { return f.Level != explain.LevelOK })
}

// grouped are names by what is to be said of them, so that what concerns all is said once.
type grouped struct {
	texts []string
	names map[string][]string
}

// add keeps the order in which texts come first. One profile after the other
// is looked at, so a name that comes again does so at once.
func (g *grouped) add(text, name string) {
	if g.names == nil {
		g.names = map[string][]string{}
	}
	if _, known := g.names[text]; !known {
		g.texts = append(g.texts, text)
	}
	names := g.names[text]
	if len(names) == 0 || names[len(names)-1] != name {
		g.names[text] = append(names, name)
	}
}

// Typed makes hints ready to type: with the manifest files and the scandir that were named on the
// command line.
func Typed(findings []explain.Finding, files []string, scandir string) []explain.Finding {
	typed := slices.Clone(findings)
	for i := range typed {
		typed[i].Hint = usage.Typed(typed[i].Hint, files, scandir)
	}
	return typed
}

// quote makes a word for a shell.
func quote(word string) string { return usage.Quote(word) }

// listing names a few of many.
func listing(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// ago is how long something was before now, in whole seconds.
func ago(then, now time.Time) time.Duration { return max(now.Sub(then), 0).Truncate(time.Second) }

// times is how often something happened, in words.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// pid is a process in parentheses; nothing, where none is known.
func pid(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", n)
}

// sortedKeys makes findings come in the same order each time.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
