package manifest

import (
	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/pattern"
	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/yamlfile"
)

// ExpandProfiles is the map of profiles with an entry for each of those that one entry makes.
// Faults are those that Parse reports.
func ExpandProfiles(profiles *yaml.Node) *yaml.Node {
	return expand(profiles, func(*yaml.Node, string, string, string) {})
}

// expand makes an entry for each profile. An entry of a profile's own is merged with that of several
// as it is merged with defaults.
func expand(profiles *yaml.Node, fault pattern.Fault) *yaml.Node {
	return pattern.Expand(profiles, maxProfiles, merges, fault)
}

// merges reports whether the value of a key of a profile is merged key by key.
func merges(key string) bool {
	row, known := table.Find(profileKeys(), key)
	return known && row.Merges
}

// countKey is the row of a key that is gone where it may stand: pattern.Expand has read it.
func countKey() row {
	return row{
		Name: pattern.Count,
		Says: table.Says{
			Title: "Number of profiles",
			About: "Only in an entry with {n} in its name: bot-{n} with a count of 60 is bot-1 to bot-60. " +
				"`port` is the port of the first profile, each further one has the next. If a profile also has an entry of its own, that wins.",
			Examples: []any{60},
		},
		Shape: values.Integer[int](1, maxProfiles).Shape.OrNull(),
		Own:   true,
		Read: func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node, _ *settings) {
			if !yamlfile.IsNull(yamlfile.Target(n)) {
				r.Fault(n, at, "is for an entry with {n} in its name (want the name of several profiles, such as bot-{n})")
			}
		},
	}
}
