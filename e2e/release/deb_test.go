//go:build docker

package release

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// project is part of the names of what the tests make in Docker. They remove that and nothing else.
var project = fmt.Sprintf("hermes-reconcile-release-%d-%04x", os.Getpid(), rand.IntN(1<<16))

// debian is an image with Debian's essential packages, apt and s6. It is made once.
var debian = sync.OnceValues(func() (string, error) {
	image := project + ":debian"
	dir, err := os.MkdirTemp("", "e2e-release-system-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	system := filepath.Join(dir, "system.tar")
	if _, err := run(".", nil, "sh", "../docker/base/system.sh", system, "with-apt"); err != nil {
		return "", err
	}
	_, err = run(".", nil, "docker", "import", system, image)
	return image, err
})

func removeImages() {
	list, err := run(".", nil, "docker", "image", "ls", "--quiet", "--filter", "reference="+project)
	if err == nil && list != "" {
		_, err = run(".", nil, "docker", append([]string{"image", "rm", "--force"}, strings.Fields(list)...)...)
	}
	if err != nil && !strings.Contains(err.Error(), "executable file not found") {
		fmt.Fprintf(os.Stderr, "e2e/release: %v\n", err)
	}
}

// box is a container of that image without a network, in which this machine's package lies in
// /root. It ends with the test.
type box struct {
	t    *testing.T
	name string
}

var boxes struct {
	sync.Mutex
	count int
}

func newBox(t *testing.T) box {
	t.Helper()
	image, err := debian()
	require.NoError(t, err)
	boxes.Lock()
	boxes.count++
	b := box{t, fmt.Sprintf("%s-%d", project, boxes.count)}
	boxes.Unlock()
	_, err = run(".", nil, "docker", "create", "--init", "--name", b.name, "--network", "none", "--workdir", "/root", image, "sleep", "infinity")
	require.NoError(t, err)
	t.Cleanup(func() {
		if _, err := run(".", nil, "docker", "rm", "--force", b.name); err != nil {
			t.Errorf("%v", err)
		}
	})
	deb := path(runtime.GOARCH + ".deb")
	_, err = run(".", nil, "docker", "cp", deb, b.name+":/root/"+filepath.Base(deb))
	require.NoError(t, err)
	_, err = run(".", nil, "docker", "start", b.name)
	require.NoError(t, err)
	return b
}

// sh runs a script in the container, and returns what it prints, errors included.
func (b box) sh(script string) (string, error) {
	return run(".", nil, "docker", "exec", b.name, "bash", "-c", "exec 2>&1; "+script)
}

func (b box) must(script string) string {
	b.t.Helper()
	out, err := b.sh(script)
	require.NoError(b.t, err)
	return out
}

// listens waits until an s6-svscan that was started in the background takes commands on a folder.
func (b box) listens(folder string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		_, err := b.sh("s6-svscanctl -a " + folder)
		return err == nil
	}, patience, 100*time.Millisecond, "s6-svscan on %s", folder)
}

// patience is how long a busy machine may take to start a program in a container.
const patience = 2 * time.Minute

// TestDebianPackage is installed, used and removed again, and leaves nothing behind.
func TestDebianPackage(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	const ours = `find / -xdev -path /proc -prune -o -name '*hermes*' ! -path '/root/*' ! -path '/var/lib/dpkg/*' -print`
	require.Empty(t, b.must(ours))

	b.must("apt-get install --yes --no-install-recommends ./*.deb")
	require.Equal(t, "install ok installed "+made.version, b.must("dpkg-query -W -f='${Status} ${Version}' hermes-reconcile"))
	require.Equal(t, "/usr/bin/hermes-reconcile\n", b.must("command -v hermes-reconcile"))
	require.Contains(t, b.must("hermes-reconcile version"), made.commit)
	require.Empty(t, b.must("cd / && md5sum --quiet --check /var/lib/dpkg/info/hermes-reconcile.md5sums"))
	require.Contains(t, b.must("zcat /usr/share/man/man8/hermes-reconcile-apply.8.gz"), `.TH "HERMES-RECONCILE`)
	b.must("bash -n /usr/share/bash-completion/completions/hermes-reconcile")
	b.must("hermes-reconcile validate -f /usr/share/doc/hermes-reconcile/examples/full.yaml")
	require.Contains(t, b.must("cat /usr/share/doc/hermes-reconcile/copyright"), "== github.com/spf13/cobra ")
	require.Empty(t, b.must("find /usr/share/doc/hermes-reconcile /usr/bin/hermes-reconcile -perm /022 ! -type l"))

	// What runs goes on when the package goes, and does again with another one.
	b.must("mkdir scan && (setsid s6-svscan scan >svscan.log 2>&1 &)")
	b.listens("scan")
	b.must(`printf '%s\n' 'version: 1' 'runtime: s6' 'scandir: /root/scan' 'hermes_home: /root/home' \
			'defaults: {user: root, command: [sleep, infinity]}' 'profiles: {coder: {}}' >profiles.yaml &&
		mkdir home && hermes-reconcile apply --wait=up`)
	pid := b.must("s6-svstat -o pid scan/gateway-coder")
	b.must("dpkg --purge hermes-reconcile")
	require.Empty(t, b.must(ours))
	require.Equal(t, pid, b.must("s6-svstat -o pid scan/gateway-coder"))
	b.must("dpkg --install ./*.deb")
	require.Contains(t, b.must("hermes-reconcile apply"), "nothing changed: 1 unchanged")
	require.Equal(t, pid, b.must("s6-svstat -o pid scan/gateway-coder"))
}
