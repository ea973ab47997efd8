//go:build linux

package main

import (
	"os"
	"os/user"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
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

	write(t, s.Path("theirs/profiles.yaml"), "version: 1\nprofiles: {coder: {user: nobody}}\n")
	s.Link(s.Path("theirs/profiles.yaml"), "profiles.yaml")
	s.Link(s.Path("theirs"), "folder")
	var stderr strings.Builder
	warnFiles(ui{stdout: nil, stderr: &stderr}, m, &manifestFlags{files: []string{s.Path("profiles.yaml"), s.Path("folder"), s.Path("vault/token")}})
	require.Equal(t, `hermes-reconcile: warning: profile coder: its user nobody can write `+reached+`, so it could make root read another file instead of secret TOKEN (want it to belong to root)
hermes-reconcile: warning: nobody can write `+theirs+`, where "`+s.Path("profiles.yaml")+`" leads, and so change manifest "`+s.Path("profiles.yaml")+`" (want it to belong to root)
hermes-reconcile: warning: nobody can write `+theirs+`, where "`+s.Path("folder")+`" leads, and so change manifest "`+s.Path("folder")+`" (want it to belong to root)
`, stderr.String())
}

// In a sticky folder no other user replaces the manifests of root, but everybody can add one.
func TestFolderOfManifestsThatOthersCanAddTo(t *testing.T) {
	s := kit.NewLayout(t)
	sticky := s.Dir("sticky", 0o777|os.ModeSticky, 0)
	write(t, s.Path("sticky/a.yaml"), "version: 1\nprofiles: {}\n")
	var told []string
	tell := func(place, at, who string) { told = append(told, place+": "+who+" "+at) }
	who := accounts.NewSuspects()
	who.Each((&manifestFlags{files: []string{s.Path("sticky/a.yaml")}}).names().Places(), tell)
	require.Empty(t, told)
	who.Each((&manifestFlags{files: []string{sticky}}).names().Places(), tell)
	require.Equal(t, []string{sticky + ": everybody " + sticky}, told)
	told = nil
	who.Each((&manifestFlags{files: []string{s.Path("sticky/absent.yaml"), "-"}}).names().Places(), tell)
	require.Equal(t, []string{sticky + "/absent.yaml: everybody " + sticky + "/absent.yaml"}, told)
	t.Setenv(fileVariable, sticky)
	told = nil
	who.Each((&manifestFlags{}).names().Places(), tell)
	require.Len(t, told, 1)
}
