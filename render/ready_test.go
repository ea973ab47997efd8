//go:build unix

package render

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

func ready(p manifest.Profile) manifest.Profile {
	p.Name, p.Port = "x", 9201
	p.Ready = &manifest.Ready{HTTP: "/it's?a=1&b", Interval: time.Second, Timeout: time.Minute}
	return p
}

const readyURL = "http://127.0.0.1:9201/it's?a=1&b"

// told runs a script with descriptor 3 open, as s6-supervise does for a service with
// notification-fd, and returns what was written to it after the script and all that it started have
// ended, or closed it.
func told(t *testing.T, shell []string, dir string, env []string, script string, args ...string) (output, notified string) {
	t.Helper()
	trustPath(t, filepath.Join(dir, script), env)
	notify, err := os.Create(filepath.Join(t.TempDir(), "notified"))
	require.NoError(t, err)
	defer notify.Close()
	cmd := exec.Command(shell[0], append(append(shell[1:len(shell):len(shell)], script), args...)...)
	cmd.Dir, cmd.Env, cmd.ExtraFiles = dir, env, []*os.File{notify}
	out, err := cmd.CombinedOutput() // waits for the processes that hold stdout
	if exit := (*exec.ExitError)(nil); err != nil {
		require.ErrorAs(t, err, &exit)
	}
	data, err := os.ReadFile(notify.Name())
	require.NoError(t, err)
	return string(out), string(data)
}

// fakes are shell scripts that stand before the programs of these names.
func fakes(t *testing.T, bodies map[string]string) []string {
	t.Helper()
	bin := t.TempDir()
	for name, body := range bodies {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755))
	}
	return []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
}

func TestCheckTellsS6WhenTheGatewayServes(t *testing.T) {
	t.Parallel()
	dir := service(t, t.TempDir(), ready(manifest.Profile{Command: []string{"true"}}))
	calls := filepath.Join(t.TempDir(), "calls")
	record := fmt.Sprintf(`printf '%%s|' "${0##*/}" "$@" >>%s; echo >>%[1]s`+"\n", calls)
	first := "hermes-reconcile|probe|--gateway|PID|--interval|1s|--timeout|1m0s|" + readyURL + "|\n"
	again := "sleep|10|\nhermes-reconcile|probe|--gateway|PID|" + readyURL + "|\n"
	for _, c := range []struct {
		probe           string
		calls, told     string
		output, gateway string
	}{
		{"exit 0", first, "\n", "", ""},
		// Late twice, which the probe says once, then ready.
		{`echo "not ready" >&2; [ "$(grep -c probe ` + calls + `)" = 3 ]`, first + again + again, "\n", "not ready\n", ""},
		{"exit 99", first + "sleep|10|\n", "", "", "2147483646"}, // the gateway is dead
	} {
		env := fakes(t, map[string]string{"hermes-reconcile": record + c.probe, "sleep": record})
		for _, shell := range shells {
			require.NoError(t, os.RemoveAll(calls))
			gateway := c.gateway
			if gateway == "" {
				gateway = strconv.Itoa(os.Getpid())
			}
			out, notified := told(t, shell, dir, env, "./data/check", gateway)
			require.Equal(t, c.told, notified, "%v: %s", shell, out)
			require.Equal(t, c.output, out, "%v", shell)
			data, err := os.ReadFile(calls)
			require.NoError(t, err)
			if diff := cmp.Diff(strings.ReplaceAll(c.calls, "PID", gateway), string(data)); diff != "" {
				t.Errorf("%v: %q (-want +got)\n%s", shell, c.probe, diff)
			}
		}
	}
}

func TestCheckWithoutTheProgramSaysSoOnce(t *testing.T) {
	t.Parallel()
	dir := service(t, t.TempDir(), ready(manifest.Profile{Command: []string{"true"}}))
	// A PATH with little on it. Twice late, then the gateway is dead.
	bin := t.TempDir()
	count := filepath.Join(bin, "count")
	require.NoError(t, os.WriteFile(filepath.Join(bin, "sleep"), []byte("#!/bin/sh\necho >>"+count+"\n"), 0o755))
	for _, shell := range shells {
		path, err := exec.LookPath(shell[0])
		require.NoError(t, err)
		shell = append([]string{path}, shell[1:]...)
		require.NoError(t, os.RemoveAll(count))
		// The check watches a gateway that ends after the second pause.
		gateway := exec.Command("/bin/sh", "-c", "while [ \"$(wc -l <"+count+" 2>/dev/null || echo 0)\" -lt 2 ]; do sleep 0.01; done")
		require.NoError(t, gateway.Start())
		done := make(chan error, 1)
		go func() { done <- gateway.Wait() }()
		out, notified := told(t, shell, dir, []string{"PATH=" + bin}, "./data/check", pid(gateway))
		require.NoError(t, <-done)
		require.Empty(t, notified)
		require.Equal(t, 1, strings.Count(out, "\n"), "%v: %s", shell, out)
		require.Contains(t, out, "hermes-reconcile: gateway-x: cannot tell when it is ready: no hermes-reconcile in "+bin+"\n", "%v", shell)
	}
}

