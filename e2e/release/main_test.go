//go:build docker

// Package release makes a release as a user does, twice and in two folders, and uses what comes of
// it: the programs as they are, the Debian package in a container that has nothing else but s6.
package release

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hermes-reconcile/e2e/kit"
)

// maxRelease bounds one release on a busy machine: a dozen programs are built, those of other
// people among them.
const maxRelease = 40 * time.Minute

// made are the folders of two releases of one commit, and what they were made from.
var made struct {
	version, commit string
	sources, dist   [2]string
}

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintf(os.Stderr, "e2e/release: %v\n", err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "e2e-release-")
	if err != nil {
		return 1, err
	}
	cleanUp := sync.OnceFunc(func() {
		removeImages()
		os.RemoveAll(dir)
	})
	defer cleanUp()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	detach := context.AfterFunc(ctx, func() {
		cleanUp()
		os.Exit(1)
	})
	defer detach() // before stop, which ends the context, too
	for i, folder := range []string{"one", "another/folder, deeper"} {
		if err := release(i, filepath.Join(dir, folder)); err != nil {
			return 1, err
		}
	}
	return m.Run(), nil
}

// release copies the source as it is now to a folder, makes it a repository with one commit, the
// same each time, and makes a release there. The second one has another umask.
func release(i int, dir string) error {
	if err := copySource(dir); err != nil {
		return err
	}
	changelog, err := os.ReadFile(filepath.Join(dir, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(changelog), "\n## ")
	made.version = strings.Fields(rest)[0]
	if made.commit, err = commitAll(dir); err != nil {
		return err
	}
	made.sources[i], made.dist[i] = dir, filepath.Join(dir, "dist")
	umask := []string{"022", "077"}[i]
	_, err = run(dir, nil, "sh", "-c", "umask "+umask+" && exec make release VERSION="+made.version)
	return err
}

// copySource copies what a commit of the working tree would hold.
func copySource(dir string) error {
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	list, err := run(root, nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimRight(list, "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // deleted, and not yet in a commit
		}
		if err == nil {
			err = copyFile(filepath.Join(root, name), filepath.Join(dir, name), info.Mode())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if mode&os.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, mode.Perm())
}

// commitAll makes a repository with one commit, of a day that is set.
func commitAll(dir string) (commit string, err error) {
	env := []string{
		"GIT_AUTHOR_NAME=x", "GIT_AUTHOR_EMAIL=x@localhost", "GIT_AUTHOR_DATE=2026-11-28T09:00:00+0200",
		"GIT_COMMITTER_NAME=x", "GIT_COMMITTER_EMAIL=x@localhost", "GIT_COMMITTER_DATE=2026-11-28T09:00:00+0200",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
	}
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "--all"}, {"commit", "--quiet", "--message=x"}} {
		if _, err := run(dir, env, "git", args...); err != nil {
			return "", err
		}
	}
	out, err := run(dir, env, "git", "rev-parse", "HEAD")
	return strings.TrimSpace(out), err
}

// run runs a command in a folder and returns what it prints on stdout.
func run(dir string, env []string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), maxRelease)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), env...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%v: %w\n%s", cmd.Args, err, kit.Tail(stdout.String()+stderr.String(), 30))
	}
	return stdout.String(), nil
}
