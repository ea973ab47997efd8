package explain

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"hermes-reconcile/cmd/hermes-reconcile/changes"
	"hermes-reconcile/cmd/hermes-reconcile/masking"
	"hermes-reconcile/manifest/placed"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
)

// KeyChange is one key of a profile's entry that changes, in the words of the manifest. Secrets are
// masked. Before and After are nil where the key has no value.
type KeyChange struct {
	Key    string `json:"key"`
	Before any    `json:"before"`
	After  any    `json:"after"`
	// From is what says the value: profile, defaults, manifest (its top level) or builtin.
	From string `json:"from,omitempty"`
	// File and Line are where that stands. A line that is gone is one of the old manifest.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	Gone bool   `json:"gone,omitempty"`

	column int
}

// place is where a change stands, nil where that is not known.
func (c *KeyChange) place() *Place {
	if c.Line == 0 {
		return nil
	}
	return &Place{c.File, c.Line, c.column}
}

// compareAll adds what changes to all profiles. JSON, which takes the most, goes from one to the
// next.
func (r *Report) compareAll() {
	for i := range r.Profiles {
		r.Profiles[i].ensureCompared()
	}
}

// ensureCompared compares at most once: JSON asks a profile at a time, the other forms ask for all
// at once.
func (p *Profile) ensureCompared() {
	if p.compare != nil {
		p.compare(p)
		p.compare = nil
	}
}

// tellChanges adds what a plan changes in the words of the manifest.
func (p *Profile) tellChanges(found changes.Profile, opt Options) {
	if !found.Known {
		return
	}
	p.Changes, p.Rendered = make([]KeyChange, 0, len(found.Changes)), found.Rendered
	p.RenamedFrom, p.RenamedTo = found.RenamedFrom, found.RenamedTo
	if found.Place.Line > 0 && opt.Place != nil {
		at := opt.Place(found.Place, true)
		p.OldPlace = &at
	}
	for _, c := range found.Changes {
		one := KeyChange{Key: c.Key, From: string(c.Origin)}
		one.Before, one.After = opt.Mask.Change(c)
		if c.Place.Line > 0 && opt.Place != nil {
			at := opt.Place(c.Place, c.Old)
			one.File, one.Line, one.column, one.Gone = at.File, at.Line, at.Column, c.Old
		}
		p.Changes = append(p.Changes, one)
	}
}

// told are the changes that a reader wants to see. All that a new entry says is new, and of what
// the program says for it there is nothing to see; all of an entry that goes is gone, and one that
// has another name now is what it was.
func (p *Profile) told() []KeyChange {
	switch {
	case p.Action == reconcile.Remove, p.RenamedFrom != "":
		return nil
	case !p.isNew():
		return p.Changes
	}
	var said []KeyChange
	for _, c := range p.Changes {
		if c.From != string(placed.OriginBuiltin) {
			said = append(said, c)
		}
	}
	return said
}

// isNew reports whether there was no entry before.
func (p *Profile) isNew() bool { return p.Action == reconcile.Create && p.fresh }

// remarks are what else there is to say of the entry, and of its files.
func (p *Profile) remarks() (all []string) {
	if p.RenamedFrom != "" {
		all = append(all, "renamed from "+p.RenamedFrom)
	}
	if p.RenamedTo != "" {
		all = append(all, "renamed to "+p.RenamedTo)
	}
	if len(p.Rendered) > 0 {
		all = append(all, "rendered differently by this version of hermes-reconcile: "+
			strings.Join(p.Rendered, ", "))
	}
	return all
}

// notSet stands for a value where there is none.
const notSet = "not set"

// sides are both values as people read them. What is very long is cut to where it differs.
func (c *KeyChange) sides() (before, after string) {
	before, after = show(c.Before), show(c.After)
	if len(before) <= shownValue && len(after) <= shownValue {
		return before, after
	}
	same := 0
	for same < len(before) && same < len(after) && before[same] == after[same] {
		same++
	}
	return clip(before, same), clip(after, same)
}

