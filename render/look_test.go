//go:build linux

package render

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

// alive is a profile whose gateway is looked after.
func alive(p manifest.Profile) manifest.Profile {
	p.Name, p.Port = "x", 9201
	p.Alive = &manifest.Alive{
		HTTP: "/it's", Interval: 30 * time.Second, Failures: 4, Action: manifest.AliveRestart,
	}
	return p
}

// lookCall is how check has it looked after, as the fake programs note it.
const lookCall = "hermes-reconcile|liveness|--label|gateway-x|--stop-timeout|1s|--url|http://127.0.0.1:9201/it's|" +
	"--interval|30s|--failures|4|--restart|--gateway|PID|\n"

// TestCheckLooksAfterTheGateway: from when it serves, where it can tell that, for as long as it
// lives.
func TestCheckLooksAfterTheGateway(t *testing.T) {
	t.Parallel()
	calls := filepath.Join(t.TempDir(), "calls")
	// The gateway ends while the check waits for the third look.
	record := fmt.Sprintf(`printf '%%s|' "${0##*/}" "$@" >>%s; echo >>%[1]s`+"\n", calls)
	ends := `[ "$(grep -c liveness ` + calls + `)" -lt 2 ] || { read -r pid <` + calls + `.gateway; kill "$pid"; ` +
		`while kill -0 "$pid" 2>/dev/null; do /bin/sleep 0.01; done; }`
	probe := "hermes-reconcile|probe|--gateway|PID|--interval|1s|--timeout|1m0s|" + readyURL + "|\n"
	for name, c := range map[string]struct {
		ready         bool
		program       string
		calls, output string
		told          string
	}{
		"asked at once where it cannot be told ready": {
			false, "[ $1 = probe ] || echo 7", lookCall + "sleep|7|\n" + lookCall + "sleep|7|\n", "", "",
		},
		"asked once it is ready": {
			true, "[ $1 = probe ] || echo 7", probe + lookCall + "sleep|7|\n" + lookCall + "sleep|7|\n", "", "\n",
		},
		"a long pause is cut, so that the end of the gateway is seen": {
			false, "[ $1 = probe ] || echo 25", lookCall + "sleep|10|\nsleep|10|\nsleep|5|\n" + lookCall + "sleep|10|\n", "", "",
		},
		"a look that fails is made again": {
			false, "[ $1 = probe ] || exit 111", lookCall + "sleep|10|\n" + lookCall + "sleep|10|\n", "", "",
		},
		"a pause that is none": {
			false, "[ $1 = probe ] || echo '1 2'", lookCall + "sleep|10|\n" + lookCall + "sleep|10|\n", "", "",
		},
	} {
		p := alive(manifest.Profile{Command: []string{"true"}})
		if c.ready {
			p.Ready = ready(p).Ready
		}
		dir := service(t, t.TempDir(), p)
		env := fakes(t, map[string]string{"hermes-reconcile": record + c.program, "sleep": record + ends})
		for _, shell := range shells {
			require.NoError(t, os.RemoveAll(calls))
			gateway := leftInGroup(t)
			go gateway.Wait() //nolint:errcheck // it is killed
			require.NoError(t, os.WriteFile(calls+".gateway", []byte(pid(gateway)+"\n"), 0o644))
			out, notified := told(t, shell, dir, env, "./data/check", pid(gateway))
			require.Equal(t, c.told, notified, "%s, %v: %s", name, shell, out)
			require.Equal(t, c.output, out, "%s, %v", name, shell)
			data, err := os.ReadFile(calls)
			require.NoError(t, err)
			if diff := cmp.Diff(strings.ReplaceAll(c.calls, "PID", pid(gateway)), string(data)); diff != "" {
				t.Errorf("%s, %v (-want +got)\n%s", name, shell, diff)
			}
		}
	}
}

