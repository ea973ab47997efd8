package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/manifest"
	"hermes-reconcile/s6ctl"
	"hermes-reconcile/s6ctl/process"
)

func TestCommandsThatNeedS6AreKnownElsewhere(t *testing.T) {
	var names []string
	for _, c := range liveCommands() {
		names = append(names, c.name)
	}
	require.Equal(t, needsS6[:], names)
}

func TestRefusalNamesTheSupervisorOfTheSystem(t *testing.T) {
	for os, supervisor := range map[string]string{"darwin": "launchd", "windows": "windows"} {
		err := noS6Here("apply", s6ctl.Detect(process.Host{OS: os}, ""))
		require.ErrorContains(t, err, "cannot run apply here: ")
		require.ErrorContains(t, err, "supervised by "+supervisor)
		require.Equal(t, failure.ExitUsage, failure.ExitOf(err))
	}
}

// A manifest is about a container, also where another system reads it.
func TestPathsInAManifestAreThoseOfAContainer(t *testing.T) {
	for path, valid := range map[string]bool{"/run/service": true, `C:\run`: false, `\run`: false, "c:/run": false} {
		_, err := manifest.Parse([]manifest.Source{{Name: `dir\m.yaml`, Data: []byte("version: 1\nscandir: '" + path + "'\nprofiles: {}\n")}})
		if valid {
			require.NoError(t, err, path)
			continue
		}
		require.ErrorContains(t, err, `dir\m.yaml:2:10: scandir: `, path)
	}
}
