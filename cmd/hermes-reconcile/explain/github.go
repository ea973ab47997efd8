package explain

import (
	"fmt"
	"strings"

	"hermes-reconcile/manifest/visible"
)

// title is above each annotation: it says who says it.
const title = "hermes-reconcile"

// GitHub is a workflow command for each profile that changes, which GitHub Actions shows as an
// annotation at its line in the manifest, and the tally. What goes is not in the manifest: it is
// shown at its head.
func (r *Report) GitHub() []byte {
	var b strings.Builder
	for _, p := range r.Profiles {
		if p.acts() {
			place := p.Place
			if place == nil {
				place = r.head()
			}
			b.WriteString(Annotation("notice", place, title, p.message()))
		}
	}
	for _, l := range r.Leftovers {
		b.WriteString(Annotation("notice", r.head(), title, "remove "+l.profile()+": "+l.Reason))
	}
	b.WriteString(r.Summary.Text + "\n")
	return []byte(b.String())
}

// head is the first line of the manifest.
func (r *Report) head() *Place {
	if r.manifest == "" {
		return nil
	}
	return &Place{File: r.manifest, Line: 1}
}

func (p *Profile) message() string {
	return p.Verb() + " " + p.Profile + ": " + p.Why()
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

func escapeData(s string) string     { return dataEscapes.Replace(visible.Text(s)) }
func escapeProperty(s string) string { return propertyEscapes.Replace(visible.Text(s)) }
