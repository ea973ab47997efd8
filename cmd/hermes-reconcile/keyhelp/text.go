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

// With is a key, and behind it those of its group, if it is one.
func (k Key) With(keys []Key) []Key {
	all := []Key{k}
	for _, other := range keys {
		if k.Groups && strings.HasPrefix(other.Path, k.Path+".") {
			all = append(all, other)
		}
	}
	return all
}

// below lists the keys of a group.
func (k Key) below(keys []Key) string {
	inner := k.With(keys)[1:]
	if len(inner) == 0 {
		return ""
	}
	for i := range inner {
		inner[i].Path = inner[i].Name
	}
	return "\nIts keys:\n\n" + List(inner)
}
