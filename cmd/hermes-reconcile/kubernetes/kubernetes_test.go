package kubernetes

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-multierror"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/writing"
)

func export(t *testing.T, text string) Exported {
	t.Helper()
	m, err := parse(text)
	require.NoError(t, err, text)
	got, err := Export(m, anyAccount)
	require.NoError(t, err, text)
	return got
}

// schemaKeys are the keys of a manifest around its profiles, of a profile, and of its groups.
func schemaKeys(t *testing.T) (around, own, grouped []string) {
	t.Helper()
	type object struct{ Properties map[string]json.RawMessage }
	var root object
	var profiles struct{ AdditionalProperties object }
	text, err := manifest.Schema()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &root))
	require.NoError(t, json.Unmarshal(root.Properties["profiles"], &profiles))
	for name := range root.Properties {
		if name != "version" && name != "defaults" && name != "profiles" { // they are in every manifest, or merged
			around = append(around, name)
		}
	}
	for name, value := range profiles.AdditionalProperties.Properties {
		if name == "count" { // TestCountIsAnExportForEach
			continue
		}
		own = append(own, name)
		var group object
		require.NoError(t, json.Unmarshal(value, &group))
		for inner := range group.Properties {
			if !slices.Contains(grouped, inner) { // ready and alive have some of the same names
				grouped = append(grouped, inner)
			}
		}
	}
	return around, own, grouped
}

// TestCountIsAnExportForEach: Kubernetes sees the profiles that an entry makes.
func TestCountIsAnExportForEach(t *testing.T) {
	short := export(t, "version: 1\nprofiles: {'bot-{n}': {count: 2, port: 9201}}\n").Files
	long := export(t, "version: 1\nprofiles: {bot-1: {port: 9201}, bot-2: {port: 9202}}\n").Files
	require.Equal(t, long, short)
}

// TestEveryKeyIsMapped: a key that a manifest gets needs a place in the objects or in the
// annotation, a sample here, and its row in docs/kubernetes.md. No key is dropped in silence: two
// values of it give two exports.
func TestEveryKeyIsMapped(t *testing.T) {
	around, own, grouped := schemaKeys(t)
	require.ElementsMatch(t, aroundKeys, around)
	require.ElementsMatch(t, ownKeys, own)
	page, err := os.ReadFile("../../../docs/kubernetes.md")
	require.NoError(t, err)
	for _, key := range append(around, own...) {
		require.Contains(t, samples, key)
		require.True(t, strings.Contains(string(page), "`"+key+"`"), "docs/kubernetes.md does not tell what becomes of %s", key)
	}
	slices.Sort(grouped)
	grouped = slices.Compact(grouped) // timeout is in two of them
	require.Len(t, inner, len(grouped))
	for _, key := range grouped {
		require.Contains(t, inner, key)
	}
	for _, key := range around {
		requireCounts(t, key, func(value string) string {
			return "version: 1\n" + key + ": " + value + "\nprofiles: {coder: {port: auto}}\n"
		})
	}
	for _, key := range own {
		requireCounts(t, key, func(value string) string {
			if key == "port" {
				return "version: 1\nprofiles: {coder: {port: " + value + "}}\n"
			}
			return "version: 1\nprofiles: {coder: {port: 9201, " + key + ": " + value + "}}\n"
		})
	}
}

// requireCounts fails the test unless manifests that differ in a key give exports that do.
func requireCounts(t *testing.T, key string, text func(value string) string) {
	t.Helper()
	a := author{rand.New(rand.NewPCG(1, 1))}
	first, firstFiles := (*manifest.Manifest)(nil), []File(nil)
	for range 200 {
		m, err := parse(text(samples[key](a)))
		if err != nil {
			continue
		}
		got, err := Export(m, anyAccount)
		switch {
		case err != nil:
		case first == nil:
			first, firstFiles = m, got.Files
		case !m.Same(first):
			require.False(t, reflect.DeepEqual(got.Files, firstFiles), "%s has no effect on an export", key)
			return
		}
	}
	t.Errorf("no two values of %s could be compared", key)
}

