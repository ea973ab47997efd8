//go:build unix

package discover

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/writing"
)

// TestNothingPlantedHoldsUp: FIFOs, devices, endless files and symlinks stand wherever a file is
// looked for.
func TestNothingPlantedHoldsUp(t *testing.T) {
	outside := tree(t, map[string]string{"state": `{"gateway_state": "running"}`, "run": "#!/bin/sh\nexec secret\n"})
	fifo := func(path string) { require.NoError(t, syscall.Mkfifo(path, 0o600)) }
	large := func(path string) {
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Truncate(path, 1<<40))
	}
	link := func(to string) func(string) { return func(path string) { require.NoError(t, os.Symlink(to, path)) } }
	for name, plant := range map[string]func(string){
		"fifo": fifo, "large": large, "outside": link(filepath.Join(outside, "state")), "device": link("/dev/zero"),
		"loop": link("gateway_state.json"), "dangling": link("none"), "folder": func(path string) { require.NoError(t, os.Mkdir(path, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := tree(t, map[string]string{"SOUL.md": "", "profiles/a/SOUL.md": "", ".local/state/hermes/gateway-locks/x": ""})
			for _, file := range []string{
				".local/state/hermes/gateway-locks/host-gateway.json", "profiles/a/gateway.parked",
				".env", "config.yaml", "gateway_state.json", "profiles/a/.env", "profiles/a/config.yaml", "profiles/a/gateway_state.json"} {
				plant(filepath.Join(home, file))
			}
			found := inTime(t, func() (Found, error) { return Home(home) })
			require.Len(t, found.Draft.Manifest.Profiles, 2)
			for _, p := range found.Draft.Manifest.Profiles {
				require.Equal(t, manifest.StateDown, p.State)
			}

			scandir := tree(t, map[string]string{"gateway-a/x": "", "gateway-b/run": "#!/bin/sh\nexec s6-setuidgid hermes x\n", "gateway-b/log/x": ""})
			for _, file := range []string{"gateway-a/run", "gateway-b/finish", "gateway-b/timeout-kill", "gateway-b/log/run", "gateway-c", "gateway-b/data"} {
				plant(filepath.Join(scandir, file))
			}
			found = inTime(t, func() (Found, error) { return Scandir(scandir, unsupervised) })
			require.Len(t, found.Draft.Manifest.Profiles, 1, "%v", found.Draft)
			text, err := writing.Write(found.Draft)
			require.NoError(t, err)
			require.NotContains(t, string(text), "secret")
		})
	}
}

// inTime fails the test if what it runs hangs.
func inTime(t *testing.T, discover func() (Found, error)) Found {
	t.Helper()
	type result struct {
		found Found
		err   error
	}
	done := make(chan result, 1)
	go func() {
		found, err := discover()
		done <- result{found, err}
	}()
	select {
	case r := <-done:
		require.NoError(t, r.err)
		return r.found
	case <-time.After(2 * time.Minute):
		t.Fatal("it hangs")
		return Found{}
	}
}

// TestSymlinksInsideOfAHome are followed: people keep their configuration elsewhere in the volume.
func TestSymlinksInsideOfAHome(t *testing.T) {
	home := tree(t, map[string]string{"SOUL.md": "", "shared/env": "API_SERVER_PORT=9000\n", "elsewhere/SOUL.md": ""})
	require.NoError(t, os.Symlink("shared/env", filepath.Join(home, ".env")))
	require.NoError(t, os.Mkdir(filepath.Join(home, "profiles"), 0o755))
	require.NoError(t, os.Symlink("../elsewhere", filepath.Join(home, "profiles/near")))
	require.NoError(t, os.Symlink(t.TempDir(), filepath.Join(home, "profiles/far")))
	text, found := writtenHome(t, home)
	require.Equal(t, 9000, found.Draft.Manifest.Profiles[0].Port)
	require.Equal(t, "near", found.Draft.Manifest.Profiles[1].Name)
	require.Contains(t, text, "# profiles/far is left out: path escapes from parent.")
}
