package kubernetes

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	probehttp "k8s.io/kubernetes/pkg/probe/http"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// exported is a line of what TestRandomManifests of the program's module records.
type exported struct {
	Manifest string
	Files    []struct {
		Name string
		Data []byte
	}
	Gateways map[string]gateway // by the name of the objects
}

// gateway is what a manifest says that a gateway starts with.
type gateway struct {
	Command []string
	Env     map[string]string
	URL     string // that is asked whether it serves
	Alive   string // that is asked whether it still does, and ends it if not
}

var strict = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDeserializer()

// admit decodes, defaults and validates an object as kube-apiserver does. What it returns has
// defaults.
func admit(text []byte) (runtime.Object, error) {
	object, kind, err := strict.Decode(text, nil, nil)
	if err != nil {
		return nil, err
	}
	legacyscheme.Scheme.Default(object)
	internal, err := legacyscheme.Scheme.ConvertToVersion(object,
		schema.GroupVersion{Group: kind.Group, Version: runtime.APIVersionInternal})
	if err != nil {
		return nil, err
	}
	return object, validate(internal).ToAggregate()
}

func validate(object runtime.Object) field.ErrorList {
	switch o := object.(type) {
	case *apps.StatefulSet:
		o.Namespace = "hermes"
		return appsvalidation.ValidateStatefulSet(o, appsvalidation.StatefulSetValidationOptions{},
			pod.GetValidationOptionsFromPodTemplate(&o.Spec.Template, nil))
	case *core.Service:
		o.Namespace = "hermes"
		// What the registry of kube-apiserver fills in before it validates.
		o.Spec.ClusterIPs, o.Spec.IPFamilies = []string{o.Spec.ClusterIP}, []core.IPFamily{core.IPv4Protocol}
		single := core.IPFamilyPolicySingleStack
		o.Spec.IPFamilyPolicy = &single
		return corevalidation.ValidateServiceCreate(o)
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(o)
	}
	return field.ErrorList{field.InternalError(nil, errors.New("an object of a kind that no test knows"))}
}

// restricted is why a pod would be refused by the strictest Pod Security Standard, or empty.
func restricted(t *testing.T, template corev1.PodTemplateSpec) string {
	t.Helper()
	e, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	got := policy.AggregateCheckResults(e.EvaluatePod(level, &template.ObjectMeta, &template.Spec))
	return got.ForbiddenDetail()
}

// split takes the documents of a file apart.
func split(text []byte) [][]byte { return bytes.Split(text, []byte("\n---\n")) }

// TestExportsAreValid: Kubernetes takes each export of a random manifest, and each gateway starts
// there with the command, the variables and the probe that its manifest says.
func TestExportsAreValid(t *testing.T) {
	record := filepath.Join(t.TempDir(), "exports")
	cmd := exec.Command("go", "test", "-count=1", "-timeout", "20m", "-run", "TestRandomManifests", "./cmd/hermes-reconcile/kubernetes")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "HERMES_RECONCILE_EXPORTS="+record)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	f, err := os.Open(record)
	require.NoError(t, err)
	defer f.Close()
	lines, objects := 0, 0
	for d := json.NewDecoder(f); ; lines++ {
		var e exported
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		for _, file := range e.Files[:len(e.Files)-1] {
			for _, text := range split(file.Data) {
				object, err := admit(text)
				require.NoError(t, err, "%s\n%s", e.Manifest, text)
				objects++
				if set, ok := object.(*appsv1.StatefulSet); ok {
					require.Empty(t, restricted(t, set.Spec.Template), "%s", e.Manifest)
					requireStarts(t, set, e.Gateways[set.Name], e.Manifest)
				}
			}
		}
		if lines < 30 {
			requireKustomizes(t, e)
		}
	}
	t.Logf("%d exports, %d objects", lines, objects)
	require.Equal(t, 1000, lines)
	require.Greater(t, objects, 2*lines)
}

