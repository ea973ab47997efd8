// Package hermesconfig reads what the config.yaml of a Hermes home says of its gateway.
package hermesconfig

import (
	"bytes"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/yamlfile"
)

// Config is what the config.yaml of a Hermes home says that concerns its gateway.
type Config struct {
	Port       int   // of the API server; 0: it does not say
	Multiplex  *bool // the root gateway serves the other profiles, too; nil: it does not say
	Standalone bool  // the profile has a gateway of its own all the same
}

// Parse reads a config.yaml. We need little of it: a value that is not as expected counts as not
// there. The limits are those of a manifest.
func Parse(data []byte) (Config, error) {
	r := yamlfile.NewReader([]yamlfile.Source{{Name: "config.yaml", Data: data}})
	if saysNothing(data) {
		return Config{}, nil
	}
	root := r.Load(0)
	if err := r.Err(); err != nil {
		return Config{}, err
	}
	c := Config{Standalone: isTrue(lookup(root, "gateway", "standalone"))}
	if n := lookup(root, "gateway", "multiplex_profiles"); n != nil {
		c.Multiplex = new(isTrue(n))
	}
	for _, path := range [][]string{{"platforms", "api_server", "extra", "port"}, {"platforms", "api_server", "port"}} {
		if n := lookup(root, path...); n != nil && c.Port == 0 {
			port, err := values.ParsePort(n.Value)
			if err != nil {
				return c, fmt.Errorf("%s: %w", strings.Join(path, "."), err)
			}
			c.Port = port
		}
	}
	return c, nil
}

// saysNothing tells a text of blank lines and comments: no manifest, but a configuration like any
// other.
func saysNothing(data []byte) bool {
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

// lookup follows keys from map to map. Null is nothing.
func lookup(n *yaml.Node, keys ...string) *yaml.Node {
	n = yamlfile.Target(n)
	if len(keys) == 0 {
		if n.Kind != yaml.ScalarNode || yamlfile.IsNull(n) {
			return nil
		}
		return n
	}
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if yamlfile.Target(n.Content[i]).Value == keys[0] {
			return lookup(n.Content[i+1], keys[1:]...)
		}
	}
	return nil
}

// isTrue takes YAML's own truths alone: the text "true" in quotes is text to hermes as well.
func isTrue(n *yaml.Node) bool {
	return n != nil && n.Tag == "!!bool" && strings.EqualFold(n.Value, "true")
}
