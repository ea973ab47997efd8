package kubernetes

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/visible"
)

// document is the text of objects, with comment lines above.
func document(comments []string, objects ...any) ([]byte, error) {
	var b bytes.Buffer
	for _, line := range comments {
		b.WriteString(strings.TrimRight("# "+visible.Line(line), " ") + "\n")
	}
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	for _, o := range objects {
		n := node(reflect.ValueOf(o))
		values.QuoteTexts(n)
		if err := e.Encode(n); err != nil {
			return nil, err
		}
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	// Hidden characters stand in double quotes, which have the same escapes.
	return []byte(visible.Text(b.String())), nil
}

// node is a part of an object. yaml.v3 makes nodes by way of a text, in which it cannot read back
// each text that it writes.
func node(v reflect.Value) *yaml.Node {
	switch v.Kind() {
	case reflect.Pointer:
		return node(v.Elem())
	case reflect.Struct:
		return structNode(v)
	case reflect.Map:
		n := values.Mapping(0)
		texts := v.Interface().(map[string]string)
		for _, key := range slices.Sorted(maps.Keys(texts)) {
			values.Add(n, key, values.WriteText(texts[key]))
		}
		return n
	case reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for i := range v.Len() {
			n.Content = append(n.Content, node(v.Index(i)))
		}
		return n
	case reflect.String:
		return values.WriteText(v.String())
	case reflect.Bool:
		return values.Scalar("!!bool", fmt.Sprint(v.Bool()))
	}
	return values.Scalar("!!int", fmt.Sprint(v.Int()))
}

// structNode keeps the order of the fields, in which people expect the parts of an object.
func structNode(v reflect.Value) *yaml.Node {
	n := values.Mapping(0)
	for i := range v.NumField() {
		name, option, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		field := v.Field(i)
		empty := field.IsZero() || field.Kind() == reflect.Map && field.Len() == 0
		if option != "omitempty" || !empty {
			values.Add(n, name, node(field))
		}
	}
	return n
}