// TestEditsCount: on the way back the object counts where it was edited, and the annotation for
// what it has no place for.
func TestEditsCount(t *testing.T) {
	const text = `version: 1
profiles:
  my_coder:
    port: 9201
    state: last
    stop_timeout: 1500ms
    env: {A: "1$"}
    unset: [B]
    secrets: {TOKEN: /run/t}
    ready: {http: /health, interval: 200ms, timeout: 2m}
    log: {keep: 3}
    wrapper: [w]
`
	for _, c := range []struct{ old, new, want string }{
		{"replicas: 1", "replicas: 0", "state: down"},
		{"terminationGracePeriodSeconds: 2", "terminationGracePeriodSeconds: 9", "stop_timeout: 9s"},
		{"terminationGracePeriodSeconds: 2", "terminationGracePeriodSeconds: 2 # same", "stop_timeout: 1500ms"},
		{"      terminationGracePeriodSeconds: 2\n", "", "stop_timeout: 30s"},
		{`value: "1$$"`, `value: "2$$x"`, "A: \"2$x\""},
		{"periodSeconds: 1", "periodSeconds: 5", "ready: {http: /health, interval: 5s, timeout: 120s}"},
		{"path: /health", "path: /other", "ready: {http: /other, interval: 200ms, timeout: 120s}"},
		{"mountPath: /opt/data", "mountPath: /srv", "home: /srv"},
		{"            - -u\n            - B\n", "", "wrapper: [env, w]"},
		{"name: gateway-my-coder\n  labels", "name: gateway-other\n  labels", "other:"},
		{"containerPort: 9201", "containerPort: 9301", "port: 9301"},
	} {
		files := export(t, text).Files
		edited := strings.Replace(string(files[0].Data), c.old, c.new, 1)
		require.NotEqual(t, string(files[0].Data), edited, c.old)
		files[0].Data = []byte(edited)
		got, err := Import(files)
		require.NoError(t, err, c.new)
		written, err := writing.Write(writing.Draft{Manifest: got.Manifest})
		require.NoError(t, err, c.new)
		require.Contains(t, string(written), c.want, c.new)
		require.Contains(t, string(written), "keep: 3", c.new)
	}
}

// TestDrainBecomesAHook: the time until SIGKILL is that of the drain and of the stop behind it.
func TestDrainBecomesAHook(t *testing.T) {
	text := "version: 1\nprofiles: {coder: {stop_timeout: 10s, drain: {signal: SIGHUP, timeout: 90500ms}}}\n"
	object := string(export(t, text).Files[0].Data)
	require.Contains(t, object, "terminationGracePeriodSeconds: 101\n")
	require.Contains(t, object, "preStop:")
	require.Contains(t, object, "- HUP\n                  - \"91\"\n")
	for _, c := range []struct{ old, new, want string }{
		{"replicas: 1", "replicas: 0", "timeout: 90500ms"},
		{"terminationGracePeriodSeconds: 101", "terminationGracePeriodSeconds: 100", "stop_timeout: 9s"},
		{"terminationGracePeriodSeconds: 101", "terminationGracePeriodSeconds: 5", "stop_timeout: 1s"},
		{"- HUP", "- USR1", "drain: {timeout: 91s}"},
		{"- \"91\"", "- \"1800\"", "drain: {signal: SIGHUP}"},
		{"- HUP", "- KILL", "stop_timeout: 101s"},
		{"- /bin/sh", "- /bin/bash", "stop_timeout: 101s"},
	} {
		edited := strings.Replace(object, c.old, c.new, 1)
		require.NotEqual(t, object, edited, c.old)
		got, err := Import([]File{{"gateway-coder.yaml", []byte(edited)}})
		require.NoError(t, err, c.new)
		written, err := writing.Write(writing.Draft{Manifest: got.Manifest})
		require.NoError(t, err, c.new)
		require.Contains(t, string(written), c.want, c.new)
		carried := strings.Contains(string(written), "drain:")
		require.Equal(t, carried, !strings.Contains(strings.Join(got.Notes["coder"], " "), "lifecycle"), "%s: %v", c.new, got.Notes)
	}
}

