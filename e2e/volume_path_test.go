//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// volumePath makes a folder with planted programs, which note who ran them, and a PATH of a
// container that begins with it, as that of hermes-agent's image does.
func volumePath(t testing.TB, uid int) (path, record string) {
	t.Helper()
	base, err := os.MkdirTemp(shortTemp(), "e2e-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(base) })
	require.NoError(t, os.Chmod(base, 0o755))
	bin, record := filepath.Join(base, "bin"), filepath.Join(base, "record")
	require.NoError(t, os.Mkdir(bin, 0o755))
	require.NoError(t, os.Chown(bin, uid, uid))
	require.NoError(t, os.Mkdir(record, 0o777))
	require.NoError(t, os.Chmod(record, 0o777))
	for _, name := range []string{
		"id", "cut", "sleep", "wc", "tr", "cat", "readlink", "sh", "env", "mkdir", "rm", "kill", "grep", "hermes-reconcile",
		"s6-svdt", "s6-svstat", "s6-setuidgid", "s6-envuidgid", "s6-applyuidgid", "s6-log", "s6-envdir", "emptyenv", "execlineb",
		"with-contenv",
	} {
		note := "#!/bin/sh\n/usr/bin/touch " + record + "/$(/usr/bin/id -u)-" + name + "\n"
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(note), 0o755))
	}
	return bin + ":" + stubDir + ":" + filepath.Dir(program) + ":" + os.Getenv("PATH"), record
}

// foldersOfRoot are those whose programs scripts may run as root, in the trees of these tests.
func foldersOfRoot() []string {
	return []string{
		"/command", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/lib/execline/bin", filepath.Dir(tools["s6-svscan"]),
	}
}

// TestPathOfAVolume: the container's PATH begins with a folder of the gateway's user. What the user
// puts there runs as the user alone, at starts, crashes, stops and in logs: until a script
// has dropped root's rights it executes nothing that is not in folders of root's. Strace sees it.
func TestPathOfAVolume(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		return // another user's programs are run by root alone
	}
	for _, shell := range []string{"", "dash", "busybox"} {
		name := "s6"
		if shell != "" {
			name = "s6-overlay with " + shell
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr, record := volumeTree(t, shell)
			stop := tr.traceServices()
			tr.walkThroughScripts()
			tr.onlyRootsPrograms(stop(), shell)
			entries, err := os.ReadDir(record)
			require.NoError(t, err)
			users := false
			for _, e := range entries {
				require.False(t, strings.HasPrefix(e.Name(), "0-"), "root ran %s from a folder of the gateway's user", e.Name())
				users = true
			}
			require.True(t, users, "the check of readiness has the container's PATH, so its programs are noted")
		})
	}
}

// volumeTree has the PATH of volumePath for its container's. shell: that of an s6-overlay; empty:
// it is a plain s6 tree.
func volumeTree(t *testing.T, shell string) (tr *tree, record string) {
	t.Helper()
	uid, header := nobody, ""
	if shell != "" {
		uid = hermesUID
	}
	path, record := volumePath(t, uid)
	if shell != "" {
		tr = newOverlayTree(t, shell, "PATH="+path)
		header = "version: 1\ndefaults: {stop_timeout: 3s}\n"
	} else {
		tr = newTree(t, treeOpts{env: []string{"PATH=" + path}})
		tr.giveHome()
		header = strings.Replace(tr.header(), "user: root", "user: nobody", 1)
	}
	tr.write("profiles.yaml", fmt.Sprintf(`%sprofiles:
  well: {port: %d, ready: {http: /health}, secrets: {TOKEN: %s}}
  loops: {env: {STUB_EXIT: "1"}}
  ends: {restart: on-failure, env: {STUB_EXIT: "0"}}
`, header, freePorts(t, 1)[0], tr.secret("token", "a token\n")))
	return tr, record
}

// walkThroughScripts makes every script go every way that a program is run on.
func (tr *tree) walkThroughScripts() {
	tr.t.Helper()
	tr.mustApply()
	tr.started("well", 1)
	tr.svc("gateway-well", "-r")
	tr.svc("gateway-well/log", "-h")
	tr.started("well", 2)
	eventually(tr.t, patience, func() bool { return strings.Contains(tr.log("loops"), "the next start waits") }, "a crash loop waits")
	tr.down("gateway-ends")
	tr.apply()
	tr.svc("gateway-well", "-d")
	tr.down("gateway-well")
}

// onlyRootsPrograms: what was executed as root is a script of a service directory, or lies in a
// folder of root's.
func (tr *tree) onlyRootsPrograms(all []execution, shell string) {
	tr.t.Helper()
	seen := map[bool]map[string]int{true: {}, false: {}} // by whether root ran it
	for _, e := range all {
		seen[e.uid == 0][filepath.Base(e.path)]++
		if e.uid != 0 || e.path == "./run" || e.path == "./finish" {
			continue
		}
		require.Contains(tr.t, foldersOfRoot(), filepath.Dir(e.path), "%s", e.line)
	}
	tr.t.Logf("as root: %v, as others: %v", seen[true], seen[false])
	want := []string{"run", "finish", "s6-svstat", "s6-svdt", "s6-setuidgid"}
	if shell != "" {
		want = append(want, "s6-envdir") // of with-contenv
	}
	for _, name := range want {
		require.NotZero(tr.t, seen[true][name], "%s was not seen", name)
	}
	require.NotZero(tr.t, seen[false]["hermes"])
	require.NotZero(tr.t, seen[false]["s6-log"])
}
