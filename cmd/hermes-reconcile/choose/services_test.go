package choose

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/reconcile"
)

// someServices are services of which it is noted which were read.
type someServices struct {
	names, read []string
	gone        string // between the listing and the reading
}

func (s *someServices) Services() ([]string, error) { return s.names, nil }

func (s *someServices) ReadServices(names []string) ([]reconcile.Service, error) {
	s.read = names
	var services []reconcile.Service
	for _, name := range names {
		if name != s.gone {
			services = append(services, reconcile.Service{Name: name})
		}
	}
	return services, nil
}

// TestOnlyWhatIsNamedIsRead: the log of one gateway does not wait for a look at a thousand.
func TestOnlyWhatIsNamedIsRead(t *testing.T) {
	t.Parallel()
	s := &someServices{names: []string{"gateway-a", "gateway-b", "gateway-c", "x"}}
	for _, c := range []struct{ patterns, want []string }{
		{[]string{"b"}, []string{"gateway-b"}},
		{[]string{"c", "a"}, []string{"gateway-c", "gateway-a"}},
		{[]string{"[ab]"}, []string{"gateway-a", "gateway-b"}},
		{nil, s.names},
	} {
		services, err := Read(s, c.patterns)
		require.NoError(t, err)
		require.Equal(t, c.want, s.read)
		require.Len(t, services, len(c.want))
	}
	_, err := Read(s, []string{"d"})
	require.ErrorContains(t, err, `no gateway of profile "d"`)
	s.gone = "gateway-b"
	_, err = Read(s, []string{"b"})
	require.ErrorContains(t, err, `no gateway of profile "b"`)
}
