package discover

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest/writing"
)

// FuzzScandir: any scripts of other programs give a manifest.
func FuzzScandir(f *testing.F) {
	f.Add(hermesRun("hermes -p coder gateway run --replace", "export A='b'"), hermesLogRun, hermesFinish, "75000\n")
	f.Add("#!/bin/sh\nunset A\nexport A=1\nunset B\nB= exec s6-setuidgid x y {} '\x00' --port 1\n", "#!/bin/sh\nexec s6-log n1 s1 T t 1\n", "#!/bin/sh\nexit 125\n", "1")
	f.Add("#!/usr/bin/env with-contenv bash\nexport LD_X=1 $'a' OPTIND=2\nexec -c x\n", "", "", "-1")
	f.Add("#!/bin/sh\nif [ \"$(id -u)\" = 0 ]; then { exec gosu 7 a; }; else exec 'b'\"c\"$d; fi\nexec e\n", "#!/bin/sh\nexec s6-log", "#!/bin/sh\ncase $1 in *) exit 125;; esac", "")
	dir := f.TempDir() // one for all: to make and remove one each time takes much longer than the rest
	f.Fuzz(func(t *testing.T, run, logRun, finish, timeout string) {
		if len(run)+len(logRun)+len(finish) > 4096 {
			return
		}
		fill(t, dir, map[string]string{
			"gateway-x/run": run, "gateway-x/log/run": logRun, "gateway-x/finish": finish, "gateway-x/timeout-kill": timeout, "gateway-default/run": run,
		})
		found, err := Scandir(dir, unsupervised)
		require.NoError(t, err)
		_, err = writing.Write(found.Draft) // reads it back
		require.NoError(t, err, "%+v", found.Draft.Manifest)
	})
}

// FuzzHome: any files of a home give a manifest.
func FuzzHome(f *testing.F) {
	f.Add("API_SERVER_PORT=9201\n", "platforms: {api_server: {port: 1}}\n", `{"gateway_state": "running", "served_profiles": ["a"]}`)
	f.Add("export API_SERVER_PORT = '\nGATEWAY_MULTIPLEX_PROFILES=on\n=\n", "a: &a [*a]\n", `{"served_profiles": 7}`)
	f.Add("", "gateway: {multiplex_profiles: yes, standalone: TRUE}\nplatforms: {api_server: {extra: {port: 0x1F}}}\n", "\xff")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, env, config, state string) {
		fill(t, dir, map[string]string{
			".env": env, "config.yaml": config, "gateway_state.json": state,
			"profiles/a/SOUL.md": "", "profiles/a/.env": env, "profiles/a/config.yaml": config, "profiles/a/gateway_state.json": state,
		})
		found, err := Home(dir)
		require.NoError(t, err)
		require.Len(t, found.Draft.Manifest.Profiles, 2)
		text, err := writing.Write(found.Draft)
		require.NoError(t, err)
		require.False(t, slices.ContainsFunc([]byte(text), func(c byte) bool { return c < ' ' && c != '\n' }))
	})
}
