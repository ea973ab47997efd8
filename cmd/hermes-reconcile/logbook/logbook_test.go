//go:build linux

package logbook

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/e2e/kit"
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
	file := filepath.Join(path, "logs/report.log")
	who := func(users map[string]string) home.Account {
		t.Helper()
		account, err := writer(&homes.Homes{Path: path, Users: users}, file)
		require.NoError(t, err)
		return account
	}
	require.Equal(t, home.Account{}, who(nil), "all of it is root's")
	require.EqualValues(t, nobody, who(map[string]string{"default": "nobody", "a": "daemon"}).UID, "the root profile's")
	require.EqualValues(t, nobody, who(map[string]string{"b": "daemon", "a": "nobody"}).UID, "the first one's")
	_, err := writer(&homes.Homes{Path: path, Users: map[string]string{"a": "nosuchaccount"}}, file)
	require.ErrorContains(t, err, `no account "nosuchaccount"`)

	require.NoError(t, os.Mkdir(filepath.Dir(file), 0o755))
	require.NoError(t, os.Lchown(filepath.Dir(file), nobody, nobody))
	require.EqualValues(t, nobody, who(nil).UID, "its folder's")
	require.True(t, who(nil).Switch)
	require.NoError(t, os.Lchown(path, 4711, 4711))
	require.EqualValues(t, 4711, who(nil).UID, "the home's, though it has no name")

	elsewhere, err := writer(&homes.Homes{Path: path}, "/var/log/report")
	require.NoError(t, err)
	require.Equal(t, home.Account{}, elsewhere)
}

// Root does not write a report through what a gateway's user can change, under any name.
func TestReportIsNotWrittenThroughHandsOfAGateway(t *testing.T) {
	nobody, err := user.Lookup("nobody")
	if os.Getuid() != 0 || err != nil {
		return
	}
	uid, err := strconv.Atoi(nobody.Uid)
	require.NoError(t, err)
	s := kit.NewLayout(t)
	s.Dir("etc", 0o755, 0)
	home := s.Dir("home", 0o755, uid)
	s.Link("../etc", "home/logs")
	s.Link("home/logs", "logs")
	h := &homes.Homes{Path: s.Path("elsewhere"), Users: map[string]string{"a": "nobody"}}
	for file, want := range map[string]string{
		s.Path("logs/report"):      home + `, where "` + s.Path("logs") + `" leads`,
		s.Path("home/logs/report"): home,
	} {
		r := NewReport()
		r.Log.Info("line")
		var said []string
		r.Write(t.Context(), file, h, homes.Limit, func(_ explain.Code, format string, args ...any) {
			said = append(said, fmt.Sprintf(format, args...))
		})
		require.Equal(t, []string{"cannot write the report \"" + file + "\": nobody can write " + want}, said)
		require.NoFileExists(t, s.Path("etc/report"))
	}
	h.Users = nil
	_, err = writer(h, s.Path("etc/report"))
	require.NoError(t, err)
}
