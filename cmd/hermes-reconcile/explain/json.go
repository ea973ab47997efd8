package explain

import (
	"bytes"
	_ "embed"
	"encoding/json"

	"hermes-reconcile/manifest/visible"
)

// Schema describes the JSON form of a Report, in JSON Schema's draft-07.
//
//go:embed schema/report.json
var Schema []byte

// JSON is the report for programs.
func (r *Report) JSON() ([]byte, error) { return encode(r) }

// encode is JSON as people can read it too: indented, without escapes for what only HTML would
// mind, and with those for what a terminal would not show.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return []byte(visible.JSON(b.String())), err
}
