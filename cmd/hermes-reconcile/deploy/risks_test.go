//go:build linux

package deploy

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/e2e/kit"
	"hermes-reconcile/manifest"
)

// A secret and a manifest are named with the hop that the gateway's user can change.
func TestHopsThatAGatewaysUserCanChangeAreNamed(t *testing.T) {
	nobody, err := user.Lookup("nobody")
	if os.Getuid() != 0 || err != nil {
		return
	}
	uid, err := strconv.Atoi(nobody.Uid)
	require.NoError(t, err)
	s := kit.NewLayout(t)
	s.Dir("vault", 0o700, 0)
	s.File("vault/token")
	theirs := s.Dir("theirs", 0o755, uid)
	s.Link("../vault/token", "theirs/token")
	secret := s.Link(s.Path("theirs/token"), "vault/secret")
	m := &manifest.Manifest{Profiles: []manifest.Profile{
		{Name: "coder", User: "nobody", Secrets: []manifest.Secret{{Name: "TOKEN", File: secret}, {Name: "FINE", File: s.Path("vault/token")}}},
	}}
	reached := theirs + `, where "` + secret + `" leads`
	found := accounts.ExposedInputs(m)
	require.Len(t, found, 1)
	require.Equal(t, reached, found[0].Path)

	s.File("theirs/profiles.yaml")
	s.Link(s.Path("theirs/profiles.yaml"), "profiles.yaml")
	s.Link(s.Path("theirs"), "folder")
	var warnings []string
	warn := func(code explain.Code, format string, args ...any) {
		require.Equal(t, explain.WarnExposed, code)
		warnings = append(warnings, fmt.Sprintf(format, args...))
	}
	files := []string{s.Path("profiles.yaml"), s.Path("folder/profiles.yaml"), s.Path("vault/token")}
	(&Deployment{opt: Options{Manifest: m}}).warnOfFiles(files, warn)
	require.Equal(t, []string{
		`profile coder: its user nobody can write ` + reached + `, so it could make root read another file instead of secret TOKEN (want it to belong to root)`,
		`nobody can write ` + theirs + `, where "` + s.Path("profiles.yaml") + `" leads, and so change manifest "` + s.Path("profiles.yaml") + `" (want it to belong to root)`,
		`nobody can write ` + theirs + `, where "` + s.Path("folder") + `" leads, and so change manifest "` + s.Path("folder/profiles.yaml") + `" (want it to belong to root)`,
	}, warnings)
}
