//go:build linux

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/e2e/kit"
)

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
