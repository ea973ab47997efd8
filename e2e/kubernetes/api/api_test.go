// Package api gives exports and examples/kubernetes to a real API server by kubectl: it applies
// them, compares, and deletes what an export no longer has. It is a module of its own, since it
// builds kube-apiserver, which takes long: `make test-kubernetes-api`, which is no part of CI.
package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAPI shares one server, which takes a while to start, among all.
func TestAPI(t *testing.T) {
	c := newCluster(t)
	t.Run("ExportOfManyProfiles", c.exportOfMany)
	t.Run("PrunedByLabel", c.prunedByLabel)
	t.Run("CommandsOfThePage", c.commandsOfThePage)
	t.Run("Example", c.example)
}

// manifest has profiles with all that an export says of them.
func manifest(profiles int, tone string) string {
	var b strings.Builder
	b.WriteString("version: 1\ndefaults:\n  env: {TONE: dry}\n  ready: {http: /health}\n  secrets: {API_SERVER_KEY: /run/secrets/key}\nprofiles:\n")
	for n := range profiles {
		fmt.Fprintf(&b, "  p_%d: {port: %d, stop_timeout: %ds, wrapper: [nice], unset: [DEBUG]", n, 9000+n, n+1)
		if n == 0 {
			fmt.Fprintf(&b, ", env: {TONE: %s}", tone)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// exported writes a manifest, and what export makes of it, to a new folder.
func (c *cluster) exported(t *testing.T, namespace, manifest string) string {
	t.Helper()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "profiles.yaml"), filepath.Join(dir, "k8s")
	require.NoError(t, os.WriteFile(file, []byte(manifest), 0o600))
	c.in(t).must("hermes-reconcile export --to kubernetes -f %s --namespace %s --out %s", file, namespace, out)
	return out
}

// in is the cluster for a part of the test.
func (c *cluster) in(t *testing.T) *cluster { return &cluster{t, c.dir, c.root} }

// restricted makes a namespace in which Kubernetes warns of pods that the strictest of its
// standards forbids.
func (c *cluster) restricted(name string) {
	c.t.Helper()
	c.must("kubectl create namespace %s", name)
	c.must("kubectl label namespace %s pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/warn=restricted", name)
}

// generations are those of all StatefulSets: the API server counts a change of what they should be.
func (c *cluster) generations(namespace string) map[string]int {
	c.t.Helper()
	var list struct {
		Items []struct {
			Metadata struct {
				Name       string
				Generation int
			}
		}
	}
	require.NoError(c.t, json.Unmarshal([]byte(c.must("kubectl -n %s get statefulsets -o json", namespace)), &list))
	all := map[string]int{}
	for _, item := range list.Items {
		all[item.Metadata.Name] = item.Metadata.Generation
	}
	return all
}

// differs is what `kubectl diff` shows, which exits 1 where there is something. It does not know of
// the label by which `kubectl apply` finds what belongs to its set.
func (c *cluster) differs(dir string) string {
	c.t.Helper()
	differ := c.path("differ")
	require.NoError(c.t, os.WriteFile(differ, []byte("#!/bin/sh\nexec diff -u -N -I applyset.kubernetes.io/part-of \"$@\"\n"), 0o700))
	out, err := c.run("KUBECTL_EXTERNAL_DIFF=%s kubectl diff --server-side -k %s", differ, dir)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 && !strings.Contains(err.Error(), "error:") {
		require.NotEmpty(c.t, out)
		return out
	}
	require.NoError(c.t, err)
	return out
}

// exportOfMany applies an export of 50 profiles, again, one with an edit, and one with fewer.
func (c *cluster) exportOfMany(t *testing.T) {
	const profiles, fewer, namespace = 50, 40, "many"
	c = c.in(t)
	c.restricted(namespace)
	apply := "KUBECTL_APPLYSET=true kubectl apply --server-side -n " + namespace + " -k %s --prune --applyset=hermes-gateways"
	first := c.exported(t, namespace, manifest(profiles, "dry"))
	require.Equal(t, profiles, strings.Count(c.differs(first), "+kind: StatefulSet"))
	require.Equal(t, 2*profiles, strings.Count(c.must(apply, first), " serverside-applied"))

	// What is the same is left alone, also by another export of the same manifest.
	require.Empty(t, c.differs(c.exported(t, namespace, manifest(profiles, "dry"))))
	c.must(apply, first)
	before := c.generations(namespace)
	require.Len(t, before, profiles)
	for name, generation := range before {
		require.Equal(t, 1, generation, name)
	}

	edited := c.exported(t, namespace, manifest(profiles, "warm"))
	changed := regexp.MustCompile(`(?m)^[-+] +value: .*$`).FindAllString(c.differs(edited), -1)
	require.Len(t, changed, 2, "the value before and after")
	c.must(apply, edited)
	after := c.generations(namespace)
	require.Equal(t, 2, after["gateway-p-0"])
	after["gateway-p-0"] = 1
	require.Equal(t, before, after, "no other one has changed")

	require.Equal(t, 2*(profiles-fewer), strings.Count(c.must(apply, c.exported(t, namespace, manifest(fewer, "warm"))), " pruned"))
	require.Len(t, c.generations(namespace), fewer)
	services := c.must("kubectl -n %s get services -o name", namespace)
	require.Equal(t, fewer, strings.Count(services, "\n"))
}

// prunedByLabel is the way without --server-side.
func (c *cluster) prunedByLabel(t *testing.T) {
	const namespace = "labels"
	c = c.in(t)
	c.restricted(namespace)
	c.must("kubectl -n %s create configmap other", namespace)
	apply := "kubectl apply -n " + namespace + " -k %s --prune -l app.kubernetes.io/name=hermes-gateway" +
		" --prune-allowlist=apps/v1/StatefulSet --prune-allowlist=core/v1/Service"
	c.must(apply, c.exported(t, namespace, manifest(3, "dry")))
	require.Len(t, c.generations(namespace), 3)
	require.Equal(t, 2, strings.Count(c.must(apply, c.exported(t, namespace, manifest(2, "dry"))), " pruned"))
	require.Len(t, c.generations(namespace), 2)
	c.must("kubectl -n %s get configmap other", namespace)
}

// commandsOfThePage types what docs/kubernetes.md says, word for word, in its order.
func (c *cluster) commandsOfThePage(t *testing.T) {
	c = c.in(t)
	dir := t.TempDir()
	c.must("cp -R %s/examples %s", c.root, dir)
	for _, name := range []string{"default_api_key", "coder_api_key"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("not a real one"), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "profiles.yaml"), []byte(manifest(2, "dry")), 0o600))
	page, err := os.ReadFile(filepath.Join(c.root, "docs/kubernetes.md"))
	require.NoError(t, err)
	typed := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		for line := range strings.Lines(block[1]) {
			typed++
			_, err := c.run("cd %s; %s", dir, line)
			var exit *exec.ExitError
			if strings.HasPrefix(line, "kubectl diff ") && errors.As(err, &exit) && exit.ExitCode() == 1 {
				continue // there are differences
			}
			require.NoError(t, err)
		}
	}
	require.Greater(t, typed, 6)
	require.Len(t, c.generations("hermes"), 3, "the example, and two profiles")
}

// example applies examples/kubernetes in a namespace of its own, and an edit of its manifest: the
// pod stays.
func (c *cluster) example(t *testing.T) {
	const namespace = "example"
	c = c.in(t)
	dir := t.TempDir()
	c.must("cp -R %s/examples/kubernetes/. %s", c.root, dir)
	c.must("sed -i 's/^namespace: hermes$/namespace: %s/' %s/kustomization.yaml", namespace, dir)
	c.must("kubectl create namespace %s", namespace)
	c.must("kubectl apply --server-side -k %s", dir)
	require.Empty(t, c.differs(dir))
	before := c.generations(namespace)
	c.must("sed -i 's/^profiles:/# edited\\n&/' %s/profiles.yaml", dir)
	require.Contains(t, c.differs(dir), "# edited")
	c.must("kubectl apply --server-side -k %s", dir)
	require.Contains(t, c.must("kubectl -n %s get configmap gateways -o yaml", namespace), "# edited")
	require.Equal(t, before, c.generations(namespace), "the StatefulSet, and so the pod, has changed")
	c.must("kubectl delete -k %s", dir)
	require.NotContains(t, c.generations(namespace), "gateways")
}
