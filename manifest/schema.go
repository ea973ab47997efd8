package manifest

import (
	"bytes"
	"encoding/json"

	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
)

// Schema returns the JSON Schema of a manifest in one file, made from the same tables that Parse
// reads by.
func Schema() ([]byte, error) {
	text, err := values.Marshal(Shape())
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

// Shape is that schema before it is JSON. It also has words that a JSON Schema has no place for.
func Shape() values.Shape {
	s := table.ObjectOf(documentKeys())
	s.Schema = "http://json-schema.org/draft-07/schema#"
	s.Title, s.Description = "profiles.yaml", "The per-profile gateways of a Hermes container, as hermes-reconcile should keep them."
	s.Required = []string{"version", "profiles"}
	s.Definitions = values.Definitions()
	return s
}
