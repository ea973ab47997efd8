package keyhelp

import (
	"fmt"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/cmdline"
)

// List names all keys, a line each.
func List(keys []Key) string {
	var b strings.Builder
	widest := 0
	for _, k := range keys {
		widest = max(widest, len(k.Path))
	}
	for _, k := range keys {
		fmt.Fprintf(&b, "%-*s  %s\n", widest, k.Path, k.Title)
	}
	return b.String()
}

// indent is how far the facts about a key stand from the left.
const indent = 9

// Text is all that is to be said of a key: what it means, then a fact a line. Keys are those of the
// manifest, of which some may stand below it.
func (k Key) Text(keys []Key) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n%s\n\n", k.Path, k.Title, cmdline.Wrap(k.About, cmdline.Width))
	fact := func(name, text string) {
		if text == "" {
			return
		}
		for line := range strings.SplitSeq(cmdline.Wrap(text, cmdline.Width-indent), "\n") {
			fmt.Fprintf(&b, "%-*s%s\n", indent, name, line)
			name = ""
		}
	}
	fact("type", k.Type)
	fact("range", k.Range)
	fact("default", k.Default)
	fact("where", k.Places)
	name := "example"
	for _, e := range k.Examples {
		fact(name, e)
		name = ""
	}
	b.WriteString(k.below(keys))
	return b.String()
}

// below lists the keys of a group.
func (k Key) below(keys []Key) string {
	var inner []Key
	for _, other := range keys {
		if k.Groups && strings.HasPrefix(other.Path, k.Path+".") {
			other.Path = other.Name
			inner = append(inner, other)
		}
	}
	if len(inner) == 0 {
		return ""
	}
	return "\nIts keys:\n\n" + List(inner)
}
