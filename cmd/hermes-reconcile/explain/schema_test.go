package explain

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// object is what of a schema says what an object holds.
type object struct {
	Required    []string
	Properties  map[string]any
	Definitions map[string]object
}

// Schemas and types name the same keys: what may be missing in the one is left out when empty by
// the other.
func TestSchemasNameTheKeysOfTheTypes(t *testing.T) {
	for _, c := range []struct {
		schema      []byte
		root        any
		definitions map[string]any
	}{
		{Schema, Report{}, map[string]any{"summary": Summary{}, "profile": Profile{}, "change": KeyChange{}, "file": File{}, "leftover": Leftover{}}},
		{StatusSchema, Status{}, map[string]any{"canary": Tried{}, "rolled_back": RolledBack{}, "gateway": Gateway{}, "more": More{}, "death": Death{}, "socket": Socket{}, "place": Place{}}},
		{DoctorSchema, Diagnosis{}, map[string]any{"finding": Finding{}}},
		{MessageSchema, Message{}, nil},
		{ValidateSchema, Validation{}, map[string]any{"profile": PlacedProfile{}, "place": Place{}}},
		{RenderSchema, Rendered{}, map[string]any{"service": RenderedService{}}},
		{InitSchema, Draft{}, nil},
		{VersionSchema, Build{}, nil},
		{OperationSchema, Operation{}, map[string]any{"gateway": Operated{}}},
		{LogSchema, LogLine{}, nil},
		{HistorySchema, History{}, map[string]any{"entry": Applied{}, "rolled_back": RolledBack{}, "manifest": ManifestText{}}},
	} {
		var schema object
		require.NoError(t, json.Unmarshal(c.schema, &schema))
		requireKeys(t, c.root, schema)
		for name, of := range c.definitions {
			requireKeys(t, of, schema.Definitions[name])
		}
	}
}

func requireKeys(t *testing.T, of any, schema object) {
	t.Helper()
	var keys, required []string
	for _, field := range reflect.VisibleFields(reflect.TypeOf(of)) {
		key, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		if key == "" {
			continue
		}
		keys = append(keys, key)
		if option != "omitempty" {
			required = append(required, key)
		}
	}
	slices.Sort(keys)
	require.Equal(t, keys, slices.Sorted(maps.Keys(schema.Properties)), "%T", of)
	require.ElementsMatch(t, required, schema.Required, "%T", of)
}

// TestReportIsWrittenAsOneDocument: a profile at a time gives the same bytes as all at once.
func TestReportIsWrittenAsOneDocument(t *testing.T) {
	profiles := []Profile{
		{Profile: "a\u202eb", Reasons: []string{"<\"profiles\": null>", "\n  \"profiles\": null"}, Files: []File{{Path: "run", Diff: "+ä\n"}}},
		{Profile: "c", Place: &Place{File: "f.yaml", Line: 1, Column: 2}},
		{},
	}
	for n := range len(profiles) + 1 {
		r := &Report{Format: Format, Profiles: profiles[:n], Notes: []string{"\n  \"profiles\": null"}}
		want, err := encode(r)
		require.NoError(t, err)
		var got strings.Builder
		require.NoError(t, r.WriteJSON(&got))
		require.Equal(t, string(want), got.String())
	}
}
