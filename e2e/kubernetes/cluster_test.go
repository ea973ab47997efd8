package kubernetes

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/replicaset"
	"k8s.io/kubernetes/pkg/controller/statefulset"
	_ "k8s.io/kubernetes/pkg/features"
)

const (
	namespace = "hermes"
	// profileLabel is the label of a pod that names its profile's objects.
	profileLabel = "app.kubernetes.io/instance"
	patience     = time.Minute
)

var (
	pods                 = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	statefulSetsResource = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}
)

// cluster has the controllers of Kubernetes, an API in memory, and a kubelet that is the test's: it
// runs gateways, drains those of pods that are being deleted, and then removes their pods.
type cluster struct {
	t      *testing.T
	client *fake.Clientset
	random *rand.Rand

	mu      sync.Mutex // for pods that controllers and kubelets change, and what counts them
	created int        // pods so far
	version int        // of what was written last; controllers take no notice of what has the same

	alive  map[types.UID]*process
	lost   map[string]bool // profiles whose pod's node does not answer
	most   int             // gateways of one profile that ran at a time
	starts int
}

// process is a gateway that runs.
type process struct {
	profile string
	drain   int // steps that it goes on after it was told to stop
}

// TestMain drops what controllers log: conflicts with what they have not seen yet, which they retry.
func TestMain(m *testing.M) {
	klog.SetLogger(logr.Discard())
	m.Run()
}

// newCluster starts the controllers. The API in memory has no resource versions by which they could
// see that they are behind.
func newCluster(t *testing.T, seed uint64) *cluster {
	t.Helper()
	for _, gate := range []string{"StaleControllerConsistencyStatefulSet", "StaleControllerConsistencyReplicaSet"} {
		require.NoError(t, utilfeature.DefaultMutableFeatureGate.Set(gate+"=false"))
	}
	c := &cluster{
		t: t, client: fake.NewSimpleClientset(), random: rand.New(rand.NewPCG(seed, 0)),
		alive: map[types.UID]*process{}, lost: map[string]bool{},
	}
	c.client.PrependReactor("create", "pods", c.creates)
	c.client.PrependReactor("delete", "pods", c.deletes)
	c.client.PrependReactor("update", "statefulsets", c.states)
	var watches atomic.Int32
	c.client.PrependWatchReactor("*", func(a clienttesting.Action) (bool, watch.Interface, error) {
		w, err := c.client.Tracker().Watch(a.GetResource(), a.GetNamespace())
		watches.Add(1)
		return true, w, err
	})
	ctx, cancel := context.WithCancel(t.Context())
	all := informers.NewSharedInformerFactory(c.client, 0)
	apps, core := all.Apps().V1(), all.Core().V1()
	sets := statefulset.NewStatefulSetController(ctx, core.Pods(), apps.StatefulSets(), core.PersistentVolumeClaims(),
		apps.ControllerRevisions(), c.client)
	replicas := replicaset.NewReplicaSetController(ctx, apps.ReplicaSets(), core.Pods(), c.client, 500)
	all.Start(ctx.Done())
	const kinds = 5 // of objects that the controllers watch; nothing tells them of what came before
	require.Eventually(t, func() bool { return watches.Load() == kinds }, patience, time.Millisecond)
	var running sync.WaitGroup
	running.Go(func() { sets.Run(ctx, 2) })
	running.Go(func() { replicas.Run(ctx, 2) })
	t.Cleanup(func() { cancel(); running.Wait(); all.Shutdown() })
	return c
}

// creates gives a pod what kube-apiserver gives it.
func (c *cluster) creates(a clienttesting.Action) (bool, runtime.Object, error) {
	pod := a.(clienttesting.CreateAction).GetObject().(*corev1.Pod)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.created++
	pod.UID, pod.ResourceVersion = types.UID(fmt.Sprintf("pod-%d", c.created)), c.next()
	if pod.Name == "" {
		pod.Name = fmt.Sprintf("%s%d", pod.GenerateName, c.created)
	}
	return false, nil, nil
}

// states writes what a controller says of a StatefulSet, and leaves alone what it should be.
func (c *cluster) states(a clienttesting.Action) (bool, runtime.Object, error) {
	if a.GetSubresource() != "status" {
		return false, nil, nil
	}
	said := a.(clienttesting.UpdateAction).GetObject().(*appsv1.StatefulSet)
	c.mu.Lock()
	defer c.mu.Unlock()
	object, err := c.client.Tracker().Get(statefulSetsResource, namespace, said.Name)
	if err != nil {
		return true, nil, err
	}
	now := object.(*appsv1.StatefulSet).DeepCopy()
	now.Status, now.ResourceVersion = said.Status, c.next()
	return true, now, c.client.Tracker().Update(statefulSetsResource, now, namespace)
}

// next is the version of a write.
func (c *cluster) next() string {
	c.version++
	return strconv.Itoa(c.version)
}

