//go:build linux

package render

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

// A real s6-svstat finds no s6-supervise in these directories, and finish must do its work all the same.
func TestFinishTellsS6WhatNotToRestart(t *testing.T) {
	for restart, final := range map[manifest.Restart][]string{
		manifest.RestartAlways: {"78"}, manifest.RestartOnFailure: {"0", "78"},
	} {
		dir := service(t, t.TempDir(), manifest.Profile{Name: "x", Command: []string{"true"}, Restart: restart})
		for _, shell := range shells {
			for _, exit := range []string{"0", "1", "7", "8", "75", "78", "178", "256"} {
				want := 0
				if slices.Contains(final, exit) {
					want = 125
				}
				_, code := in(t, shell, dir, basePath(), "./finish", exit, "0", "gateway-x")
				require.Equal(t, want, code, "%v, %s: exit %s", shell, restart, exit)
			}
		}
	}
}

// Deaths before a stop must not delay the start after it, and those before an end by exit code
// neither.
func TestFinishForgetsTheDeathsAtAStop(t *testing.T) {
	for _, c := range []struct {
		wanted, exit string
		forgets      bool
	}{{"true", "1", false}, {"false", "1", true}, {"false", "256", true}, {"true", "78", true}} {
		for _, shell := range shells {
			dir := service(t, t.TempDir(), manifest.Profile{Name: "x", Command: []string{"true"}})
			tally := tallied(t, dir)
			path := fakeProgram(t, "s6-svstat", `[ "$*" = "-o wantedup ." ] && echo `+c.wanted)
			in(t, shell, dir, path, "./finish", c.exit, "0", "gateway-x")
			info, err := os.Stat(tally)
			require.NoError(t, err)
			require.Equal(t, c.forgets, info.Size() == 0, "%v, %+v", shell, c)
		}
	}
}

// TestFinishTakesADrainForNoDeath: what was told to end has ended well, whatever it exits with. Of
// another process that is not true, even where it has the same number.
func TestFinishTakesADrainForNoDeath(t *testing.T) {
	for _, c := range []struct {
		draining, exit string
		code           int
		forgets        bool
	}{
		{"4194300 7", "75", 0, true}, {"4194300 7", "78", 0, true}, {"4194300 7", "256", 0, true},
		{"4194300 8", "75", 0, false}, {"4194301 7", "75", 0, false}, {"", "75", 0, false}, {"4194300 8", "78", 125, true},
	} {
		for _, shell := range shells {
			dir := service(t, t.TempDir(), manifest.Profile{Name: "x", Command: []string{"true"},
				Drain: &manifest.Drain{Signal: "SIGUSR1", Timeout: time.Minute}})
			tally := tallied(t, dir)
			writeGroup(t, dir, "4194300 7")
			require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "draining"), []byte(c.draining+"\n"), 0o644))
			path := fakeProgram(t, "s6-svstat", `[ "$*" = "-o wantedup ." ] && echo true`)
			_, code := in(t, shell, dir, path, "./finish", c.exit, "0", "gateway-x")
			require.Equal(t, c.code, code, "%v, %+v", shell, c)
			info, err := os.Stat(tally)
			require.NoError(t, err)
			require.Equal(t, c.forgets, info.Size() == 0, "%v, %+v", shell, c)
		}
	}
}

// TestDrainIsInTheMarkerAndInNoScriptOfTheGateway: a drain that changes restarts nothing.
func TestDrainIsInTheMarkerAndInNoScriptOfTheGateway(t *testing.T) {
	plain := manifest.Profile{Name: "x", Command: []string{"true"}, StopTimeout: time.Second}
	drained := plain
	drained.Drain = &manifest.Drain{Signal: "SIGUSR1", Timeout: 90 * time.Second}
	dirs := renderAll(t, &manifest.Manifest{Profiles: []manifest.Profile{plain}})
	other := renderAll(t, &manifest.Manifest{Profiles: []manifest.Profile{drained}})
	for _, f := range dirs[0].Files {
		same := string(f.Data.Bytes()) == string(other[0].File(f.Path).Data.Bytes())
		require.Equal(t, f.Path != MarkerPath && f.Path != "finish", same, f.Path)
	}
	marker, err := ParseMarker(other[0].File(MarkerPath).Data.Bytes())
	require.NoError(t, err)
	require.Equal(t, &MarkerDrain{Signal: "SIGUSR1", Timeout: 90_000}, marker.Drain)
	again, err := json.MarshalIndent(marker, "", "  ")
	require.NoError(t, err)
	require.Equal(t, string(again)+"\n", string(other[0].File(MarkerPath).Data.Bytes()))
}

func TestFinishEndsWhatIsLeftOfTheProcessGroup(t *testing.T) {
	for _, shell := range shells {
		for _, named := range []bool{true, false} { // s6 2.13 and later name the group, earlier ones do not
			dir := service(t, t.TempDir(), manifest.Profile{Name: "x", Command: []string{"true"}})
			left := leftInGroup(t)
			args := []string{"0", "0", "gateway-x"}
			if named {
				args = append(args, pid(left))
			} else {
				writeGroup(t, dir, pid(left)+" "+startOf(t, left))
			}
			in(t, shell, dir, basePath(), "./finish", args...)
			require.EqualError(t, left.Wait(), "signal: killed", "%v, named %v", shell, named)
		}
	}
}

func TestFinishKillsNothingWithoutAGroup(t *testing.T) {
	for _, shell := range shells {
		for _, content := range []string{"", "\n", "x\n", "-1\n", "1 2\n"} {
			dir := service(t, t.TempDir(), manifest.Profile{Name: "x", Command: []string{"true"}})
			require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "pgid"), []byte(content), 0o644))
			_, code := in(t, shell, dir, basePath(), "./finish", "0", "0", "gateway-x")
			require.Zero(t, code, "%v: %q", shell, content)
		}
	}
}

// TestFinishKillsNoOtherProcess: the number of the gateway's group may be used again.
func TestFinishKillsNoOtherProcess(t *testing.T) {
	for _, shell := range shells {
		dir := service(t, t.TempDir(), manifest.Profile{Name: "x", Command: []string{"true"}})
		other := leftInGroup(t)
		writeGroup(t, dir, pid(other)+" 1")
		in(t, shell, dir, basePath(), "./finish", "0", "0", "gateway-x")
		require.NoError(t, other.Process.Signal(syscall.SIGTERM))
		require.EqualError(t, other.Wait(), "signal: terminated", "%v", shell)
	}
}
