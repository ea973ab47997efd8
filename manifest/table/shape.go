package table

import "hermes-reconcile/manifest/values"

// ObjectOf is the shape of a map that a table describes.
func ObjectOf[S, P any](keys []Key[S, P]) values.Shape {
	s := values.Shape{Type: values.Types{"object"}, Each: false, Sort: "map of keys"}
	for _, k := range keys {
		if k.refused != "" {
			continue
		}
		value := k.Shape
		if k.Later != nil {
			value = k.Later()
		}
		value = value.Titled(k.Says.Title, k.Says.About)
		value.Examples = k.Says.Examples
		s.Properties = append(s.Properties, values.Property{Name: k.Name, Shape: value})
	}
	return s
}
