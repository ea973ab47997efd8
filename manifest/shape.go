package manifest

import (
	"bytes"
	"encoding/json"
	"strconv"

	"gopkg.in/yaml.v3"
)

// shape is a JSON Schema of draft-07, the one that YAML editors read, as far as a manifest needs
// it.
type shape struct {
	Schema        string           `json:"$schema,omitempty"`
	Ref           string           `json:"$ref,omitempty"`
	Title         string           `json:"title,omitempty"`
	Description   string           `json:"description,omitempty"`
	Type          types            `json:"type,omitempty"`
	Enum          []any            `json:"enum,omitempty"`
	AnyOf         []shape          `json:"anyOf,omitempty"`
	Not           *shape           `json:"not,omitempty"`
	Pattern       string           `json:"pattern,omitempty"` // ECMA 262 and Go's regexp read it alike
	MaxLength     int              `json:"maxLength,omitempty"`
	Minimum       *int64           `json:"minimum,omitempty"`
	Maximum       *int64           `json:"maximum,omitempty"`
	Items         any              `json:"items,omitempty"` // a shape, or a list of those of the first items
	MoreItems     *shape           `json:"additionalItems,omitempty"`
	MinItems      int              `json:"minItems,omitempty"`
	UniqueItems   bool             `json:"uniqueItems,omitempty"`
	Required      []string         `json:"required,omitempty"`
	Properties    properties       `json:"properties,omitempty"`
	PropertyNames *shape           `json:"propertyNames,omitempty"`
	MaxProperties int              `json:"maxProperties,omitempty"`
	Each          any              `json:"additionalProperties,omitempty"` // a shape, or false
	Default       any              `json:"default,omitempty"`
	Examples      []any            `json:"examples,omitempty"`
	Definitions   map[string]shape `json:"definitions,omitempty"`
}

// types is written as JSON Schemas mostly are: a single one without a list.
type types []string

func (t types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// properties keep their order, which is that of the manual.
type properties []property

type property struct {
	name  string
	shape shape
}

func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, one := range p {
		b.WriteByte("{,"[min(i, 1)])
		value, err := marshal(one.shape)
		if err != nil {
			return nil, err
		}
		b.WriteString(strconv.Quote(one.name) + ":")
		b.Write(value)
	}
	if len(p) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// marshal is json.Marshal that leaves <, > and & as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// argumentText is one character of an argument, or a placeholder.
const argumentText = `^([^{}\x00]|\{\{|\}\}|\{profile\}|\{port\})`

// definitions are shapes that are used many times.
var definitions = map[string]shape{
	"variable": {
		Type:    types{"string", "boolean"}, // `true` is a name, too
		Pattern: "^[A-Za-z_][A-Za-z0-9_]*$",
		Not:     &shape{Enum: anys(scriptNames, shellNames)}, // EnvNameFault has the reasons
	},
	// A text of an argument list. Numbers and booleans are text as they are written.
	"argument": {
		Type:    types{"string", "number", "boolean"},
		Pattern: argumentText + "*$",
	},
	"program": {
		Type:    types{"string", "number", "boolean"},
		Pattern: argumentText + "+$",
	},
	// A path with placeholders.
	"path_template": {
		Type:    types{"string"},
		Pattern: `^/([^{}\x00\n]|\{\{|\}\}|\{profile\}|\{port\})*$`,
		Not:     &shape{Type: types{"string"}, Pattern: `/\.\.(/|$)`},
	},
	"path": {
		Type:    types{"string"},
		Pattern: `^/[^\x00\n]*$`,
		Not:     &shape{Type: types{"string"}, Pattern: `/\.\.(/|$)`},
	},
}

func refTo(name string) shape { return shape{Ref: "#/definitions/" + name} }

// Schema returns the JSON Schema of a manifest in one file, made from the same tables that Parse
// reads by.
func Schema() ([]byte, error) {
	s := objectOf(documentKeys)
	s.Schema = "http://json-schema.org/draft-07/schema#"
	s.Title, s.Description = "profiles.yaml", "What hermes-reconcile keeps the per-profile gateways of a Hermes container to."
	s.Required = []string{"version", "profiles"}
	s.Definitions = definitions
	text, err := marshal(s)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// objectOf is the shape of a map that a table describes.
func objectOf[S, P any](keys []key[S, P]) shape {
	s := shape{Type: types{"object"}, Each: false}
	for _, k := range keys {
		if k.refused != "" {
			continue
		}
		value := k.shape.titled(k.says.title, k.says.about)
		value.Examples = k.says.examples
		s.Properties = append(s.Properties, property{k.name, value})
	}
	return s
}

func (s shape) titled(title, about string) shape {
	s.Title, s.Description = title, about
	return s
}

// orNull lets the value be null, which is that of a key that is not set.
func (s shape) orNull() shape {
	switch {
	case s.Ref != "":
		return shape{AnyOf: []shape{s, {Type: types{"null"}}}}
	case s.AnyOf != nil:
		s.AnyOf = append(s.AnyOf[:len(s.AnyOf):len(s.AnyOf)], shape{Type: types{"null"}})
	case s.Enum != nil:
		s.Enum = append(s.Enum[:len(s.Enum):len(s.Enum)], nil)
	}
	if s.Type != nil {
		s.Type = append(s.Type[:len(s.Type):len(s.Type)], "null")
	}
	return s
}

func anys[V any](lists ...[]V) []any {
	var all []any
	for _, list := range lists {
		for _, v := range list {
			all = append(all, v)
		}
	}
	return all
}

// plainValue is what JSON makes of a value as a manifest has it.
func plainValue(n *yaml.Node) any {
	switch n.Tag {
	case "!!int":
		return number(n.Value)
	case "!!bool":
		return n.Value == "true"
	}
	return n.Value
}