// TestWhatIsAddedIsSaid: what a user has put into an object and no manifest can say is named.
func TestWhatIsAddedIsSaid(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"  template:\n", "  minReadySeconds: 5\n  template:\n", "not carried over: spec.minReadySeconds"},
		{"          ports:\n", "          resources: {limits: {cpu: 1}}\n          ports:\n",
			"not carried over: spec.template.spec.containers[0].resources"},
		{"replicas: 1", "replicas: 3", "it has 3 replicas: a profile has one gateway"},
		{"- name: A\n              value: x", "- name: A\n              value: $(B)", "variable A has variables that Kubernetes fills in"},
		{"- name: A\n              value: x", "- name: A\n              valueFrom: {fieldRef: {fieldPath: metadata.name}}",
			"variable A is left out: Kubernetes fills it in"},
		{"value: /opt/data", "value: /elsewhere", "variable HERMES_HOME is left out: it is set by the run script itself"},
		{"hermes-reconcile/manifest:", "other:", "has no annotation hermes-reconcile/manifest"},
		{"key: TOKEN", "key: OTHER", "not carried over: spec.template.spec.containers[0].env[5].valueFrom.secretKeyRef.key"},
		{"hermes-reconcile/manifest:", "other:", "variable TOKEN is that of a Secret: put it into /run/secrets/gateway-coder/TOKEN"},
	} {
		files := export(t, "version: 1\nprofiles: {coder: {port: 1, env: {A: x}, secrets: {TOKEN: /t}}}\n").Files
		edited := strings.Replace(string(files[0].Data), c.old, c.new, 1)
		require.NotEqual(t, string(files[0].Data), edited, c.old)
		files[0].Data = []byte(edited)
		got, err := Import(files)
		require.NoError(t, err, c.new)
		require.Contains(t, strings.Join(got.Notes["coder"], "\n"), c.want)
	}
}

// TestForeignObjectsAreLeftOut: a folder may hold other objects, and files that kustomize does not
// name.
func TestForeignObjectsAreLeftOut(t *testing.T) {
	files := export(t, "version: 1\nprofiles: {coder: {port: 1}}\n").Files
	other := []byte("kind: ConfigMap\nspec: [1]\nmetadata: {name: x}\n---\nkind: StatefulSet\nmetadata: {name: db}\n")
	files[0].Data = append(append(files[0].Data, "---\n"...), other...)
	files = append(files, File{"unnamed.yaml", []byte("kind: [")})
	got, err := Import(files)
	require.NoError(t, err)
	require.Len(t, got.Manifest.Profiles, 1)
	require.Equal(t, []string{
		`gateway-coder.yaml: "ConfigMap" "" is left out: it is not a gateway`,
		`gateway-coder.yaml: "StatefulSet" "db" is left out: it is not a gateway`,
	}, got.LeftOut)
}

// TestImportRefuses: what cannot be understood is an error that names the file.
func TestImportRefuses(t *testing.T) {
	object := string(export(t, "version: 1\nprofiles: {coder: {}}\n").Files[0].Data)
	edited := func(old, new string) string { return strings.ReplaceAll(object, old, new) }
	for _, c := range []struct{ name, text, want string }{
		{"no YAML", "a: [", "did not find expected"},
		{"no container", "kind: StatefulSet\nmetadata: {name: gateway-x}\n", "has 0 containers"},
		{"no command", strings.Replace(object, "command:", "unknown:", 1), "has no command"},
		{"a name of no profile", edited("name: gateway-coder\n", "name: gateway-.x\n"), "names no profile"},
		{"twice", object + "---\n" + object, `is in "gateway-coder.yaml", too`},
		{"a key that is wrong", strings.Replace(object, "{coder: {}}", "{coder: {prot: 1}}", 1), "prot"},
		{"two profiles", strings.Replace(object, "{coder: {}}", "{coder: {}, b: {}}", 1), "has 2 profiles"},
		{"no number", strings.Replace(object, "replicas: 1", "replicas: many", 1), "cannot unmarshal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Import([]File{{"gateway-coder.yaml", []byte(c.text)}})
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "gateway-coder.yaml")
		})
	}
}

