package explain

import (
	"bytes"
	_ "embed"
	"encoding/json"
)

// Schema describes the JSON form of a Report, in JSON Schema's draft-07.
//
//go:embed schema/report.json
var Schema []byte

// JSON is the report for programs.
func (r *Report) JSON() ([]byte, error) { return encode(r) }

// encode is JSON as people can read it too: indented, and without escapes for what only HTML would mind.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}
