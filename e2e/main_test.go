//go:build e2e

// Package e2e runs the built hermes-reconcile against a real s6-svscan. It imports nothing of the
// project but what the tests share (kit): what it knows is what a user knows, the command line, the
// manifest, the rendered directories and what s6 says.
//
// Each test has a tree of its own (newTree): a scandir, a HERMES_HOME, an s6-svscan, and a stub of
// the hermes program that writes down what happens to it (stub/hermes).
package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"hermes-reconcile/e2e/kit"
)

// needed are the programs that the tests run themselves, and the Debian packages that hold them.
var needed = map[string]string{
	"s6-svscan":    "s6",
	"s6-svscanctl": "s6",
	"s6-svc":       "s6",
	"s6-svstat":    "s6",
	"s6-svok":      "s6",
	"s6-log":       "s6",
	"execlineb":    "execline",
	"tmux":         "tmux",
}

var (
	program string            // the built hermes-reconcile
	stubDir string            // holds the built stub, `hermes`
	tools   map[string]string // path of each needed program
)

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintf(os.Stderr, "e2e: %v\n", err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (int, error) {
	if os.Args[0] == filterName {
		return 1, becomeFiltered()
	}
	if err := findPrograms(); err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	// Unprivileged trees run what lies here.
	if err := os.Chmod(dir, 0o755); err != nil {
		return 1, err
	}
	if err := buildPrograms(dir); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// findPrograms fails where something is missing: a test that cannot run has shown nothing.
func findPrograms() error {
	tools = make(map[string]string)
	var errs []error
	for name, pkg := range needed {
		path, err := exec.LookPath(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s is not installed: apt-get install %s", name, pkg))
			continue
		}
		tools[name] = path
	}
	return errors.Join(errs...)
}

func buildPrograms(dir string) error {
	stubDir = filepath.Join(dir, "stub")
	program = filepath.Join(dir, "hermes-reconcile")
	build := []string{"build"}
	if raceEnabled {
		build = append(build, "-race")
	}
	return errors.Join(
		kit.GoTool(nil, "build", "-o", filepath.Join(stubDir, "hermes"), "./stub/hermes"),
		kit.GoTool(nil, append(build, "-o", program, "../cmd/hermes-reconcile")...),
	)
}
