//go:build docker || hermes

package docker

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
)

// manifestDir is where the example has its manifest.
const manifestDir = "/etc/hermes-reconcile"

// options say what is unusual about a container.
type options struct {
	flags   []string // more flags of `docker create`
	command []string // the main program; none: the container lives until it is stopped
	image   string   // the example on another image than the stand-in
	// Of a former container; "": new ones. The test that made them removes them.
	volumes *volumes
}

// volumes outlive a container.
type volumes struct{ data, config string }

// container is one from the example's image. It and its volumes go when the test is over.
type container struct {
	t    testing.TB
	name string
	volumes
}

var containers atomic.Int32

func newName() string {
	return fmt.Sprintf("%s-%d", project, containers.Add(1))
}

// create makes a container with that manifest (""; the one that is there) that is not started yet.
func create(t testing.TB, manifest string, opts options) *container {
	t.Helper()
	c := &container{t: t, name: newName()}
	if opts.volumes != nil {
		c.volumes = *opts.volumes
	} else {
		c.volumes = newVolumes(t)
	}
	args := []string{
		"create", "--name", c.name, "--network", "none",
		"--volume", c.data + ":/opt/data", "--volume", c.config + ":" + manifestDir,
		"--env", "S6_KILL_GRACETIME=300", // always slept in full: most tests have nothing left to wait for
	}
	args = append(append(append(args, opts.flags...), cmp.Or(opts.image, image)), opts.command...)
	t.Cleanup(c.end)
	_, err := docker(args...)
	require.NoError(t, err)
	if manifest != "" {
		c.copyIn("profiles.yaml", manifest)
	}
	return c
}

// start makes a container and starts it.
func start(t testing.TB, manifest string, opts options) *container {
	t.Helper()
	c := create(t, manifest, opts)
	c.start()
	return c
}

func newVolumes(t testing.TB) volumes {
	t.Helper()
	v := volumes{newName() + "-data", newName() + "-config"}
	t.Cleanup(func() {
		if _, err := docker("volume", "rm", "--force", v.data, v.config); err != nil {
			t.Errorf("%v", err)
		}
	})
	for _, name := range []string{v.data, v.config} {
		_, err := docker("volume", "create", name)
		require.NoError(t, err)
	}
	return v
}

// end removes the container, and fails the test if the stub saw what must never be: two gateways of
// one profile, a port that two want, or a command line that hermes refuses.
func (c *container) end() {
	if !c.exists() {
		return
	}
	for _, record := range []string{"double", "bindfail", "refused"} {
		if data := c.inHome("stub/" + record); len(data) > 0 {
			c.t.Errorf("the stub recorded %s: %s", record, data)
		}
	}
	c.tell()
	c.remove()
}

// tell logs what helps to understand a failure.
func (c *container) tell() {
	if c.t.Failed() && c.exists() {
		c.t.Logf("log of the container:\n%s", kit.Tail(c.log(), 100))
		c.t.Logf("%v", c.exec("sh", "-c", "hermes-reconcile status; ps -o pid,ppid,user,args"))
	}
}

func (c *container) exists() bool {
	_, err := docker("container", "inspect", c.name)
	return err == nil
}

func (c *container) remove() {
	c.t.Helper()
	c.docker("rm", "--force", "--volumes") // those without a name
}

// docker runs a docker command on the container.
func (c *container) docker(args ...string) string {
	c.t.Helper()
	out, err := docker(append(args, c.name)...)
	require.NoError(c.t, err)
	return out
}

func (c *container) start() { c.t.Helper(); c.docker("start") }

// restart stops the container as `docker stop` does, and starts it again.
func (c *container) restart() { c.t.Helper(); c.docker("restart", "--time", "60") }

// stop waits until everything has ended. Docker kills nothing before a minute is over.
func (c *container) stop() { c.t.Helper(); c.docker("stop", "--time", "60") }

// exitCode of the container's end, which is waited for.
func (c *container) exitCode() int {
	c.t.Helper()
	code, err := strconv.Atoi(strings.TrimSpace(c.docker("wait")))
	require.NoError(c.t, err)
	return code
}

// log is what the container has printed.
func (c *container) log() string {
	c.t.Helper()
	out, err := exec.Command("docker", "logs", c.name).CombinedOutput()
	require.NoError(c.t, err, "%s", out)
	return string(out)
}

// copyIn writes a file into the manifest's folder, started or not.
func (c *container) copyIn(name, content string) {
	c.t.Helper()
	c.copyTo(manifestDir+"/"+name, content, 0o644)
}

func (c *container) copyTo(path, content string, mode os.FileMode) {
	c.t.Helper()
	file := filepath.Join(c.t.TempDir(), filepath.Base(path))
	require.NoError(c.t, os.WriteFile(file, []byte(content), mode))
	_, err := docker("cp", file, c.name+":"+path)
	require.NoError(c.t, err)
}

// inHome reads a file below HERMES_HOME, started or not; nil: there is none.
func (c *container) inHome(name string) []byte {
	c.t.Helper()
	file := filepath.Join(c.t.TempDir(), "file")
	if _, err := docker("cp", c.name+":/opt/data/"+name, file); err != nil {
		require.Contains(c.t, err.Error(), "Could not find the file")
		return nil
	}
	data, err := os.ReadFile(file)
	require.NoError(c.t, err)
	return data
}

