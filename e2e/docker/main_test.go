//go:build docker || hermes

// Package docker runs examples/container in real containers: what starts there, and in which order,
// is what a user's image does. Like e2e it knows what a user knows.
//
// With the build tag docker the image under the example stands for one of hermes-agent with
// s6-overlay: see stand_in_test.go. With the tag hermes it is a real one: see hermes_test.go.
package docker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
)

// project is part of every name that the tests give: containers, volumes and images of this run,
// and no others, are removed by it.
var project = fmt.Sprintf("hermes-reconcile-test-%d-%04x", os.Getpid(), rand.IntN(1<<16))

// image is the example on the stand-in for hermes-agent's image.
var image = project + ":example"

// builds make the images that the tests of a build tag run, below a folder that is there for all.
var builds []func(dir string) error

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintf(os.Stderr, "e2e/docker: %v\n", err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (int, error) {
	if err := dockerAnswers(); err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "e2e-docker-")
	if err != nil {
		return 1, err
	}
	cleanUp := sync.OnceFunc(func() {
		removeAll()
		os.RemoveAll(dir)
	})
	defer cleanUp()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for _, build := range builds {
		if err := build(dir); err != nil {
			return 1, err
		}
	}
	if ctx.Err() != nil {
		return 1, errors.New("interrupted")
	}
	detach := context.AfterFunc(ctx, func() {
		cleanUp()
		os.Exit(1)
	})
	defer detach() // before stop, which ends the context, too
	return m.Run(), nil
}

func dockerAnswers() error {
	if _, err := exec.LookPath("docker"); err != nil {
		return errors.New("docker is not installed: these tests need a Docker Engine (Debian's docker.io has one)")
	}
	if _, err := docker("version", "--format", "{{.Server.Version}}"); err != nil {
		return fmt.Errorf("no Docker Engine answers; is it started, and may this user ask it? %w", err)
	}
	return nil
}

// buildExample puts a copy of examples/container on an image, with the program beside it, under the
// name that it has in a release.
func buildExample(name, dir, base string) error {
	if err := os.CopyFS(dir, os.DirFS("../../examples/container")); err != nil {
		return err
	}
	program := filepath.Join(dir, "hermes-reconcile_0.0.0_linux_"+runtime.GOARCH)
	if err := kit.GoTool([]string{"CGO_ENABLED=0"}, "build", "-trimpath", "-o", program, "../../cmd/hermes-reconcile"); err != nil {
		return err
	}
	return buildImage(name, dir, "Dockerfile", "BASE="+base, "ARCH="+runtime.GOARCH)
}

func buildImage(name, dir, file string, buildArgs ...string) error {
	args := []string{"build", "--quiet", "--force-rm", "--network", "none", "--tag", name, "--file", filepath.Join(dir, file)}
	for _, arg := range buildArgs {
		args = append(args, "--build-arg", arg)
	}
	_, err := docker(append(args, dir)...)
	return err
}

// removeAll removes what this run has made and what tests have not removed themselves. All of it
// has the project's name.
func removeAll() {
	left := func(kind ...string) []string {
		out, err := docker(append(kind, "--filter", "name="+project)...)
		if err != nil {
			fmt.Fprintf(os.Stderr, "e2e/docker: %v\n", err)
		}
		return strings.Fields(out)
	}
	remove := func(names []string, command ...string) {
		if len(names) == 0 {
			return
		}
		if _, err := docker(append(command, names...)...); err != nil {
			fmt.Fprintf(os.Stderr, "e2e/docker: %v\n", err)
		}
	}
	remove(left("ps", "--all", "--quiet"), "rm", "--force", "--volumes")
	remove(left("volume", "ls", "--quiet"), "volume", "rm")
	images, err := docker("image", "ls", "--filter", "reference="+project, "--format", "{{.Repository}}:{{.Tag}}")
	if err != nil {
		fmt.Fprintf(os.Stderr, "e2e/docker: %v\n", err)
	}
	remove(strings.Fields(images), "image", "rm", "--force")
}

// maxDocker ends a docker command that hangs. A hermes is some hundred MB of Python: on a busy
// machine its commands take half a minute.
const maxDocker = 10 * time.Minute

// docker runs a docker command and returns what it prints on stdout.
func docker(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), maxDocker)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env = append(cmd.Environ(), "DOCKER_BUILDKIT=0") // needs nothing that is not there
	out, err := cmd.Output()
	return string(out), explain(cmd, err)
}

// run runs another command.
func run(limit time.Duration, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	_, err := cmd.Output()
	return explain(cmd, err)
}

// explain adds the command and what it said to its error.
func explain(cmd *exec.Cmd, err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, kit.Tail(string(exit.Stderr), 20))
	default:
		return fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
}

// eventually fails the test if cond does not come to hold. The limit is long, since the machine may
// be busy.
func eventually(t testing.TB, cond func() bool, what string) {
	t.Helper()
	require.True(t, poll(cond), "in vain: %s", what)
}

// poll asks less often than docker takes for an answer.
func poll(cond func() bool) bool {
	return kit.PollEvery(100*time.Millisecond, kit.Patience, cond)
}
