//go:build docker

package docker

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"hermes-reconcile/e2e/kit"
)

// The stand-in for hermes-agent's image (base/): no image can be pulled here, so it is made of
// Debian's packages. What it imitates of s6-overlay, and what not, is said in base/rootfs/init.

// What the example is put on: Debian's packages, and the stand-in that is made of them.
var systemImage, baseImage = project + ":system", project + ":base"

// exampleDir is the copy of examples/container that the image was built from.
var exampleDir string

func init() { builds = append(builds, buildOnStandIn) }

func buildOnStandIn(dir string) error {
	if compose() == nil {
		return errors.New("neither docker compose nor docker-compose is installed (Debian's docker-compose is one)")
	}
	base := filepath.Join(dir, "base")
	exampleDir = filepath.Join(dir, "example")
	steps := []func() error{
		func() error { return os.CopyFS(base, os.DirFS("base")) },
		func() error {
			return kit.GoTool([]string{"CGO_ENABLED=0"}, "build", "-o", filepath.Join(base, "hermes"), "../stub/hermes")
		},
		func() error { return buildBase(base) },
		func() error { return buildExample(image, exampleDir, baseImage) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// compose is the command that runs a compose file: the plugin of newer clients, or the program of
// older ones.
func compose() []string {
	if _, err := docker("compose", "version"); err == nil {
		return []string{"docker", "compose"}
	}
	if _, err := exec.LookPath("docker-compose"); err == nil {
		return []string{"docker-compose"}
	}
	return nil
}

// buildBase makes what the example is put on: the stand-in for s6-overlay, or $BASE, an image that
// has the real one.
func buildBase(dir string) error {
	if real := os.Getenv("BASE"); real != "" {
		return buildImage(baseImage, dir, "on.Dockerfile", "BASE="+real)
	}
	system := filepath.Join(dir, "system.tar")
	if err := run(10*time.Minute, "sh", "base/system.sh", system); err != nil {
		return err
	}
	if _, err := docker("import", system, systemImage); err != nil {
		return err
	}
	if err := os.Remove(system); err != nil { // or it is sent along
		return err
	}
	return buildImage(baseImage, dir, "Dockerfile", "SYSTEM="+systemImage)
}
