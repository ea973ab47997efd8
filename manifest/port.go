package manifest

import (
	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/ports"
	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
)

// PortRange is a range of TCP ports, both ends included.
type PortRange = ports.Range

func portKey() row {
	return table.Raw[ports.Port, settings, Profile](
		"port",
		ports.Number,
		table.Says{
			Title: "TCP port",
			About: "1-65535, or auto: by a hash of the profile's name, the same on every machine. " +
				"The gateway gets it in the variable that port_env names.",
			Examples: []any{9201, "auto"},
		},
		func(s *settings) *table.Setting[ports.Port] { return &s.port },
	).Alone().
		Written(func(p, _ *Profile) *yaml.Node { return putPort(p) }, nil).
		Told(tellPort)
}

// putPort leaves 0 out: a profile without a port says nothing of it.
func putPort(p *Profile) *yaml.Node {
	if p.Port == 0 {
		return nil
	}
	return values.WriteInteger(p.Port)
}

// tellPort leaves 0 out: no key of a manifest says that there is no port.
func tellPort(p *Profile) []Value {
	if p.Port == 0 {
		return nil
	}
	return []Value{{Key: "port", Value: int64(p.Port)}}
}

func portEnvKey() row {
	return table.Raw[string, settings, Profile](
		"port_env",
		values.VariableName,
		table.Says{
			Title: "Variable of the port",
			About: "Tells the gateway its port, unless env, secrets or unset name that variable. null: no variable does.",
		},
		func(s *settings) *table.Setting[string] { return &s.portEnv },
	).
		Gives(func(p *Profile, own, defaults *settings) {
			p.PortEnv = choosePortEnv(own.portEnv, defaults.portEnv)
		}).
		Written(
			func(p, below *Profile) *yaml.Node {
				return table.UnlessSame(writePortEnv(p.PortEnv), writePortEnv(below.PortEnv))
			},
			func(all []*Profile, below *Profile) {
				of := func(p *Profile) *string { return &p.PortEnv }
				table.ShareMost(all, writePortEnv, of, below)
			}).
		Told(func(p *Profile) []Value { return table.TellText("port_env", p.PortEnv) }).
		DefaultsTo(builtinPortEnv)
}

// builtinPortEnv is the variable that hermes-agent reads the port of its API server from.
const builtinPortEnv = "API_SERVER_PORT"

// choosePortEnv picks the variable of the port. Here null means that there is none.
func choosePortEnv(own, defaults table.Setting[string]) string {
	switch {
	case own.State != table.Absent:
		return own.Value
	case defaults.State != table.Absent:
		return defaults.Value
	}
	return builtinPortEnv
}

// writePortEnv writes null for none: an empty name would be no name.
func writePortEnv(name string) *yaml.Node {
	if name == "" {
		return values.WriteNull()
	}
	return values.WriteText(name)
}

// assignPorts returns the port of each entry, and reports those that are taken.
func (r *reader) assignPorts(auto PortRange) []int {
	wishes := make([]ports.Wish, len(r.document.entries))
	for i, e := range r.document.entries {
		wishes[i] = ports.Wish{Profile: e.name, Port: e.settings.port, At: e.at, Path: e.path}
	}
	return ports.Assign(r.Reader, wishes, auto, r.document.autoPorts.State != table.Faulty)
}

// hasPort reports whether a profile has a port, even a wrong one.
func (e *entry) hasPort() bool {
	return e.settings.port.State == table.Given || e.settings.port.State == table.Faulty
}
