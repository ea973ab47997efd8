package explain

import (
	"fmt"
	"slices"
	"strings"

	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
)

// title is above each annotation: it names the program that says it.
const title = "hermes-reconcile"

// GitHub is a workflow command for each line of the manifest that changes something, which GitHub
// Actions shows as an annotation there, and the tally. What goes is shown at the line of the old
// manifest that is gone or, where that is not known, at the head of the new one.
func (r *Report) GitHub() []byte {
	r.compareAll()
	var b strings.Builder
	places := map[string]*Place{}
	for _, one := range bundles(r.annotations(places)) {
		verb, _, _ := strings.Cut(one.scope, "\n")
		b.WriteString(Annotation("notice", places[one.scope], title,
			verb+" "+one.who()+": "+one.text))
	}
	for _, l := range r.Leftovers {
		b.WriteString(Annotation("notice", r.head(), title, "remove "+l.profile()+": "+l.Reason))
	}
	b.WriteString(r.Summary.Text + "\n")
	return []byte(b.String())
}

// annotations have one line for each profile and place; the scope is the verb and the place.
func (r *Report) annotations(places map[string]*Place) (all []line) {
	for _, p := range r.Profiles {
		if !p.acts() {
			continue
		}
		first := len(all)
		for _, c := range p.located() {
			place := c.place()
			scope := fmt.Sprintf("%s\n%s:%d", p.Verb(), place.File, place.Line)
			if places[scope] == nil {
				places[scope] = place
			}
			at := slices.IndexFunc(all[first:], func(l line) bool { return l.scope == scope })
			if at < 0 {
				all = append(all, line{scope, p.Service, p.Profile, c.text(false), c.isShared()})
				continue
			}
			l := &all[first+at]
			l.text, l.shared = l.text+"; "+c.text(false), l.shared && c.isShared()
		}
		if len(all) == first {
			scope := p.Verb() + "\n" + p.Service
			places[scope] = r.placeOf(&p)
			all = append(all, line{scope: scope, service: p.Service, profile: p.Profile})
		}
		said := strings.Join(append(p.remarks(), p.Why()), "; ")
		for i := range all[first:] {
			l := &all[first+i]
			l.text = strings.TrimPrefix(l.text+"; "+said, "; ")
		}
	}
	return all
}

// located are the changes that have a place of their own. What comes or goes as a whole has one.
func (p *Profile) located() []KeyChange {
	if p.isNew() || p.Action == reconcile.Remove {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.Changes), func(c KeyChange) bool { return c.Line == 0 })
}

// placeOf is where a profile stands, or has stood.
func (r *Report) placeOf(p *Profile) *Place {
	switch {
	case p.Place != nil:
		return p.Place
	case p.OldPlace != nil:
		return p.OldPlace
	}
	return r.head()
}

// head is the first line of the manifest.
func (r *Report) head() *Place {
	if r.manifest == "" {
		return nil
	}
	return &Place{File: r.manifest, Line: 1}
}

// Annotation is a workflow command of GitHub Actions: level is notice, warning or error; place may
// be nil.
func Annotation(level string, place *Place, title, message string) string {
	var properties []string
	if place != nil {
		properties = append(properties, "file="+escapeProperty(place.File))
		if place.Line > 0 {
			properties = append(properties, fmt.Sprintf("line=%d", place.Line))
		}
		if place.Column > 0 {
			properties = append(properties, fmt.Sprintf("col=%d", place.Column))
		}
	}
	properties = append(properties, "title="+escapeProperty(title))
	return "::" + level + " " + strings.Join(properties, ",") + "::" + escapeData(message) + "\n"
}

// How the runner of GitHub Actions reads commands: the message may hold no line end, a property no
// colon or comma either.
var (
	dataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",",
		"%2C")
)

// escapeData makes a text fit for a workflow command: a line end would begin another command.
func escapeData(s string) string { return dataEscapes.Replace(visible.Text(s)) }

// escapeProperty escapes what ends a property, too: a comma or a colon.
func escapeProperty(s string) string { return propertyEscapes.Replace(visible.Text(s)) }