// TestRunGivesTheCheckItsRecord: what the check keeps lies in a file of the directory, which the
// gateway has not open.
func TestRunGivesTheCheckItsRecord(t *testing.T) {
	t.Parallel()
	marks := t.TempDir()
	dir := service(t, t.TempDir(), alive(manifest.Profile{Command: []string{
		"/bin/sh", "-c", "ls -l /proc/$$/fd >" + marks + "/gateway; while [ ! -e " + marks + "/checked ]; do /bin/sleep 0.01; done",
	}}))
	// What stands on the gateway's PATH in place of the program cannot fill the disk of the scandir.
	env := fakes(t, map[string]string{
		"hermes-reconcile": "head -c 100000 /dev/zero >" + marks + "/large; wc -c <" + marks + "/large >" + marks + "/limit; readlink /proc/$$/fd/0 >" + marks + "/stdin; echo seen 1<>/proc/self/fd/0 >&0; touch " + marks + "/checked",
		"sleep":            "exec /bin/sleep 0.01",
	})
	for _, shell := range shells {
		require.NoError(t, os.RemoveAll(filepath.Join(marks, "checked")))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "liveness"), bytes.Repeat([]byte("x"), 4096), 0o644))
		out, _ := told(t, shell, dir, env, "./run")
		seen, err := os.ReadFile(filepath.Join(marks, "stdin"))
		require.NoError(t, err, "%v: %s", shell, out)
		require.True(t, strings.HasSuffix(string(seen), "/gateway-x/data/liveness\n"), "%v: %q", shell, seen)
		kept, err := os.ReadFile(filepath.Join(dir, "data", "liveness"))
		require.NoError(t, err)
		require.Len(t, kept, 4096, "%v: it is opened as it is", shell)
		require.Equal(t, "seen\n", string(kept[:5]), "%v: and for writing", shell)
		limit, err := os.ReadFile(filepath.Join(marks, "limit"))
		require.NoError(t, err)
		require.Contains(t, []string{"4096", "8192"}, strings.TrimSpace(string(limit)), "%v", shell)
		has, err := os.ReadFile(filepath.Join(marks, "gateway"))
		require.NoError(t, err)
		require.NotContains(t, string(has), "liveness", "%v", shell)
	}
}

// TestRunDoesNotDependOnHowItIsLookedAfter: what is asked, how often, and what is done then restart
// nothing.
func TestRunDoesNotDependOnHowItIsLookedAfter(t *testing.T) {
	render := func(change func(*manifest.Profile)) Servicedir {
		p := alive(manifest.Profile{Command: []string{"true"}, StopTimeout: time.Second})
		change(&p)
		return renderAll(t, &manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: "/x", Profiles: []manifest.Profile{p}})[0]
	}
	before := render(func(*manifest.Profile) {})
	require.True(t, before.Liveness)
	for _, change := range []func(*manifest.Profile){
		func(p *manifest.Profile) { p.Alive.HTTP, p.Alive.Interval, p.Alive.Failures = "/", time.Second, 2 },
		func(p *manifest.Profile) { p.Alive.Action = manifest.AliveReport },
		func(p *manifest.Profile) { p.Memory.RestartAbove = 1 },
		func(p *manifest.Profile) { p.Alive, p.Memory.RestartAbove = nil, 1 },
	} {
		after := render(change)
		require.Equal(t, before.File("run").Data.Bytes(), after.File("run").Data.Bytes())
		require.NotEqual(t, before.File("data/check").Data.Bytes(), after.File("data/check").Data.Bytes())
	}
	without := render(func(p *manifest.Profile) { p.Alive = nil })
	require.NotEqual(t, before.File("run").Data.Bytes(), without.File("run").Data.Bytes())
}

// TestFinishLetsWhatALookHasEndedComeBack: exit code 0 is no word of the gateway that it is done
// where it was told to end.
func TestFinishLetsWhatALookHasEndedComeBack(t *testing.T) {
	for _, shell := range shells {
		for text, want := range map[string]int{
			"":                         125,
			`{"ending":{"pid":PID,"a"`: 0,
			`{"ending":{"pid":PID0,"`:  125,
			`{"last":{"pid":PID,"`:     125,
		} {
			dir := service(t, t.TempDir(), alive(manifest.Profile{
				Command: []string{"true"}, Restart: manifest.RestartOnFailure,
			}))
			left := leftInGroup(t)
			writeGroup(t, dir, pid(left)+" "+startOf(t, left))
			record := strings.ReplaceAll(text, "PID", pid(left))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "liveness"), []byte(record), 0o644))
			_, code := in(t, shell, dir, basePath(), "./finish", "0", "0", "gateway-x")
			require.Equal(t, want, code, "%v: %s", shell, text)
			_, code = in(t, shell, dir, basePath(), "./finish", "78", "0", "gateway-x")
			require.Equal(t, 125, code, "%v: %s", shell, text)
			require.Error(t, left.Wait())
		}
	}
}
