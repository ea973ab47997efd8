//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/e2e/kit"
)

// treeOpts says what is unusual about a tree.
type treeOpts struct {
	noSvscan      bool     // start no s6-svscan
	uid           int      // run s6-svscan and the program as this user; 0: as the test
	env           []string // more environment of s6-svscan: the container's variables
	allowDouble   bool     // the stub may have seen two gateways of one profile
	allowBindFail bool     // the stub may have found a port taken
	allowRefused  bool     // the stub may have been started in a way that no hermes takes
	allowLeft     bool     // processes may outlive s6-svscan
	svscanArgs    []string // options of s6-svscan
	nofile        int      // s6-svscan's limit of open files; 0: the test's
	overlay       string   // lay the root out as s6-overlay's, with this /bin/sh, dash or busybox; env is the container's
}

// tree is a scandir with an s6-svscan on it, and all that belongs to one test.
type tree struct {
	t       testing.TB
	opts    treeOpts
	base    string // everything of this tree lies here; also the program's working directory
	scandir string
	home    string   // HERMES_HOME of s6-svscan
	homes   []string // every HERMES_HOME that a gateway may have run with
	bin     string   // fake programs: first in the program's PATH
	svscan  *svscan  // nil: none runs
	// noPrograms makes tr.bin the whole PATH of the program, as where no s6 is installed.
	noPrograms bool
	env        []string  // of the program, besides little
	waves      string    // what `start` of the manifest says; empty: nothing
	watchSaid  sync.Once // prints what watch said, should the test fail
}

// svscan is a running s6-svscan.
type svscan struct {
	pid  int
	done chan struct{} // closed when it has ended
}

// newTree makes a tree, and ends and removes it when the test is over.
func newTree(t testing.TB, opts treeOpts) *tree {
	t.Helper()
	base, err := os.MkdirTemp(shortTemp(), "e2e-")
	require.NoError(t, err)
	tr := &tree{
		t: t, opts: opts, base: base,
		scandir: filepath.Join(base, "scan"),
		home:    filepath.Join(base, "home"),
		bin:     filepath.Join(base, "bin"),
	}
	t.Cleanup(tr.end)
	// s6-setuidgid and unprivileged trees must get in.
	require.NoError(t, os.Chmod(base, 0o755))
	for _, dir := range []string{tr.scandir, tr.home, filepath.Join(tr.home, "stub"), tr.bin} {
		require.NoError(t, os.Mkdir(dir, 0o755))
	}
	tr.own(base, tr.scandir, tr.home, filepath.Join(tr.home, "stub"))
	if !opts.noSvscan {
		tr.startSvscan()
	}
	return tr
}

// shortTemp is memory if programs may be run there: a real scandir is a tmpfs too, and many
// containers mount /dev/shm noexec.
var shortTemp = sync.OnceValue(func() string {
	const shm = "/dev/shm"
	var st unix.Statfs_t
	if err := unix.Statfs(shm, &st); err != nil || st.Flags&unix.ST_NOEXEC != 0 || unix.Access(shm, unix.W_OK) != nil {
		return ""
	}
	return shm
})

// own gives paths to the user of the tree.
func (tr *tree) own(paths ...string) {
	tr.t.Helper()
	for _, path := range paths {
		if tr.opts.uid != 0 {
			require.NoError(tr.t, os.Lchown(path, tr.opts.uid, tr.opts.uid))
		}
	}
}

// as makes the command run as the user of the tree.
func (tr *tree) as(cmd *exec.Cmd) *exec.Cmd {
	if uid := uint32(tr.opts.uid); uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	return cmd
}

