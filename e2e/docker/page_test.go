//go:build docker

package docker

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
)

// TestContainerCommands types what docs/container.md says, with names of this run in the place of
// those on the page. What `make release` does is seen in e2e/release; here is the program that it
// would write.
func TestContainerCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "examples/container"), os.DirFS("../../examples/container")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "dist"), 0o755))
	program := filepath.Join(dir, "dist", "hermes-reconcile_0.0.0_linux_"+runtime.GOARCH)
	require.NoError(t, kit.GoTool([]string{"CGO_ENABLED=0"}, "build", "-trimpath", "-o", program, "../../cmd/hermes-reconcile"))

	c := &container{t: t, name: newName()}
	t.Cleanup(c.end)
	tag, made := project+":page", ""
	page := strings.NewReplacer(
		"your-image", baseImage, "ARCH=amd64", "ARCH="+runtime.GOARCH, "--tag gateways", "--tag "+tag,
		"docker run ", "docker run --name "+c.name+" --network none ", "data:", c.name+"-data:", "/opt/data gateways", "/opt/data "+tag,
	)
	for _, block := range kit.BlocksOf(t, "../..", "TestContainerCommands") {
		for _, step := range block.Steps {
			if strings.HasPrefix(step.Command, "make release ") {
				made = step.Command
				continue
			}
			cmd := exec.Command("sh", "-c", page.Replace(step.Command))
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "DOCKER_BUILDKIT=0")
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s: %s", step.Command, out)
		}
	}
	require.NotEmpty(t, made)
	eventually(t, func() bool {
		out, err := docker("exec", c.name, "/usr/local/bin/hermes-reconcile", "status", "--exit-code")
		return err == nil && strings.Contains(out, "gateways: ")
	}, "its gateways run")
}
