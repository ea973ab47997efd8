package manifest

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-multierror"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest/names"
)

// FuzzParse: no text makes Parse panic, each error has a place, and the same text has the same
// result.
func FuzzParse(f *testing.F) {
	seeds := badSources(f)
	require.NotEmpty(f, seeds, "no seeds")
	for _, s := range seeds {
		f.Add(s.Data)
	}
	f.Add([]byte(fullManifest(2)))
	f.Fuzz(func(t *testing.T, data []byte) {
		sources := []Source{{Name: "fuzz.yaml", Data: data}}
		m, err := Parse(sources)
		again, errAgain := Parse([]Source{{Name: "fuzz.yaml", Data: bytes.Clone(data)}})
		if diff := cmp.Diff(m, again); diff != "" {
			t.Errorf("a second Parse gives (-first +second):\n%s", diff)
		}
		if err == nil {
			require.NoError(t, errAgain)
			checkManifest(t, m)
			return
		}
		require.EqualError(t, errAgain, err.Error())
		require.Nil(t, m)
		checkErrors(t, err, sources)
	})
}

// checkManifest checks what holds for any manifest that Parse returns.
func checkManifest(t *testing.T, m *Manifest) {
	t.Helper()
	ports := map[int]string{}
	before := ""
	for _, p := range m.Profiles {
		require.Less(t, before, p.Name)
		before = p.Name
		require.Empty(t, names.ProfileFault(p.Name))
		require.NotEmpty(t, p.Command)
		require.NotEmpty(t, p.Command[0])
		require.Empty(t, ports[p.Port])
		if p.Port != 0 {
			ports[p.Port] = p.Name
		}
		variables := slices.Clone(p.Unset)
		for _, v := range p.Env {
			variables = append(variables, v.Name)
			require.NotContains(t, v.Value, "\x00")
		}
		for _, v := range p.Secrets {
			variables = append(variables, v.Name)
			require.True(t, strings.HasPrefix(v.File, "/"))
		}
		slices.Sort(variables)
		for i, name := range variables {
			require.Empty(t, names.VariableFault(name))
			require.True(t, i == 0 || variables[i-1] != name, "%s is given twice", name)
		}
	}
}

// Errors of another kind than *Error inside of the multierror would lose their place.
func TestErrorsAreTyped(t *testing.T) {
	_, err := Parse([]Source{source("x: 1")})
	var all *multierror.Error
	require.True(t, errors.As(err, &all))
	require.Len(t, all.Errors, 3)
	require.IsType(t, &Error{}, all.Errors[0])
}
