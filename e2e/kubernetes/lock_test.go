package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// profiles are the objects of those that the tests in a cluster run.
var profiles = []string{"gateway-coder", "gateway-default", "gateway-writer"}

// statefulSets are those of an export, with the defaults of kube-apiserver.
func statefulSets(t *testing.T) []appsv1.StatefulSet {
	t.Helper()
	dir := export(t, "version: 1\nprofiles:\n  default: {port: 8642, ready: {http: /health}}\n  coder: {}\n  writer: {state: last}\n")
	var all []appsv1.StatefulSet
	for _, name := range profiles {
		text, err := os.ReadFile(filepath.Join(dir, name+".yaml"))
		require.NoError(t, err)
		object, err := admit(split(text)[0])
		require.NoError(t, err)
		all = append(all, *object.(*appsv1.StatefulSet))
	}
	return all
}

// TestNeverTwoPodsOfAProfile: after any change of pods, nodes and objects, at most one gateway of a
// profile runs, and each comes back.
func TestNeverTwoPodsOfAProfile(t *testing.T) {
	const events = 200
	c := newCluster(t, 18)
	for _, set := range statefulSets(t) {
		c.create(set, false)
	}
	for n := range events {
		c.happen(n, profiles[c.random.IntN(len(profiles))])
		for range c.random.IntN(8) { // less than it takes, so that events meet what goes on
			c.step()
		}
		if c.random.IntN(3) == 0 {
			c.settle()
		}
		require.LessOrEqual(t, c.most, 1, "two gateways of a profile after event %d", n)
	}
	c.settle()
	require.Equal(t, 1, c.most)
	t.Logf("%d events, %d starts", events, c.starts)
	require.Greater(t, c.starts, events/3, "hardly any event had an effect")
}

// happen lets one thing happen to a profile.
func (c *cluster) happen(n int, profile string) {
	c.t.Helper()
	switch c.random.IntN(5) {
	case 0, 1: // a deletion, or a drain, whose evictions end as deletions
		if pod := c.pod(profile); pod != nil {
			err := c.client.CoreV1().Pods(namespace).Delete(c.t.Context(), pod.Name, metav1.DeleteOptions{})
			require.NoError(c.t, err)
		}
	case 2:
		c.change(profile, func(set *appsv1.StatefulSet) {
			container := &set.Spec.Template.Spec.Containers[0]
			container.Env = append(container.Env, corev1.EnvVar{Name: fmt.Sprintf("N%d", n), Value: "1"})
		})
	case 3:
		c.loseNode(profile)
	case 4: // down, and up again
		c.change(profile, func(set *appsv1.StatefulSet) { *set.Spec.Replicas = 0 })
		c.step()
		c.change(profile, func(set *appsv1.StatefulSet) { *set.Spec.Replicas = 1 })
	}
}

// loseNode takes the node of a profile's pod away: its gateway may still run or not, and
// after a while the pod is marked as deleted.
func (c *cluster) loseNode(profile string) {
	c.t.Helper()
	pod := c.pod(profile)
	if pod == nil || c.lost[profile] {
		return
	}
	c.lost[profile] = true
	err := c.client.CoreV1().Pods(namespace).Delete(c.t.Context(), pod.Name, metav1.DeleteOptions{})
	require.NoError(c.t, err)
}

// findNodes ends the loss of nodes: they come back, or are off and a person says so, after which
// Kubernetes removes their pods.
func (c *cluster) findNodes() {
	c.t.Helper()
	for _, pod := range c.pods() {
		profile := pod.Labels[profileLabel]
		if c.lost[profile] && pod.DeletionTimestamp != nil && c.random.IntN(2) == 0 {
			delete(c.alive, pod.UID)
			c.remove(pod)
		}
	}
	clear(c.lost)
}

// settle waits until each profile has its gateway.
func (c *cluster) settle() {
	c.t.Helper()
	c.findNodes()
	for _, profile := range profiles {
		c.until(profile+" to run", func() bool { return c.runs(profile) })
	}
}

// TestReplicaSetRunsTwo shows why an export has no Deployment, and that the test above would find
// it: one deletion, and two gateways of a profile run.
func TestReplicaSetRunsTwo(t *testing.T) {
	c := newCluster(t, 18)
	set := statefulSets(t)[0]
	c.create(set, true)
	c.until("its gateway", func() bool { return c.runs(set.Name) })
	for _, p := range c.alive {
		p.drain = 1 << 30
	}
	err := c.client.CoreV1().Pods(namespace).Delete(t.Context(), c.pod(set.Name).Name, metav1.DeleteOptions{})
	require.NoError(t, err)
	c.until("a second gateway beside the first", func() bool { return c.most == 2 })
}

// TestEndedPodIsMadeAnew: a StatefulSet lets no pod stay down, so rules by which the kubelet would
// not restart a container after exit code 78 lead to a new pod, without a pause.
func TestEndedPodIsMadeAnew(t *testing.T) {
	c := newCluster(t, 18)
	set := statefulSets(t)[0]
	c.create(set, false)
	c.until("its gateway", func() bool { return c.runs(set.Name) })
	first := c.pod(set.Name)
	clear(c.alive) // it has exited 78, and its kubelet does not restart it
	c.say(*first, corev1.PodFailed, false)
	c.until("another pod", func() bool {
		pod := c.pod(set.Name)
		return pod != nil && pod.UID != first.UID && c.runs(set.Name)
	})
}

// TestBrokenPodIsReplaced: a gateway that never gets ready does not hold up the edit that mends it.
func TestBrokenPodIsReplaced(t *testing.T) {
	c := newCluster(t, 18)
	set := statefulSets(t)[0]
	c.create(set, false)
	c.until("its gateway", func() bool { return c.runs(set.Name) })
	first := c.pod(set.Name)
	c.say(*first, corev1.PodRunning, false)
	c.change(set.Name, func(set *appsv1.StatefulSet) { set.Spec.Template.Spec.Containers[0].Image = "mended" })
	c.until("the mended pod", func() bool {
		pod := c.pod(set.Name)
		return pod != nil && pod.UID != first.UID && pod.Spec.Containers[0].Image == "mended" && c.runs(set.Name)
	})
	require.Equal(t, 1, c.most)
}
