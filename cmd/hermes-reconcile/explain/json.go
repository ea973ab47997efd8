package explain

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"hermes-reconcile/manifest/visible"
)

// Schema describes the JSON form of a Report, in JSON Schema's draft-07.
//
//go:embed schema/report.json
var Schema []byte

// WriteJSON writes the report for programs, a profile at a time: all of them may have many
// megabytes, and encoding/json holds a document twice before it writes it.
func (r *Report) WriteJSON(w io.Writer) error {
	rest := *r
	if len(r.Profiles) > 0 {
		rest.Profiles = nil
	}
	document, err := encode(&rest)
	if err != nil {
		return err
	}
	const profiles = "\n  \"profiles\": " // no key further inside has this indentation
	before, after, found := strings.Cut(string(document), profiles+"null")
	begin := before
	for i := range r.Profiles {
		one := r.Profiles[i]
		one.ensureCompared()
		one.Files = one.files()
		profile, err := encodeIndented(one, "    ")
		if err != nil {
			return err
		}
		if i == 0 {
			begin += profiles + "["
		}
		if _, err := io.WriteString(w, begin+"\n    "+strings.TrimSuffix(string(profile), "\n")); err != nil {
			return err
		}
		begin = ","
	}
	if found {
		begin = "\n  ]" + after
	}
	_, err = io.WriteString(w, begin)
	return err
}

// encode is JSON as people can read it too: indented, without escapes for what only HTML would
// mind, and with those for what a terminal would not show.
func encode(v any) ([]byte, error) { return encodeIndented(v, "") }

// encodeIndented begins each line but the first with a prefix.
func encodeIndented(v any, prefix string) ([]byte, error) {
	var b bytes.Buffer
	safe := visible.NewWriter(&b, visible.JSON)
	e := json.NewEncoder(safe)
	e.SetEscapeHTML(false)
	e.SetIndent(prefix, "  ")
	err := errors.Join(e.Encode(v), safe.Close())
	return b.Bytes(), err
}
