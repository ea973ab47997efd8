package manifest

import (
	"fmt"

	"hermes-reconcile/manifest/placeholder"
	"hermes-reconcile/manifest/yamlfile"
)

// place is where the value of a key stands that has placeholders.
type place struct {
	at   yamlfile.Spot
	path *yamlfile.Path // below the profile, even where defaults say it
	own  bool           // the profile itself says it, not defaults
}

// faultPlace puts an error at the profile's own value, or at the profile where the value is that of
// defaults and right for others.
func (r *reader) faultPlace(e *entry, where place, format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	if where.own {
		r.FaultAt(where.at, where.path, "%s", reason)
		return
	}
	r.FaultAt(e.at, where.path, "what defaults say (%s) %s", r.Position(where.at), reason)
}

// maxPath is the longest path that Linux takes, in bytes without its NUL (PATH_MAX).
const maxPath = 4095

// fillPath fills in the placeholders of a path.
func (r *reader) fillPath(p *Profile, e *entry, where place, template string) string {
	if !e.hasPort() && placeholder.NamesPort(template) {
		r.faultPlace(e, where,
			"names {port}, but the profile has none (want a port, or a path without it)")
	}
	text, _ := placeholder.Expand(template, p.Name, p.Port)
	if text == template {
		return text
	}
	if r.merged += len(text); len(text) > maxPath {
		r.faultPlace(e, where,
			"becomes a path of %d bytes with the placeholders filled in (want at most %d)",
			len(text), maxPath)
	}
	return text
}

// giveHome sets the profile's home. Its port is known by now.
func (r *reader) giveHome(p *Profile, e *entry, defaults *settings) {
	home := choose(e.settings.home, defaults.home, "")
	if home.state == given {
		p.Home = r.fillPath(p, e,
			place{home.at, e.path.Key("home"), e.settings.home.state == given}, home.value)
	}
}
