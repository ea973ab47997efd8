package api

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// patience is how long a server may take to answer on a busy machine; a few seconds suffice else.
	patience = 3 * time.Minute
	// toStop is how long a server may take to end once it is told to.
	toStop = 30 * time.Second
)

// cluster is an API server with its etcd, and nothing that would run a pod. Both belong to the test.
type cluster struct {
	t    *testing.T
	dir  string // with kubectl, the program and its files
	root string // the source
}

// newCluster starts the servers on free ports of 127.0.0.1, and ends them with the test.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	c := &cluster{t, t.TempDir(), root}
	c.build()
	stored := "http://" + c.free()
	c.serve(etcd(t, c.dir), "--data-dir", c.path("etcd"), "--listen-client-urls", stored, "--advertise-client-urls", stored,
		"--listen-peer-urls", "http://"+c.free())
	token, address := c.credentials(), c.free()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	c.serve(c.path("kube-apiserver"), "--etcd-servers", stored,
		"--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--secure-port", port,
		"--endpoint-reconciler-type", "none", // which would want an address that others reach
		"--cert-dir", c.path("certs"), "--token-auth-file", c.path("tokens"), "--authorization-mode", "RBAC",
		"--service-cluster-ip-range", "10.96.0.0/16", "--service-account-issuer", "https://localhost",
		"--service-account-key-file", c.path("key"), "--service-account-signing-key-file", c.path("key"))
	c.write("config", fmt.Sprintf(kubeconfig, address, token))
	require.Eventually(t, func() bool {
		_, err := c.run("kubectl get --raw /readyz")
		return err == nil
	}, patience, 200*time.Millisecond, "kube-apiserver")
	return c
}

const kubeconfig = `apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: admin}}]
clusters: [{name: here, cluster: {server: "https://%s", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: %s}}]
`

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

func (c *cluster) write(name, text string) {
	c.t.Helper()
	require.NoError(c.t, os.WriteFile(c.path(name), []byte(text), 0o600))
}

// build makes kube-apiserver and kubectl from the module that go.mod names, and our program.
func (c *cluster) build() {
	c.t.Helper()
	const programs = "k8s.io/kubernetes/cmd/"
	version := c.must("go list -m -f '{{.Version}}' k8s.io/kubernetes")
	c.must("go build -o %s/ -ldflags '-X k8s.io/component-base/version.gitVersion=%s' %skube-apiserver %skubectl",
		c.dir, strings.TrimSpace(version), programs, programs)
	c.must("go -C %s build -o %s/ ./cmd/hermes-reconcile", c.root, c.dir)
}

// etcd is that of this machine, or Debian's, unpacked and not installed: an installed one would be
// started with each boot.
func etcd(t *testing.T, dir string) string {
	t.Helper()
	if name, err := exec.LookPath("etcd"); err == nil {
		return name
	}
	cmd := exec.Command("sh", "-c", "apt-get download -qq etcd-server && dpkg -x etcd-server_*.deb .")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return filepath.Join(dir, "usr/bin/etcd")
}

// credentials writes the key that signs tokens of service accounts, and the token of one user, who
// may do everything. It returns the token.
func (c *cluster) credentials() string {
	c.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(c.t, err)
	der, err := x509.MarshalECPrivateKey(key)
	require.NoError(c.t, err)
	c.write("key", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})))
	random := make([]byte, 16)
	_, err = rand.Read(random)
	require.NoError(c.t, err)
	token := hex.EncodeToString(random)
	c.write("tokens", token+",admin,1,system:masters\n")
	return token
}

// free is an address that nothing listens on.
func (c *cluster) free() string {
	c.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(c.t, err)
	defer l.Close()
	return l.Addr().String()
}

// serve runs a server until the test ends. If that fails, it shows the end of what the server said.
func (c *cluster) serve(name string, args ...string) {
	c.t.Helper()
	log, err := os.Create(c.path(filepath.Base(name) + ".log"))
	require.NoError(c.t, err)
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(c.t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	c.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(toStop):
			_ = cmd.Process.Kill()
			<-ended
		}
		if said, err := os.ReadFile(log.Name()); err == nil && c.t.Failed() {
			c.t.Logf("%s:\n%s", filepath.Base(name), said[max(0, len(said)-2000):])
		}
		log.Close()
	})
}

// run runs a command line with bash, kubectl and our program. It returns what that prints on stdout.
func (c *cluster) run(format string, args ...any) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour) // a first build is long
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", fmt.Sprintf(format, args...))
	cmd.Env = append(os.Environ(), "PATH="+c.dir+":"+os.Getenv("PATH"), "KUBECONFIG="+c.path("config"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w\n%s%s", cmd.Args[2], err, stdout.String(), stderr.String())
	}
	if warning := stderr.String(); strings.Contains(warning, "Warning: ") {
		return stdout.String(), fmt.Errorf("%s: %s", cmd.Args[2], warning)
	}
	return stdout.String(), nil
}

func (c *cluster) must(format string, args ...any) string {
	c.t.Helper()
	out, err := c.run(format, args...)
	require.NoError(c.t, err)
	return out
}
