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
			About: "Its HERMES_HOME: working directory, log folder and state files lie there. " +
				"{profile} and {port} are filled in. Without it: HERMES_HOME of the container.",
			Examples: []any{"/srv/hermes/{profile}"},
		},
		func(s *settings) *table.Setting[string] { return &s.home },
	). // giveHome fills it in
		Written(putHome, shareHome).
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

// putHome writes the home of a profile, with null where it has none in spite of defaults.
func putHome(p, below *Profile) *yaml.Node {
	switch {
	case p.Home == below.Home,
		p.Name != "" && below.Home != "" && placeholder.Fits(below.Home, p.Home, p.Name, p.Port):
		return nil
	case p.Home == "":
		return values.WriteNull()
	}
	return writePath(p, p.Home)
}

// shareHome looks for the home of most profiles, but for their names in the path.
func shareHome(all []*Profile, below *Profile) {
	count := map[string]int{}
	for _, p := range all {
		if p.Home == "" {
			continue
		}
		for _, template := range placeholder.PathTemplates(p.Home, p.Name) {
			if count[template]++; count[template] > len(all)/2 {
				below.Home = template
				return
			}
		}
	}
}