// requireStarts compares what the kubelet makes of a container with what the manifest says.
func requireStarts(t *testing.T, set *appsv1.StatefulSet, want gateway, manifest string) {
	t.Helper()
	c := set.Spec.Template.Spec.Containers[0]
	expand := func(text string) string {
		return expansion.Expand(text, func(name string) string { return "a variable was put in: " + name })
	}
	var argv []string
	for _, word := range slices.Concat(c.Command, c.Args) {
		argv = append(argv, expand(word))
	}
	require.Equal(t, want.Command, argv, manifest)
	env := map[string]string{}
	for _, v := range c.Env {
		if v.ValueFrom == nil {
			env[v.Name] = expand(v.Value)
		}
	}
	for name, value := range want.Env {
		require.Equal(t, value, env[name], "%s\n%s", name, manifest)
	}
	asks := func(url string, probe *corev1.Probe) {
		t.Helper()
		if url == "" {
			require.Nil(t, probe, manifest)
			return
		}
		require.NotNil(t, probe, manifest)
		request, err := probehttp.NewRequestForHTTPGetAction(probe.HTTPGet, &c, "127.0.0.1", "probe")
		require.NoError(t, err, manifest)
		require.Equal(t, url, request.URL.String(), manifest)
	}
	asks(cmp.Or(want.URL, want.Alive), c.StartupProbe)
	asks(want.URL, c.ReadinessProbe)
	asks(want.Alive, c.LivenessProbe)
}

// requireKustomizes fails the test unless kustomize builds an export as it stands.
func requireKustomizes(t *testing.T, e exported) {
	t.Helper()
	disk := filesys.MakeFsInMemory()
	documents := 0
	for _, f := range e.Files {
		require.NoError(t, disk.WriteFile("/k8s/"+f.Name, f.Data))
		if f.Name != "kustomization.yaml" {
			documents += len(split(f.Data))
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, "/k8s")
	require.NoError(t, err, e.Manifest)
	require.Len(t, built.Resources(), documents)
	for _, r := range built.Resources() {
		text, err := r.AsYAML()
		require.NoError(t, err)
		_, err = admit(text)
		require.NoError(t, err, "%s", text)
	}
}

// TestWhatIsWrongIsRefused shows that the checks above find something.
func TestWhatIsWrongIsRefused(t *testing.T) {
	file, err := os.ReadFile(filepath.Join(export(t, "version: 1\nprofiles: {coder: {port: 1}}\n"), "gateway-coder.yaml"))
	require.NoError(t, err)
	good := string(split(file)[0])
	object, err := admit([]byte(good))
	require.NoError(t, err)
	for old, bad := range map[string]string{
		"replicas: 1":           "replica: 1",
		"kind: StatefulSet":     "kind: Statefulset",
		"name: gateway-coder":   "name: gateway_coder",
		"mountPath: /opt/data":  `mountPath: ""`,
		"- ReadWriteOncePod":    "- ReadWriteOnce\n          - ReadWriteOncePod",
		"containerPort: 1":      "containerPort: 70000",
		"replicas: 1\n":         "replicas: 1\n  replicas: 2\n",
		"enableServiceLinks: f": "restartPolicy: Never\n      enableServiceLinks: f",
	} {
		require.Contains(t, good, old)
		_, err := admit([]byte(strings.Replace(good, old, bad, 1)))
		require.Error(t, err, bad)
	}
	template := object.(*appsv1.StatefulSet).Spec.Template
	template.Spec.SecurityContext.RunAsNonRoot = nil
	require.Contains(t, restricted(t, template), "runAsNonRoot")
}

// TestExampleIsValid: what kube-apiserver would say of examples/kubernetes.
func TestExampleIsValid(t *testing.T) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), example)
	require.NoError(t, err)
	for _, r := range built.Resources() {
		text, err := r.AsYAML()
		require.NoError(t, err)
		_, err = admit(text)
		require.NoError(t, err, "%s", text)
	}
}

// export runs the program and returns the folder that it wrote.
func export(t *testing.T, manifest string) string {
	t.Helper()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "profiles.yaml"), filepath.Join(dir, "k8s")
	require.NoError(t, os.WriteFile(file, []byte(manifest), 0o644))
	cmd := exec.Command("go", "run", "./cmd/hermes-reconcile", "export", "--to", "kubernetes", "-f", file, "--namespace", "hermes", "--out", out)
	cmd.Dir = "../.."
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", text)
	return out
}