// The check runs beside the gateway, and has nothing of it: no variable, no secret, no PATH. The
// gateway has no descriptor of it.
func TestRunStartsTheCheckBesideTheGateway(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(secret, []byte("hidden"), 0o600))
	marks := t.TempDir()
	dir := service(t, t.TempDir(), ready(manifest.Profile{
		Command: []string{"/bin/sh", "-c", `[ ! -e /proc/$$/fd/3 ] && echo "gateway $$ $A $TOKEN"; while [ ! -e ` + marks + `/checked ]; do /bin/sleep 0.01; done`},
		Env:     []manifest.EnvVar{{Name: "A", Value: "a"}, {Name: "PATH", Value: "/nonexistent"}},
		Secrets: []manifest.Secret{{Name: "TOKEN", File: secret}},
		Backoff: time.Minute,
	}))
	env := fakes(t, map[string]string{"hermes-reconcile": "env >" + marks + "/env; echo $$ >" + marks + "/pid; touch " + marks + "/checked"})
	for _, shell := range shells {
		require.NoError(t, os.RemoveAll(filepath.Join(marks, "checked")))
		out, notified := told(t, shell, dir, env, "./run")
		require.Equal(t, "\n", notified, "%v: %s", shell, out)
		gateway, err := os.ReadFile(filepath.Join(dir, "data", "pgid"))
		require.NoError(t, err)
		require.Equal(t, "gateway "+strings.Fields(string(gateway))[0]+" a hidden\n", out, "%v", shell)
		seen, err := os.ReadFile(filepath.Join(marks, "env"))
		require.NoError(t, err)
		require.Contains(t, string(seen), env[0])
		require.NotContains(t, string(seen), "\nA=a")
		require.NotContains(t, string(seen), "hidden")
	}
}

// A changed question restarts nothing: run says nothing of it.
func TestRunDoesNotDependOnWhatIsAsked(t *testing.T) {
	render := func(change func(*manifest.Ready)) Servicedir {
		p := ready(manifest.Profile{Command: []string{"true"}, StopTimeout: time.Second})
		change(p.Ready)
		return renderAll(t, &manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: "/x", Profiles: []manifest.Profile{p}})[0]
	}
	before := render(func(*manifest.Ready) {})
	after := render(func(r *manifest.Ready) { r.HTTP, r.Interval, r.Timeout = "/", 2*time.Second, 3*time.Second })
	require.Equal(t, before.File("run").Data.Bytes(), after.File("run").Data.Bytes())
	require.Equal(t, before.File(NotificationPath).Data.Bytes(), after.File(NotificationPath).Data.Bytes())
	require.NotEqual(t, before.File("data/check").Data.Bytes(), after.File("data/check").Data.Bytes())
}

// What the dynamic loader reads reaches the gateway, by way of env, so that s6-setuidgid does not
// see it.
func TestLoaderVariablesReachTheGateway(t *testing.T) {
	dir := service(t, t.TempDir(), manifest.Profile{
		Name: "x", Wrapper: []string{"env", "WRAPPED=1"}, Command: []string{"env", "-0"},
		Env: []manifest.EnvVar{{Name: "A", Value: "a"}, {Name: "LD_LIBRARY_PATH", Value: "/it's\na lib"}},
	})
	for _, shell := range shells {
		out, code := in(t, shell, dir, basePath(), "./run")
		require.Zero(t, code, "%v: %s", shell, out)
		env := environment(out)
		require.Equal(t, "/it's\na lib", env["LD_LIBRARY_PATH"])
		require.Equal(t, "a1", env["A"]+env["WRAPPED"])
	}
}