// startSvscan starts s6-svscan with HERMES_HOME (unset if tr.home is empty) and waits until it
// listens. Its stdout is the container's log.
func (tr *tree) startSvscan() {
	tr.t.Helper()
	require.Nil(tr.t, tr.svscan, "an s6-svscan runs already")
	out, err := os.OpenFile(tr.path("svscan.out"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	require.NoError(tr.t, err)
	defer out.Close()
	errs, err := os.OpenFile(tr.path("svscan.err"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	require.NoError(tr.t, err)
	defer errs.Close()

	argv := append(append([]string{tools["s6-svscan"]}, tr.opts.svscanArgs...), tr.scandir)
	if tr.opts.nofile != 0 {
		argv = append([]string{"/bin/sh", "-c", `ulimit -n "$0" && exec "$@"`, strconv.Itoa(tr.opts.nofile)}, argv...)
	}
	if tr.opts.overlay != "" {
		argv = tr.overlayArgv()
	}
	cmd := tr.as(exec.Command(argv[0], argv[1:]...))
	cmd.Dir, cmd.Stdout, cmd.Stderr = tr.base, out, errs
	cmd.Env = []string{"PATH=" + stubDir + ":" + os.Getenv("PATH")}
	if tr.opts.overlay == "" { // else these are the container's, which s6-svscan does not have
		cmd.Env = append(cmd.Env, tr.opts.env...)
	}
	if tr.home != "" {
		cmd.Env = append(cmd.Env, "HERMES_HOME="+tr.home)
		tr.homes = append(tr.homes, tr.home)
	}
	require.NoError(tr.t, cmd.Start())
	sv := &svscan{pid: cmd.Process.Pid, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // its exit code says only whether .s6-svscan/finish exists
		close(sv.done)
	}()
	tr.svscan = sv
	eventually(tr.t, patience, tr.listens, "s6-svscan listens")
}

// listens: a process reads the scandir's control FIFO.
func (tr *tree) listens() bool {
	fd, err := unix.Open(filepath.Join(tr.scandir, ".s6-svscan", "control"), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	return unix.Close(fd) == nil
}

// stopSvscan ends s6-svscan and all its services, as the end of a container does, and returns an
// error if it does not end in time.
func (tr *tree) stopSvscan() error {
	sv := tr.svscan
	if sv == nil {
		return nil
	}
	out, err := exec.Command(tools["s6-svscanctl"], "-t", tr.scandir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("s6-svscanctl -t: %w: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case <-sv.done:
		tr.svscan = nil
		return nil
	case <-ctx.Done():
		return errors.New("s6-svscan did not end after s6-svscanctl -t")
	}
}

// end stops the tree, and fails the test if something went wrong that no test asks for: two
// gateways of one profile, a port taken twice, a command line that hermes refuses, a process that
// no test ended.
func (tr *tree) end() {
	if tr.t.Failed() {
		tr.t.Logf("processes:\n%s", kit.Clip(describe(tr.processes()), maxLines/2))
	}
	err := tr.stopSvscan()
	var left []proc
	gone := func() bool { left = tr.processes(); return len(left) == 0 }
	if err != nil || !gone() && !tr.opts.allowLeft && !poll(patience, gone) { // a busy machine takes a while to kill
		tr.t.Errorf("the tree did not end: %v; left over:\n%s", err, kit.Clip(describe(left), maxLines))
	}
	tr.killAll()
	for _, home := range tr.homes {
		tr.checkRecord(filepath.Join(home, "stub", "double"), tr.opts.allowDouble)
		tr.checkRecord(filepath.Join(home, "stub", "bindfail"), tr.opts.allowBindFail)
		tr.checkRecord(filepath.Join(home, "stub", "refused"), tr.opts.allowRefused)
	}
	if tr.t.Failed() {
		tr.tellAll()
	}
	if err := os.RemoveAll(tr.base); err != nil {
		tr.t.Errorf("cannot remove the tree: %v", err)
	}
}

// killAll kills what is left of the tree, its s6-svscan first: it would start the others again.
func (tr *tree) killAll() {
	if tr.svscan != nil {
		kill(tr.svscan.pid)
		<-tr.svscan.done
		tr.svscan = nil
	}
	dead := poll(patience, func() bool {
		left := tr.processes()
		for _, p := range left {
			kill(p.pid)
		}
		return len(left) == 0
	})
	if !dead {
		tr.t.Errorf("cannot kill:\n%s", kit.Clip(describe(tr.processes()), maxLines))
	}
}

func (tr *tree) checkRecord(path string, allowed bool) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || allowed {
		return
	}
	tr.t.Errorf("the stub recorded %s: %s (%v)", filepath.Base(path), data, err)
}

// tellAll logs what helps to understand a failure.
func (tr *tree) tellAll() {
	for _, name := range []string{"profiles.yaml", "svscan.out", "svscan.err"} {
		if data, err := os.ReadFile(tr.path(name)); err == nil && len(data) > 0 {
			tr.t.Logf("%s:\n%s", name, kit.Clip(string(data), maxLines/2))
		}
	}
	tr.t.Logf("scandir:\n%s", kit.Clip(strings.Join(tr.listing(), "\n"), maxLines/2))
}

func (tr *tree) path(elem ...string) string {
	return filepath.Join(append([]string{tr.base}, elem...)...)
}

// dir is the service directory of a profile.
func (tr *tree) dir(profile string, elem ...string) string {
	return filepath.Join(append([]string{tr.scandir, "gateway-" + profile}, elem...)...)
}

// eventually fails the test if cond does not hold before the deadline; poll only tells.
func eventually(t testing.TB, deadline time.Duration, cond func() bool, what string) {
	t.Helper()
	kit.Eventually(t, deadline, cond, what)
}

func poll(deadline time.Duration, cond func() bool) bool {
	return kit.Poll(deadline, cond)
}
