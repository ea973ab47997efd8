package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-multierror"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/manifest/yamlfile"
)

var update = flag.Bool("update", false, "write testdata/bad/*.txt anew")

// badSources returns the manifests of testdata/bad by the names that their errors bear.
func badSources(t testing.TB) []Source {
	t.Helper()
	files, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 40)
	sources := make([]Source, len(files))
	for i, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		sources[i] = Source{Name: filepath.Base(file), Data: data}
	}
	return sources
}

// parseErrors returns the errors of sources that have some, and checks what holds for every error.
func parseErrors(t testing.TB, sources ...Source) []*Error {
	t.Helper()
	m, err := Parse(sources)
	require.Error(t, err)
	require.Nil(t, m)
	return checkErrors(t, err, sources)
}

func checkErrors(t testing.TB, err error, sources []Source) []*Error {
	t.Helper()
	var all *multierror.Error
	require.ErrorAs(t, err, &all)
	require.NotEmpty(t, all.Errors)
	require.LessOrEqual(t, len(all.Errors), yamlfile.MaxErrors+1)
	known := map[string][]byte{}
	for _, s := range sources {
		known[s.Name] = s.Data
	}
	var list []*Error
	for _, one := range all.Errors {
		var e *Error
		require.True(t, errors.As(one, &e), "%T", one)
		require.Contains(t, known, e.Pos.File)
		require.GreaterOrEqual(t, e.Pos.Line, 1)
		require.LessOrEqual(t, e.Pos.Line, 1+bytes.Count(known[e.Pos.File], []byte("\n")))
		require.GreaterOrEqual(t, e.Pos.Column, 1)
		require.Equal(t, visible.Line(e.Error()), e.Error(), "hidden characters")
		require.Less(t, len(e.Error()), 2000)
		list = append(list, e)
	}
	return list
}

func text(errs []*Error) string {
	var b strings.Builder
	for _, e := range errs {
		b.WriteString(e.Error() + "\n")
	}
	return b.String()
}

// keyList is what an error lists of the keys that may stand at a place.
var keyList = regexp.MustCompile(`want one of [a-z_]+(, [a-z_]+)+\)`)

// nameKeyList names a list of keys, and checks that it has all that the schema has, so that a new key changes no golden file.
func nameKeyList(t *testing.T, list string) string {
	t.Helper()
	type object struct {
		Properties           map[string]object
		AdditionalProperties json.RawMessage
	}
	text, err := Schema()
	require.NoError(t, err)
	var root, profile object
	require.NoError(t, json.Unmarshal(text, &root))
	require.NoError(t, json.Unmarshal(root.Properties["profiles"].AdditionalProperties, &profile))
	got := strings.Split(strings.TrimSuffix(strings.TrimPrefix(list, "want one of "), ")"), ", ")
	slices.Sort(got)
	for name, o := range map[string]object{
		"the document": root, "profiles": profile, "defaults": root.Properties["defaults"],
		"ready": profile.Properties["ready"], "drain": profile.Properties["drain"], "log": profile.Properties["log"],
	} {
		if slices.Equal(slices.Sorted(maps.Keys(o.Properties)), got) {
			return "want one of the keys of " + name + ")"
		}
	}
	t.Errorf("the schema has no object with the keys of %q", list)
	return list
}

func TestBad(t *testing.T) {
	for _, source := range badSources(t) {
		t.Run(source.Name, func(t *testing.T) {
			t.Parallel()
			got := keyList.ReplaceAllStringFunc(text(parseErrors(t, source)), func(list string) string {
				return nameKeyList(t, list)
			})
			golden := filepath.Join("testdata/bad", strings.TrimSuffix(source.Name, ".yaml")+".txt")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}