func (c *container) starts(profile string) []kit.Start {
	c.t.Helper()
	return kit.Records[kit.Start](c.t, c.inHome("stub/"+profile+".starts"))
}

// started waits until the profile's gateway has recorded n starts, and returns the last one. s6
// says "up" a moment before.
func (c *container) started(profile string, n int) kit.Start {
	c.t.Helper()
	eventually(c.t, func() bool { return len(c.starts(profile)) >= n }, fmt.Sprintf("%d starts of %s", n, profile))
	all := c.starts(profile)
	require.Len(c.t, all, n, "starts of %s", profile)
	return all[n-1]
}

func (c *container) stops(profile string) []kit.Stop {
	c.t.Helper()
	return kit.Records[kit.Stop](c.t, c.inHome("stub/"+profile+".stops"))
}

// result is how a command in the container ended.
type result struct {
	args           []string
	stdout, stderr string
	code           int
}

func (r result) String() string {
	return fmt.Sprintf("%q: exit code %d\nstdout:\n%s\nstderr:\n%s", r.args, r.code, r.stdout, r.stderr)
}

// exec runs a command in the container, with nothing on stdin, as root.
func (c *container) exec(args ...string) result {
	c.t.Helper()
	return c.execWith(nil, "", args...)
}

// execWith runs a command with flags of `docker exec` and a text on stdin.
func (c *container) execWith(flags []string, stdin string, args ...string) result {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), maxDocker)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", append(append(append([]string{"exec", "-i"}, flags...), c.name), args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(c.t, err)
	}
	require.NoError(c.t, ctx.Err(), "%v hangs", cmd.Args)
	return result{args, stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// asHermes runs a command that has to succeed as the gateways' user, with a text on stdin.
func (c *container) asHermes(stdin string, args ...string) string {
	c.t.Helper()
	r := c.execWith([]string{"--user", "hermes"}, stdin, args...)
	require.Equal(c.t, 0, r.code, "%v", r)
	return r.stdout
}

// must runs a command in the container that has to succeed, and returns what it prints on stdout.
func (c *container) must(args ...string) string {
	c.t.Helper()
	r := c.exec(args...)
	require.Equal(c.t, 0, r.code, "%v", r)
	return r.stdout
}

// service is what s6 says of a service.
type service struct {
	up, wanted bool
	pid        int
}

// services are those of the scandir that are supervised, gateways or not, by name. A link that
// leads nowhere is none.
func (c *container) services() map[string]service {
	c.t.Helper()
	const ask = `for dir in /run/service/*; do
		if now=$(/command/s6-svstat -o up,wantedup,pid "$dir" 2>/dev/null); then echo "${dir##*/} $now"; fi
	done`
	found := make(map[string]service)
	for line := range strings.Lines(c.must("sh", "-c", ask)) {
		var name string
		var s service
		_, err := fmt.Sscan(line, &name, &s.up, &s.wanted, &s.pid)
		require.NoError(c.t, err, "%q", line)
		found[name] = s
	}
	return found
}

// gateways waits until exactly these gateways are up, and those of the others that are there down.
// It returns the services of them all, and of nothing else.
func (c *container) gateways(up []string, down ...string) map[string]service {
	c.t.Helper()
	var now map[string]service
	there := poll(func() bool {
		now = c.services()
		maps.DeleteFunc(now, func(name string, _ service) bool { return !strings.HasPrefix(name, "gateway-") })
		return areGateways(now, up, down)
	})
	require.True(c.t, there, "want up %v, down %v; got %+v", up, down, now)
	return now
}

func areGateways(now map[string]service, up, down []string) bool {
	for _, profile := range up {
		if s := now["gateway-"+profile]; !s.up || !s.wanted {
			return false
		}
	}
	for _, profile := range down {
		if s, there := now["gateway-"+profile]; !there || s.up || s.wanted {
			return false
		}
	}
	return len(now) == len(up)+len(down)
}

// answers waits until the profile's gateway answers on its port, asked from within the container.
func (c *container) answers(profile string, port int) {
	c.t.Helper()
	url := fmt.Sprintf("http://127.0.0.1:%d/health", port)
	want := fmt.Sprintf("%q:%q", "profile", profile)
	eventually(c.t, func() bool {
		r := c.exec("wget", "-q", "-O", "-", url)
		return r.code == 0 && strings.Contains(r.stdout, want)
	}, profile+" answers on "+url)
}

// bootEnds is what s6-overlay prints when the last cont-init.d script has ended.
const bootEnds = "cont-init.d/99-hermes-reconcile exited 0"

// booted waits until every cont-init.d script has ended.
func (c *container) booted() {
	c.t.Helper()
	c.logs(bootEnds)
}

// logs waits until the container has printed a text.
func (c *container) logs(text string) {
	c.t.Helper()
	eventually(c.t, func() bool { return strings.Contains(c.log(), text) },
		fmt.Sprintf("%q in the container's log", text))
}
