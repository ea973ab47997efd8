package values

import (
	"bytes"
	"encoding/json"
	"strconv"
	"sync"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/names"
)

// Shape is a JSON Schema of draft-07, the one that YAML editors read, as far as a manifest needs
// it.
type Shape struct {
	Schema        string           `json:"$schema,omitempty"`
	Ref           string           `json:"$ref,omitempty"`
	Title         string           `json:"title,omitempty"`
	Description   string           `json:"description,omitempty"`
	Type          Types            `json:"type,omitempty"`
	Enum          []any            `json:"enum,omitempty"`
	AnyOf         []Shape          `json:"anyOf,omitempty"`
	Not           *Shape           `json:"not,omitempty"`
	Pattern       string           `json:"pattern,omitempty"` // ECMA 262 and Go's regexp read it alike
	MaxLength     int              `json:"maxLength,omitempty"`
	Minimum       *int64           `json:"minimum,omitempty"`
	Maximum       *int64           `json:"maximum,omitempty"`
	Items         any              `json:"items,omitempty"` // a shape, or a list of those of the first items
	MoreItems     *Shape           `json:"additionalItems,omitempty"`
	MinItems      int              `json:"minItems,omitempty"`
	MaxItems      int              `json:"maxItems,omitempty"`
	UniqueItems   bool             `json:"uniqueItems,omitempty"`
	Required      []string         `json:"required,omitempty"`
	Properties    Properties       `json:"properties,omitempty"`
	PropertyNames *Shape           `json:"propertyNames,omitempty"`
	MaxProperties int              `json:"maxProperties,omitempty"`
	Each          any              `json:"additionalProperties,omitempty"` // a shape, or false
	Default       any              `json:"default,omitempty"`
	Examples      []any            `json:"examples,omitempty"`
	Definitions   map[string]Shape `json:"definitions,omitempty"`

	Sort   string `json:"-"` // of the values, in words
	Bounds string `json:"-"` // of the values, in words
}

// Types is written as JSON Schemas mostly are: a single one without a list.
type Types []string

// MarshalJSON writes a single type as a text, as people write schemas, and several as a list.
func (t Types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// Properties keep their order, which is that of the manual.
type Properties []Property

// Property is a key of a map and the shape of its value.
type Property struct {
	Name  string
	Shape Shape
}

// MarshalJSON keeps the order of the table, which an editor shows; a map of Go has none.
func (p Properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, one := range p {
		b.WriteByte("{,"[min(i, 1)])
		value, err := Marshal(one.Shape)
		if err != nil {
			return nil, err
		}
		b.WriteString(strconv.Quote(one.Name) + ":")
		b.Write(value)
	}
	if len(p) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Marshal is json.Marshal that leaves <, > and & as they are.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// argumentText is one character of an argument, or a placeholder.
const argumentText = `^([^{}\x00]|\{\{|\}\}|\{profile\}|\{port\})`

// Definitions are shapes that are used many times.
var Definitions = sync.OnceValue(func() map[string]Shape {
	return map[string]Shape{
		"variable": {
			Type:    Types{"string", "boolean"}, // `true` is a name, too
			Pattern: "^[A-Za-z_][A-Za-z0-9_]*$",
			Not: &Shape{
				Enum: anys(names.ScriptVariables, names.ShellVariables),
			}, // VariableFault has the reasons
		},
		// A text of an argument list. Numbers and booleans are text as they are written.
		"argument": {
			Type:    Types{"string", "number", "boolean"},
			Pattern: argumentText + "*$",
		},
		"program": {
			Type:    Types{"string", "number", "boolean"},
			Pattern: argumentText + "+$",
		},
		// A path with placeholders.
		"path_template": {
			Type:    Types{"string"},
			Pattern: `^/([^{}\x00\n]|\{\{|\}\}|\{profile\}|\{port\})*$`,
			Not:     &Shape{Type: Types{"string"}, Pattern: `/\.\.(/|$)`},
		},
		"path": {
			Type:    Types{"string"},
			Pattern: `^/[^\x00\n]*$`,
			Not:     &Shape{Type: Types{"string"}, Pattern: `/\.\.(/|$)`},
		},
	}
})

// RefTo is a shape that is defined once for many uses.
func RefTo(name string) Shape {
	return Shape{Ref: "#/definitions/" + name, Sort: sorts[name]}
}

// sorts are those of the definitions that are values of keys, in words.
var sorts = map[string]string{
	"variable":      "name of a variable",
	"path":          "absolute path",
	"path_template": "absolute path; {profile} and {port} are filled in",
}

// Titled gives it what an editor shows beside the key.
func (s Shape) Titled(title, about string) Shape {
	s.Title, s.Description = title, about
	return s
}

// OrNull lets the value be null, which is that of a key that is not set.
func (s Shape) OrNull() Shape {
	switch {
	case s.Ref != "":
		return Shape{AnyOf: []Shape{s, {Type: Types{"null"}}}, Sort: s.Sort}
	case s.AnyOf != nil:
		s.AnyOf = append(s.AnyOf[:len(s.AnyOf):len(s.AnyOf)], Shape{Type: Types{"null"}})
	case s.Enum != nil:
		s.Enum = append(s.Enum[:len(s.Enum):len(s.Enum)], nil)
	}
	if s.Type != nil {
		s.Type = append(s.Type[:len(s.Type):len(s.Type)], "null")
	}
	return s
}

// anys are the values of several lists as Enum has them.
func anys[V any](lists ...[]V) []any {
	var all []any
	for _, list := range lists {
		for _, v := range list {
			all = append(all, v)
		}
	}
	return all
}

// PlainValue is what JSON makes of a value as a manifest has it.
func PlainValue(n *yaml.Node) any {
	switch n.Tag {
	case "!!int":
		return Number(n.Value)
	case "!!bool":
		return n.Value == "true"
	}
	return n.Value
}