// What is shown of a long value, in bytes: that much in all, and that much before the difference.
const (
	shownValue  = 160
	shownBefore = 40
)

// clip cuts a text to what is around a place.
func clip(text string, at int) string {
	start, dots := 0, ""
	if at > 2*shownBefore {
		start, dots = at-shownBefore, "..."
	}
	for start > 0 && start < len(text) && !utf8.RuneStart(text[start]) {
		start--
	}
	text = dots + text[min(start, len(text)):]
	if len(text) > shownValue {
		text = strings.ToValidUTF8(text[:shownValue], "") + "..."
	}
	return text
}

// show is a value as people read it: bare, or in quotes where something in it could be misread.
func show(value any) string {
	switch v := value.(type) {
	case nil:
		return notSet
	case string:
		return showText(v)
	case []string:
		words := make([]string, len(v))
		for i, word := range v {
			words[i] = showText(word)
		}
		return "[" + strings.Join(words, ", ") + "]"
	}
	return fmt.Sprint(value)
}

// showText quotes a value where its ends could not be seen otherwise.
func showText(text string) string {
	switch {
	case masking.Is(text):
		return text
	case text == "" || strings.ContainsAny(text, " \t\r\n\"[]{},\\") || visible.Line(text) != text:
		return visible.Quote(text)
	}
	return text
}

// text is a change in a line. A key of a new entry had no value before.
func (c *KeyChange) text(fresh bool) string {
	before, after := c.sides()
	value := before + " -> " + after
	if fresh {
		value = after
	}
	return c.Key + ": " + value + c.origin()
}

// origin says which value does not stand in the profile.
func (c *KeyChange) origin() string {
	switch c.From {
	case string(placed.OriginDefaults):
		return " (defaults)"
	case string(placed.OriginBuiltin):
		return " (built in)"
	}
	return ""
}

// line is something that is said of a profile. Lines of different scopes are never put together.
type line struct {
	scope, service, profile, text string
	shared                        bool // it comes of something that several profiles share
}

// lines are what there is to say of the entries of all profiles that something is done to.
func (r *Report) lines() (all []line) {
	for _, p := range r.Profiles {
		if !p.acts() {
			continue
		}
		for _, text := range p.remarks() {
			all = append(all, line{"", p.Service, p.Profile, text, false})
		}
		for _, c := range p.told() {
			all = append(all, line{"", p.Service, p.Profile, c.text(p.isNew()), c.isShared()})
		}
	}
	return all
}

// isShared reports whether a change comes of what several profiles share.
func (c *KeyChange) isShared() bool { return c.From != string(placed.OriginProfile) }

// bundle is what is said of one profile, or of several.
type bundle struct {
	line
	profiles []string
}

// bundles puts what is the same for several profiles together: word for word or, where it comes of
// what they share, but for their names.
func bundles(lines []line) []bundle {
	key := func(l line) string { return l.scope + "\x00" + l.text }
	count := map[string]int{}
	for _, l := range lines {
		count[key(l)]++
	}
	general := func(l line) line {
		if l.shared && count[key(l)] == 1 {
			l.text = strings.ReplaceAll(l.text, l.profile, "{profile}")
		}
		return l
	}
	var all []bundle
	known := map[string]int{}
	for _, l := range lines {
		g := key(general(l))
		at, found := known[g]
		if !found {
			known[g] = len(all)
			all = append(all, bundle{l, []string{l.profile}})
			continue
		}
		all[at].text = general(all[at].line).text
		all[at].profiles = append(all[at].profiles, l.profile)
	}
	return all
}

// who names the profiles of a bundle.
func (b *bundle) who() string {
	if len(b.profiles) == 1 {
		return b.profiles[0]
	}
	return Count(len(b.profiles), "profile") + " (" + Names(b.profiles) + ")"
}
