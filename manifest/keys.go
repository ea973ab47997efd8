package manifest

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/names"
	"hermes-reconcile/manifest/ports"
	"hermes-reconcile/manifest/starting"
	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/variables"
	"hermes-reconcile/manifest/yamlfile"
)

// The tables of keys are the one place that knows the keys of a manifest, their values and their
// defaults. The row of a profile's key is a function in the file of what it is about. A new key is
// such a row, a line in profileKeys, a field in settings, and a field in what it ends up in.

// document is the top level of all sources together.
type document struct {
	runtime    table.Setting[Runtime]
	scandir    table.Setting[string]
	hermesHome table.Setting[string]
	autoPorts  table.Setting[PortRange]
	start      table.Setting[starting.Settings]
	defaults   settings
	entries    []*entry          // profiles in file order
	names      map[string]*entry // the same by name, the first of each
}

// settings are the keys of a profile or of `defaults`.
type settings struct {
	port        table.Setting[ports.Port]
	state       table.Setting[State]
	portEnv     table.Setting[string]
	user        table.Setting[string]
	home        table.Setting[string]
	command     table.Setting[[]string]
	wrapper     table.Setting[[]string]
	variables   variables.Level // env, unset and secrets
	envFiles    table.Setting[[]string]
	secretsDir  table.Setting[string]
	restart     table.Setting[Restart]
	backoff     table.Setting[time.Duration]
	stopTimeout table.Setting[time.Duration]
	ready       table.Setting[readySettings]
	drain       table.Setting[drainSettings]
	alive       table.Setting[aliveSettings]
	memory      table.Setting[memorySettings]
	restartOn   table.Setting[[]Rotated]
	log         table.Setting[logSettings]
}

// Version is the manifest version that this package reads.
const Version = 1

// documentKeys are the keys of the top level, in the order of the manual and of the schema. They are
// made when they are first used, since most commands of a boot need none of them.
var documentKeys = sync.OnceValue(func() []table.Key[document, Manifest] {
	return []table.Key[document, Manifest]{
		{
			Name:    "version",
			Repeats: true,
			Shape: values.Shape{
				Type: values.Types{"integer"}, Enum: []any{Version}, Sort: "whole number",
				Bounds: strconv.Itoa(Version),
			},
			Says: table.Says{
				Title: "Format version",
				About: "Version of the manifest format. Required.",
			},
			Read: func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node, _ *document) {
				checkVersion(r, at, yamlfile.Target(n))
			},
		},
		table.One(
			"runtime",
			values.OneOf(RuntimeS6Overlay, RuntimeS6),
			RuntimeS6Overlay,
			table.Says{
				Title: "Kind of s6 tree",
				About: "s6-overlay: scripts start through /command/with-contenv, s6 programs are in /command. " +
					"s6: a plain s6 tree; scripts start through /bin/sh and find s6 programs on its PATH.",
			},
			func(d *document) *table.Setting[Runtime] { return &d.runtime },
			func(m *Manifest) *Runtime { return &m.Runtime },
		),
		table.One(
			"scandir",
			values.AbsolutePath,
			DefaultScandir,
			table.Says{
				Title: "Scan directory",
				About: "The folder that s6-svscan runs on. --scandir and $HERMES_RECONCILE_SCANDIR win over it.",
			},
			func(d *document) *table.Setting[string] { return &d.scandir },
			func(m *Manifest) *string { return &m.Scandir },
		),
		table.One(
			"hermes_home",
			values.AbsolutePath,
			"/opt/data",
			table.Says{
				Title: "Fallback for HERMES_HOME",
				About: "Used only if HERMES_HOME is not set when a script runs.",
			},
			func(d *document) *table.Setting[string] { return &d.hermesHome },
			func(m *Manifest) *string { return &m.HermesHome },
		),
		table.One(
			"auto_ports",
			ports.Automatic,
			PortRange{First: 20000, Last: 29999},
			table.Says{
				Title: "Range of automatic ports",
				About: "FIRST-LAST. `port: auto` takes a port of this range, by a hash of the profile's name.",
			},
			func(d *document) *table.Setting[PortRange] { return &d.autoPorts },
			func(m *Manifest) *PortRange { return &m.AutoPorts },
		),
		startKey(),
		{
			Name:  "defaults",
			Later: func() values.Shape { return table.ObjectOf(sharedKeys()).OrNull() },
			Says: table.Says{
				Title: "Defaults of all profiles",
				About: "Any key of a profile, except `port`. A profile's own key wins. " +
					"`env`, `ready`, `drain`, `alive`, `memory` and `log` are merged key by key, `unset` is added up, null drops a default.",
				Examples: []any{map[string]any{"log": map[string]any{"stdout": false}}},
			},
			Read: func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node, to *document) {
				table.ReadKeys(r, at, n, sharedKeys(), &to.defaults)
				to.defaults.variables.Check(r, at)
			},
		},
		{
			Name:    "profiles",
			Repeats: true,
			Later:   profilesShape,
			Says: table.Says{
				Title: "Profiles",
				About: "Each name is a profile, and each profile has a gateway. `default` is the root profile, and runs without `-p`. " +
					"A name begins with a-z or 0-9. Then - and _ are allowed, too. With {n} in the name and a `count` an entry is several profiles.",
				Examples: []any{map[string]any{"default": nil, "coder": map[string]any{"port": 9201}}},
			},
			Read: readProfiles,
		},
	}
})

// profilesShape is that of the map of profiles.
func profilesShape() values.Shape {
	each := table.ObjectOf(profileKeys()).OrNull()
	return values.Shape{
		Type:          values.Types{"object", "null"},
		MaxProperties: maxProfiles,
		Sort:          "map of names to profiles", Bounds: fmt.Sprintf("at most %d", maxProfiles),
		PropertyNames: &values.Shape{
			Pattern:   `^([a-z0-9][a-z0-9_-]*(\{n\}[a-z0-9_-]*)?|\{n\}[a-z0-9_-]*)$`,
			MaxLength: names.MaxProfile,
		}, // ProfileFault has the reasons
		Each: new(each.Titled("Profile", "One gateway. Empty: all defaults.")),
	}
}

// row is a key of a profile.
type row = table.Key[settings, Profile]

// profileKeys are the keys of a profile, in the order of the manual and of the schema. Those that
// are not alone are the keys of `defaults`, too.
var profileKeys = sync.OnceValue(func() []row {
	return []row{
		portKey(),
		portEnvKey(),
		stateKey(),
		userKey(),
		homeKey(),
		commandKey(),
		wrapperKey(),
		envKey(),
		unsetKey(),
		secretsKey(),
		envFileKey(),
		secretsDirKey(),
		restartKey(),
		backoffKey(),
		stopTimeoutKey(),
		readyKey(),
		drainKey(),
		aliveKey(),
		memoryKey(),
		restartOnKey(),
		logKey(),
		countKey(),
	}
})

// sharedKeys is the table for `defaults`.
var sharedKeys = sync.OnceValue(func() []row { return table.Shared(profileKeys()) })
