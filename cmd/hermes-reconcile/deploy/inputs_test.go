//go:build linux

package deploy

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile/inputs"
	"hermes-reconcile/reconcile/journal"
)

// TestWhatIsStillWritten is looked at twice, and is no change as long as it goes on changing. What
// has changed long ago, or not at all, is waited for by no look.
func TestWhatIsStillWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(content string) {
		require.NoError(t, os.WriteFile(file+"~", []byte(content), 0o600))
		require.NoError(t, os.Rename(file+"~", file))
	}
	write("one")
	const service, name = "gateway-a", "secret TOKEN"
	record, err := journal.NewInputs()
	require.NoError(t, err)
	l := &inputLooks{
		profiles: map[string]*manifest.Profile{service: {
			Name: "a", RestartOn: []manifest.Rotated{manifest.RotatedSecrets},
			Secrets: []manifest.Secret{{Name: "TOKEN", File: file}},
		}},
		homes: &homes.Homes{Limit: homes.Limit}, record: record,
	}
	looks := func() (first, second inputs.Look) {
		l.look(t.Context())
		first = l.sights[service].Looks[name]
		l.settle(t.Context())
		return first, l.sights[service].Looks[name]
	}
	first, second := looks()
	require.Equal(t, first, second, "nothing is known of it before")
	l.record.Gateways[service] = inputs.Gateway{Inputs: map[string]inputs.Input{name: {Seen: first.Digest}}}
	write("one")
	first, second = looks()
	require.Equal(t, first, second, "it is the same")

	write("two")
	first, second = looks()
	require.Equal(t, first.Digest, second.Digest)
	require.Empty(t, second.Fault)

	write("three") // but just now
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				_ = os.WriteFile(file+"~", []byte(strconv.Itoa(i)), 0o600)
				_ = os.Rename(file+"~", file)
			}
		}
	}()
	_, second = looks()
	close(stop)
	<-stopped
	require.Equal(t, changing, second.Fault)
}
