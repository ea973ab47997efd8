//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
)

func TestWithin(t *testing.T) {
	for path, want := range map[string]bool{
		"/opt/data": true, "/opt/data/logs/x": true, "/opt/data/../x": false, "/opt/database": false, "/opt": false, "/": false, "/x": false,
	} {
		require.Equal(t, want, within("/opt/data", path), path)
	}
}

// TestReporter: root does not write the report where the place is another user's.
func TestReporter(t *testing.T) {
	if os.Geteuid() != 0 {
		return // no other user can become another one
	}
	const nobody = 65534
	path := t.TempDir()
	file := filepath.Join(path, bootReport)
	who := func(users map[string]string) home.Account {
		t.Helper()
		account, err := reporter(&homes.Homes{Path: path, Users: users}, file)
		require.NoError(t, err)
		return account
	}
	require.Equal(t, home.Account{}, who(nil), "all of it is root's")
	require.EqualValues(t, nobody, who(map[string]string{"default": "nobody", "a": "daemon"}).UID, "the root profile's")
	require.EqualValues(t, nobody, who(map[string]string{"b": "daemon", "a": "nobody"}).UID, "the first one's")
	_, err := reporter(&homes.Homes{Path: path, Users: map[string]string{"a": "nosuchaccount"}}, file)
	require.ErrorContains(t, err, `no account "nosuchaccount"`)

	require.NoError(t, os.Mkdir(filepath.Dir(file), 0o755))
	require.NoError(t, os.Lchown(filepath.Dir(file), nobody, nobody))
	require.EqualValues(t, nobody, who(nil).UID, "its folder's")
	require.True(t, who(nil).Switch)
	require.NoError(t, os.Lchown(path, 4711, 4711))
	require.EqualValues(t, 4711, who(nil).UID, "the home's, though it has no name")

	elsewhere, err := reporter(&homes.Homes{Path: path}, "/var/log/report")
	require.NoError(t, err)
	require.Equal(t, home.Account{}, elsewhere)
}