func FuzzImport(f *testing.F) {
	m, err := parse("version: 1\nhermes_home: /x\nprofiles: {coder: {port: 1, unset: [A], ready: {http: /}}}\n")
	require.NoError(f, err)
	got, err := Export(m, anyAccount)
	require.NoError(f, err)
	f.Add(got.Files[0].Data, got.Files[1].Data)
	f.Add([]byte("kind: StatefulSet\nmetadata: {name: gateway-x}\nspec: {template: {spec: {containers: [{command: [a], args: []}]}}}"), []byte("{}"))
	f.Fuzz(func(t *testing.T, object, around []byte) {
		_, _ = Import([]File{{"gateway-coder.yaml", object}, {Kustomization, around}})
	})
}

// TestSizesHaveLimits: what Kubernetes would not store is refused before.
func TestSizesHaveLimits(t *testing.T) {
	var env strings.Builder
	for i := range 10 {
		fmt.Fprintf(&env, "A%d: %s, ", i, strings.Repeat("a", 120_000))
	}
	m, err := parse(fmt.Sprintf("version: 1\nprofiles: {coder: {env: {%s}}}\n", strings.TrimSuffix(env.String(), ", ")))
	require.NoError(t, err)
	_, err = Export(m, anyAccount)
	require.ErrorContains(t, err, "profiles.yaml:2:12: profiles.coder: its objects have 1")
	var paths strings.Builder
	for i := range 300 {
		fmt.Fprintf(&paths, "A%d: /%s, ", i, strings.Repeat("a", 1000))
	}
	m, err = parse(fmt.Sprintf("version: 1\nprofiles: {coder: {secrets: {%s}}}\n", strings.TrimSuffix(paths.String(), ", ")))
	require.NoError(t, err)
	_, err = Export(m, anyAccount)
	require.ErrorContains(t, err, "it becomes an annotation")
}

func TestAccounts(t *testing.T) {
	for _, bad := range []string{"", "0", "root=0", "x", "-1", "01", "1:", ":1", "=1", "2147483648", "1:0", "a=b=1"} {
		_, err := ParseAccounts([]string{bad})
		require.ErrorContains(t, err, "is not an account", "%q", bad)
	}
	all, err := ParseAccounts([]string{"bot=7:8", "9"})
	require.NoError(t, err)
	for name, want := range map[string]Account{"bot": {7, 8}, "hermes": {9, 9}, "any": {9, 9}} {
		got, ok := all.of(name)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	usual, err := ParseAccounts(nil)
	require.NoError(t, err)
	_, ok := usual.of("bot")
	require.False(t, ok)
}

// TestAccountWithoutANumberIsOneError: one flag is right for all profiles that have the account.
func TestAccountWithoutANumberIsOneError(t *testing.T) {
	m, err := manifest.Parse([]manifest.Source{{Name: "m.yaml", Data: []byte("version: 1\nprofiles: {a: {user: bot}, b: {user: bot}, c: {user: root}, d: {user: bot}}\n")}})
	require.NoError(t, err)
	options := Options{}
	_, err = Export(m, options)
	var all *multierror.Error
	require.ErrorAs(t, err, &all)
	require.Len(t, all.Errors, 2, "%v", err)
	require.ErrorContains(t, all.Errors[0], "profiles.a.user")
	require.ErrorContains(t, all.Errors[1], "profiles.c.user")
}

func TestOptionsAreChecked(t *testing.T) {
	good := Options{Namespace: "a-b", Image: "r.example:5000/a/b:1@sha256:0", Storage: "1.5Gi"}
	require.ErrorContains(t, good.Check(), "--storage")
	good.Storage = "500Mi"
	require.NoError(t, good.Check())
	for _, c := range []struct {
		name    string
		options Options
		want    string
	}{
		{"upper case", Options{Namespace: "A", Image: good.Image, Storage: good.Storage}, "--namespace"},
		{"a blank", Options{Namespace: good.Namespace, Image: "a b", Storage: good.Storage}, "--image"},
		{"no size", Options{Namespace: good.Namespace, Image: good.Image, Storage: "0"}, "--storage"},
	} {
		t.Run(c.name, func(t *testing.T) { require.ErrorContains(t, c.options.Check(), c.want) })
	}
}
