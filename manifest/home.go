package manifest

import (
	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/filling"
	"hermes-reconcile/manifest/placeholder"
	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
)

func homeKey() row {
	return table.Raw[string, settings, Profile](
		"home",
		values.PathTemplate,
		table.Says{
			Title: "Home of this gateway",
			About: "HERMES_HOME of this gateway, with its working directory, log folder and state files. " +
				"{profile} and {port} are filled in. Without it: HERMES_HOME of the container.",
			Examples: []any{"/srv/hermes/{profile}"},
		},
		func(s *settings) *table.Setting[string] { return &s.home },
	). // giveHome fills it in
		Written(homeOf.put, homeOf.share).
		Told(func(p *Profile) []Value { return table.TellText("home", p.Home) })
}

// giveHome sets the profile's home. Its port is known by now.
func giveHome(f *filling.Filler, p *Profile, own, defaults *settings) {
	home := table.Choose(own.home, defaults.home, "")
	if home.State == table.Given {
		at := filling.Place{At: home.At, Path: f.Path.Key("home"), Own: own.home.State == table.Given}
		p.Home = f.FillPath(at, home.Value)
	}
}

// writePath is the path of a profile, or that of defaults, which has placeholders.
func writePath(p *Profile, path string) *yaml.Node {
	if p.Name != "" {
		path = placeholder.Escape(path)
	}
	return values.WriteText(path)
}

// pathOf is a path with placeholders: of a profile, which has them filled in, or of defaults, which
// is the profile without a name.
type pathOf func(*Profile) *string

var (
	homeOf       pathOf = func(p *Profile) *string { return &p.Home }
	secretsDirOf pathOf = func(p *Profile) *string { return &p.SecretsDir }
)

// put writes the path of a profile, with null where it has none in spite of defaults.
func (of pathOf) put(p, below *Profile) *yaml.Node {
	path, shared := *of(p), *of(below)
	switch {
	case path == shared,
		p.Name != "" && shared != "" && placeholder.Fits(shared, path, p.Name, p.Port):
		return nil
	case path == "":
		return values.WriteNull()
	}
	return writePath(p, path)
}

// share looks for the path of most profiles, but for their names in it.
func (of pathOf) share(all []*Profile, below *Profile) {
	count := map[string]int{}
	for _, p := range all {
		if *of(p) == "" {
			continue
		}
		for _, template := range placeholder.PathTemplates(*of(p), p.Name) {
			if count[template]++; count[template] > len(all)/2 {
				*of(below) = template
				return
			}
		}
	}
}
