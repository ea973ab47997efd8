// Package kubernetes checks examples/kubernetes with the code of Kubernetes itself: kustomize builds
// it, and the types of the API decode it strictly. It is a module of its own, so that no build of
// the program knows of these.
package kubernetes

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const example = "../../examples/kubernetes"

// objects are what `kubectl apply -k` would send, by kind.
type objects struct {
	StatefulSet appsv1.StatefulSet
	Service     corev1.Service
	ConfigMap   corev1.ConfigMap
}

func build(t *testing.T) objects {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), example)
	require.NoError(t, err)
	var all objects
	into := map[string]any{"StatefulSet": &all.StatefulSet, "Service": &all.Service, "ConfigMap": &all.ConfigMap}
	require.Len(t, built.Resources(), len(into))
	for _, r := range built.Resources() {
		text, err := r.AsYAML()
		require.NoError(t, err)
		require.Contains(t, into, r.GetKind())
		require.NoError(t, yaml.UnmarshalStrict(text, into[r.GetKind()]), "%s", text)
		require.Equal(t, "hermes", r.GetNamespace())
	}
	return all
}

// container is that of the gateways.
func container(t *testing.T, set appsv1.StatefulSet) corev1.Container {
	t.Helper()
	require.Len(t, set.Spec.Template.Spec.Containers, 1)
	return set.Spec.Template.Spec.Containers[0]
}

// TestExampleIsOfTheAPI: each field is one that the API has, and names lead to what is there.
func TestExampleIsOfTheAPI(t *testing.T) {
	all := build(t)
	set, pod := all.StatefulSet, all.StatefulSet.Spec.Template.Spec
	require.EqualValues(t, 1, *set.Spec.Replicas)
	require.Equal(t, all.Service.Name, set.Spec.ServiceName)
	require.Equal(t, corev1.ClusterIPNone, all.Service.Spec.ClusterIP)
	require.Equal(t, all.Service.Spec.Selector, set.Spec.Template.Labels)
	require.Equal(t, set.Spec.Selector.MatchLabels, set.Spec.Template.Labels)

	volumes := map[string]corev1.Volume{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = v
	}
	for _, claim := range set.Spec.VolumeClaimTemplates {
		volumes[claim.Name] = corev1.Volume{}
	}
	mounts := map[string]corev1.VolumeMount{}
	for _, c := range append(pod.InitContainers, pod.Containers...) {
		require.Equal(t, "registry.example/gateways:1", c.Image)
		for _, m := range c.VolumeMounts {
			require.Contains(t, volumes, m.Name)
			require.Empty(t, m.SubPath, "a file of a subPath never changes")
			mounts[m.Name] = m
		}
	}
	// No hash: the volume follows an edit of the ConfigMap, and the pod stays.
	require.Equal(t, "gateways", all.ConfigMap.Name)
	require.Equal(t, all.ConfigMap.Name, volumes["manifest"].ConfigMap.Name)
	require.Equal(t, "/etc/hermes-reconcile", mounts["manifest"].MountPath)
	require.EqualValues(t, 0o400, *volumes["secrets"].Secret.DefaultMode)
	require.Equal(t, corev1.StorageMediumMemory, volumes["run"].EmptyDir.Medium)
}

// TestExampleLeavesTimeToStop: each limit holds the one within it.
func TestExampleLeavesTimeToStop(t *testing.T) {
	set := build(t).StatefulSet
	ms := map[string]time.Duration{}
	for _, v := range container(t, set).Env {
		if n, err := strconv.Atoi(v.Value); err == nil {
			ms[v.Name] = time.Duration(n) * time.Millisecond
		}
	}
	const down = 80 * time.Second // of examples/container/rootfs/etc/cont-finish.d
	script, err := os.ReadFile("../../examples/container/rootfs/etc/cont-finish.d/00-hermes-reconcile")
	require.NoError(t, err)
	require.Contains(t, string(script), "down --timeout 80s")
	require.Greater(t, ms["S6_KILL_FINISH_MAXTIME"], down)
	grace := time.Duration(*set.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
	require.Greater(t, grace, ms["S6_KILL_FINISH_MAXTIME"]+ms["S6_KILL_GRACETIME"])
}

// TestExampleHasFewRights: those with which the tests in containers run, and no others.
func TestExampleHasFewRights(t *testing.T) {
	set := build(t).StatefulSet
	for _, c := range append(set.Spec.Template.Spec.InitContainers, container(t, set)) {
		require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
		require.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
		require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
		require.Equal(t, []corev1.Capability{"CHOWN", "SETUID", "SETGID", "KILL"}, c.SecurityContext.Capabilities.Add)
	}
}

// TestExampleManifest: it is one, its ports are those of the container and of the Service, and its
// secrets lie where the Secret is mounted.
func TestExampleManifest(t *testing.T) {
	all := build(t)
	text := all.ConfigMap.Data["profiles.yaml"]
	file := filepath.Join(t.TempDir(), "profiles.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	cmd := exec.Command("go", "run", "./cmd/hermes-reconcile", "validate", "-f", file)
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)

	var manifest struct {
		Defaults struct{ Secrets map[string]string }
		Profiles map[string]struct{ Port int32 }
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &manifest))
	c := container(t, all.StatefulSet)
	require.Len(t, c.Ports, len(manifest.Profiles))
	require.Len(t, all.Service.Spec.Ports, len(manifest.Profiles))
	for i, port := range c.Ports {
		require.Equal(t, manifest.Profiles[port.Name].Port, port.ContainerPort)
		require.Equal(t, port.Name, all.Service.Spec.Ports[i].Name)
		require.Equal(t, port.ContainerPort, all.Service.Spec.Ports[i].Port)
	}
	for _, path := range manifest.Defaults.Secrets {
		require.Equal(t, "/run/secrets/gateways", filepath.Dir(path))
	}
}