// deletes is how kube-apiserver deletes a pod that has time to stop: it only marks it.
func (c *cluster) deletes(a clienttesting.Action) (bool, runtime.Object, error) {
	d := a.(clienttesting.DeleteActionImpl)
	if grace := d.DeleteOptions.GracePeriodSeconds; grace != nil && *grace == 0 {
		return false, nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	object, err := c.client.Tracker().Get(pods, namespace, d.Name)
	if err != nil {
		return true, nil, err
	}
	pod := object.(*corev1.Pod).DeepCopy()
	if u := d.DeleteOptions.Preconditions; u != nil && u.UID != nil && *u.UID != pod.UID {
		return true, nil, fmt.Errorf("pod %s is another one by now", pod.Name)
	}
	if pod.DeletionTimestamp == nil {
		pod.DeletionTimestamp, pod.ResourceVersion = new(metav1.Now()), c.next()
		pod.DeletionGracePeriodSeconds = pod.Spec.TerminationGracePeriodSeconds
		err = c.client.Tracker().Update(pods, pod, namespace)
	}
	return true, pod, err
}

func (c *cluster) pods() []corev1.Pod {
	c.t.Helper()
	list, err := c.client.CoreV1().Pods(namespace).List(c.t.Context(), metav1.ListOptions{})
	require.NoError(c.t, err)
	return list.Items
}

// step is one look of the kubelets at their pods.
func (c *cluster) step() {
	c.t.Helper()
	for _, pod := range c.pods() {
		profile := pod.Labels[profileLabel]
		p, runs := c.alive[pod.UID]
		switch {
		case c.lost[profile]:
		case pod.DeletionTimestamp != nil && runs && p.drain > 0:
			p.drain--
		case pod.DeletionTimestamp != nil:
			delete(c.alive, pod.UID)
			c.remove(pod)
		case !runs && pod.Status.Phase == "":
			c.start(pod)
		}
	}
}

// start runs the gateway of a pod, and says so.
func (c *cluster) start(pod corev1.Pod) {
	c.t.Helper()
	profile := pod.Labels[profileLabel]
	c.alive[pod.UID] = &process{profile, c.random.IntN(6)}
	c.starts++
	running := 0
	for _, p := range c.alive {
		if p.profile == profile {
			running++
		}
	}
	c.most = max(c.most, running)
	c.say(pod, corev1.PodRunning, true)
}

// say writes the status of a pod.
func (c *cluster) say(pod corev1.Pod, phase corev1.PodPhase, ready bool) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	object, err := c.client.Tracker().Get(pods, namespace, pod.Name)
	require.NoError(c.t, err)
	now := object.(*corev1.Pod).DeepCopy()
	is := corev1.ConditionFalse
	if ready {
		is = corev1.ConditionTrue
	}
	now.Status.Phase, now.ResourceVersion = phase, c.next()
	now.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: is, LastTransitionTime: metav1.Now()}}
	require.NoError(c.t, c.client.Tracker().Update(pods, now, namespace))
}

// remove takes a pod out of the API, as a kubelet does once its processes have ended.
func (c *cluster) remove(pod corev1.Pod) {
	c.t.Helper()
	err := c.client.CoreV1().Pods(namespace).Delete(c.t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
	require.NoError(c.t, err)
}

// until steps until a condition holds.
func (c *cluster) until(what string, holds func() bool) {
	c.t.Helper()
	for end := time.Now().Add(patience); !holds(); c.step() {
		if time.Now().After(end) {
			for _, pod := range c.pods() {
				c.t.Logf("%s: %s, deleted %v", pod.Name, pod.Status.Phase, pod.DeletionTimestamp)
			}
			c.t.Fatalf("waited for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// pod is one of a profile that is not being deleted, or nil.
func (c *cluster) pod(profile string) *corev1.Pod {
	for _, pod := range c.pods() {
		if pod.Labels[profileLabel] == profile && pod.DeletionTimestamp == nil {
			return &pod
		}
	}
	return nil
}

// runs reports whether a profile has a pod whose gateway runs.
func (c *cluster) runs(profile string) bool {
	pod := c.pod(profile)
	return pod != nil && c.alive[pod.UID] != nil
}

// create makes a StatefulSet as an export has it, or a ReplicaSet with the same pods.
func (c *cluster) create(set appsv1.StatefulSet, asReplicaSet bool) {
	c.t.Helper()
	set.Namespace, set.UID, set.Generation = namespace, types.UID(set.Name), 1
	if !asReplicaSet {
		_, err := c.client.AppsV1().StatefulSets(namespace).Create(c.t.Context(), &set, metav1.CreateOptions{})
		require.NoError(c.t, err)
		return
	}
	r := appsv1.ReplicaSet{ObjectMeta: set.ObjectMeta, Spec: appsv1.ReplicaSetSpec{
		Replicas: set.Spec.Replicas, Selector: set.Spec.Selector, Template: set.Spec.Template,
	}}
	_, err := c.client.AppsV1().ReplicaSets(namespace).Create(c.t.Context(), &r, metav1.CreateOptions{})
	require.NoError(c.t, err)
}

// change edits a StatefulSet, as an apply does.
func (c *cluster) change(name string, edit func(*appsv1.StatefulSet)) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	object, err := c.client.Tracker().Get(statefulSetsResource, namespace, name)
	require.NoError(c.t, err)
	set := object.(*appsv1.StatefulSet).DeepCopy()
	edit(set)
	set.Generation++
	set.ResourceVersion = c.next()
	require.NoError(c.t, c.client.Tracker().Update(statefulSetsResource, set, namespace))
}
