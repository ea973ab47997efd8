package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/yamlfile"
)

const schemaFile = "../examples/profiles.schema.json"

// TestSchemaOfTheExamples: the file that the examples name, and editors read, is what the program
// prints.
func TestSchemaOfTheExamples(t *testing.T) {
	got, err := Schema()
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(schemaFile, got, 0o644))
	}
	want, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("hermes-reconcile schema (-want +got):\n%s", diff)
	}
}

// TestSchemaSaysSomethingOfEveryKey: what an editor shows while one writes.
func TestSchemaSaysSomethingOfEveryKey(t *testing.T) {
	rows := 0
	var visit func(name string, s values.Shape)
	visit = func(name string, s values.Shape) {
		rows++
		require.NotEmpty(t, s.Title, "%s has no title", name)
		require.NotEmpty(t, s.Description, "%s has no description", name)
		constrained := s.Type != nil || s.Enum != nil || s.AnyOf != nil || s.Ref != ""
		require.True(t, constrained, "%s: the schema takes any value", name)
		require.True(t, name == "version" || s.Default != nil || s.Examples != nil || s.Each != nil, "%s has no default and no example", name)
		for _, p := range s.Properties {
			visit(name+"."+p.Name, p.Shape)
		}
	}
	for _, p := range table.ObjectOf(documentKeys()).Properties {
		visit(p.Name, p.Shape)
	}
	profile := table.ObjectOf(profileKeys())
	require.Len(t, profile.Properties, len(profileKeys()))
	for _, p := range profile.Properties {
		visit("profiles.NAME."+p.Name, p.Shape)
	}
	require.Greater(t, rows, 30)
}

// TestSchemaDefaultsAndExamples: what the schema offers is right by the schema, and by Parse.
func TestSchemaDefaultsAndExamples(t *testing.T) {
	compiled := compileSchema(t)
	check := func(format, name string, value any) {
		t.Helper()
		text, err := json.Marshal(value)
		require.NoError(t, err)
		if name == "count" { // is for several
			format = strings.Replace(format, "{x:", "{'x-{n}':", 1)
		}
		doc := fmt.Sprintf(format, name, text)
		require.NoError(t, compiled.validate([]byte(doc)), "%s", doc)
		_, err = Parse([]Source{source(doc)})
		require.NoError(t, err, "%s", doc)
	}
	each := func(format string, list values.Properties) {
		for _, p := range list {
			for _, value := range append(p.Shape.Examples[:len(p.Shape.Examples):len(p.Shape.Examples)], p.Shape.Default) {
				if value != nil {
					check(format, p.Name, value)
				}
			}
		}
	}
	each("version: 1\nprofiles:\n%s: %s\n", slices.DeleteFunc(table.ObjectOf(documentKeys()).Properties, func(p values.Property) bool { return p.Name == "profiles" || p.Name == "version" }))
	each("version: 1\nprofiles: {x: {port: 1, %s: %s}}\n", slices.DeleteFunc(table.ObjectOf(profileKeys()).Properties, func(p values.Property) bool { return p.Name == "port" }))
	each("version: 1\nprofiles: {x: {%s: %s}}\n", slices.DeleteFunc(table.ObjectOf(profileKeys()).Properties, func(p values.Property) bool { return p.Name != "port" }))
	each("version: 1\nprofiles: {x: {log: {%s: %s}}}\n", table.ObjectOf(logKeys()).Properties)
}

// disagreement is something that a JSON Schema cannot say. The reason stands in docs/manifest.md.
type disagreement struct {
	reason  string
	example string         // what follows "version: 1\n"
	refused *regexp.Regexp // matches the errors of Parse where the schema finds nothing; or
	misread *regexp.Regexp // those of the schema where Parse finds nothing
}

var unsaid = []disagreement{
	{"ports and names used twice", "profiles: {a: {port: 1}, b: {port: 1}}",
		regexp.MustCompile(`port: .*is already used by profile|is already listed at|: "\w*" is in (env|secrets|unset) too`), nil},
	{"a profile that is wrong only after it is merged with `defaults`", "profiles: {a: {command: [x, '{port}']}}",
		regexp.MustCompile(`names \{port\}, but the profile has none|has no program once|(ready|alive): http is missing|(ready|alive): asks the gateway on its port`), nil},
	{"the limits of a time or a size in a text", "profiles: {a: {stop_timeout: 25h, backoff: 1500ms, log: {size: 1kB}}}",
		regexp.MustCompile(`(stop_timeout|backoff|size|interval|timeout): \S+ is (out of range|finer than)|(has|have) \d+ bytes|is too long \(`), nil},
	{"a range that ends before it starts", "profiles:\nauto_ports: 9-8",
		regexp.MustCompile(`auto_ports: .* ends before it starts`), nil},
	{"numbers in another notation than plain digits", "profiles: {a: {port: 0x1F, log: {size: 1e6, keep: 3.0}}}",
		regexp.MustCompile(`is not a whole number in plain digits|port: .* is not a port|size: .* is not a size|size: unit "x|version: "1\.0|version: "[+0]`), nil},
	{"tags, merge keys, limits against hostile files", "profiles: {a: {user: !me x}}",
		regexp.MustCompile(`unknown tag|!!binary|merge keys|all aliases together|nested more than|too many values|more than \d+ (profiles|MiB)|the value is tagged`), nil},
	{"an account whose name YAML takes for a number", "profiles: {a: {user: 1e3}}",
		nil, regexp.MustCompile(`/user': got number`)},
	{"a duration of minus nothing", "profiles: {a: {backoff: -0s}}",
		nil, regexp.MustCompile(`(backoff|stop_timeout|interval|timeout)': '-[0.]+\w+' does not match pattern`)},
}

func TestReadmeNamesWhatTheSchemaCannotSay(t *testing.T) {
	readme, err := os.ReadFile("../docs/manifest.md")
	require.NoError(t, err)
	flowed := strings.Join(strings.Fields(string(readme)), " ")
	for _, u := range unsaid {
		require.True(t, strings.Contains(flowed, u.reason), "docs/manifest.md does not say %q", u.reason)
	}
}

func TestWhatTheSchemaCannotSay(t *testing.T) {
	schema := compileSchema(t)
	for _, u := range unsaid {
		t.Run(u.reason, func(t *testing.T) {
			text := "version: 1\n" + u.example + "\n"
			saysNo, errs := schema.validate([]byte(text)), parseProblems(text)
			require.Equal(t, u.misread != nil, saysNo != nil, "schema: %v", saysNo)
			require.Equal(t, u.refused != nil, errs != nil, "Parse: %v", errs)
			for _, e := range append(errs, findings(saysNo)...) {
				require.True(t, excused(e), "%s", e)
			}
		})
	}
}

// compiledSchema is the schema as an editor uses it.
type compiledSchema struct{ schema *jsonschema.Schema }

func compileSchema(t testing.TB) compiledSchema {
	t.Helper()
	text, err := Schema()
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	require.NoError(t, c.AddResource("profiles.json", doc))
	compiled, err := c.Compile("profiles.json")
	require.NoError(t, err)
	return compiledSchema{compiled}
}

// validate says what an editor objects to. Text that is no YAML, more than one document and
// duplicate keys it underlines by itself.
func (c compiledSchema) validate(text []byte) error {
	r := yamlfile.NewReader([]Source{{Data: text}})
	root := r.Load(0)
	if root != nil {
		reportDuplicates(r, root)
	}
	if err := r.Err(); err != nil {
		return fmt.Errorf("not YAML: %w", err)
	}
	return c.schema.Validate(editorValue(root))
}

func reportDuplicates(r *yamlfile.Reader, n *yaml.Node) {
	n = yamlfile.Target(n)
	seen := map[string]bool{}
	for i, child := range n.Content {
		if reportDuplicates(r, child); n.Kind != yaml.MappingNode || i%2 == 1 {
			continue
		}
		if key := yamlfile.Target(child); key.Kind == yaml.ScalarNode && seen[key.Value] {
			r.Fault(child, nil, "duplicate key")
		} else {
			seen[key.Value] = key.Kind == yaml.ScalarNode
		}
	}
}

// Numbers of the core schema of YAML 1.2, which editors use.
var (
	coreInteger = regexp.MustCompile(`^([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$`)
	coreFloat   = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	coreInf     = regexp.MustCompile(`^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
)

// editorValue is a document as the core schema of YAML 1.2 reads it.
func editorValue(n *yaml.Node) any {
	n = yamlfile.Target(n)
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[yamlfile.Target(n.Content[i]).Value] = editorValue(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, child := range n.Content {
			list = append(list, editorValue(child))
		}
		return list
	}
	if yamlfile.IsQuoted(n) || n.Style&yaml.TaggedStyle != 0 {
		return n.Value
	}
	switch text := n.Value; {
	case slices.Contains([]string{"", "~", "null", "Null", "NULL"}, text):
		return nil
	case slices.Contains([]string{"true", "True", "TRUE"}, text):
		return true
	case slices.Contains([]string{"false", "False", "FALSE"}, text):
		return false
	case coreInteger.MatchString(text):
		base := 10
		if len(text) > 2 && (text[1] == 'o' || text[1] == 'x') {
			base = 0
		}
		value, _ := new(big.Int).SetString(strings.TrimPrefix(text, "+"), base)
		return json.Number(value.String())
	case coreFloat.MatchString(text):
		value, _, err := big.ParseFloat(text, 10, 64, big.ToNearestEven)
		if err != nil {
			return json.Number("0.5")
		}
		return json.Number(value.Text('g', 20))
	case coreInf.MatchString(text):
		return json.Number("0.5")
	default:
		return text
	}
}

func parseProblems(text string) []string {
	_, err := Parse([]Source{source(text)})
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

// agreement counts what the schema and Parse say of the same texts.
type agreement struct {
	schema            compiledSchema
	accepted, refused int
}

// check fails unless both say the same, but for what is in unsaid.
func (a *agreement) check(t *testing.T, text string) {
	t.Helper()
	saysNo, errs := a.schema.validate([]byte(text)), parseProblems(text)
	switch {
	case saysNo == nil && errs == nil:
		a.accepted++
	case saysNo != nil && errs != nil:
		a.refused++
	default:
		for _, e := range append(errs, findings(saysNo)...) {
			require.True(t, excused(e), "only one of the schema and Parse says: %s\n%s", e, text)
		}
	}
}

// excused reports whether something that only one of the schema and Parse says is in unsaid.
func excused(e string) bool {
	return slices.ContainsFunc(unsaid, func(u disagreement) bool {
		return u.refused != nil && u.refused.MatchString(e) || u.misread != nil && u.misread.MatchString(e)
	})
}

// findings are what the schema says, one by one.
func findings(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")[1:]
}

// TestSchemaAndParseAgreeOnTheCorpus: on every manifest that the project has, good or bad.
func TestSchemaAndParseAgreeOnTheCorpus(t *testing.T) {
	a := &agreement{schema: compileSchema(t)}
	for _, pattern := range []string{"testdata/bad/*.yaml", "../examples/*.yaml", "../examples/container/rootfs/etc/hermes-reconcile/*.yaml", "../render/testdata/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			a.check(t, string(data))
		}
	}
	a.check(t, fullManifest(5))
	require.GreaterOrEqual(t, a.accepted, 6)
	require.GreaterOrEqual(t, a.refused, 50)
}

// right are values for each key, as text; a key that is missing here fails the test.
var right = map[string][]string{
	"version": {"1"}, "runtime": {"s6", "s6-overlay", "null"}, "scandir": {"/srv/scan", "/", "~", `"/a b"`},
	"hermes_home": {"/opt/data", "/a/./b"}, "auto_ports": {"20000-29999", "1-65535", "0009-0010", "null"},
	"start": {"{}", "{parallel: 4}", "{parallel: 100000, per: up}", "{per: 1m30s}", "{parallel: null, per: ready}", "null"},
	"port":  {"1", "9201", "65535", "+80", "auto", "null", ""}, "state": {"up", "down", "null"}, "user": {"hermes", "me_1", "a.b-c", "true", ".x"},
	"command": {"[hermes]", "[a, '{profile}']", "[a, 8, true, '']", "[x, '{{y}}']", "null"}, "wrapper": {"[doppler, run, --]", "[env, 1.5]"},
	"env": {"{A: b}", "{}", "null", "{A: null, B: 1, _C: 1e3, D: yes}", "{PATH: /bin}", "{J: '{\"a\":1}', P: '{profile}', Q: '{{port}}'}"}, "unset": {"[X]", "[]", "[X, Y, true]", "null"},
	"port_env": {"PORT", "API_SERVER_PORT", "true", "null"}, "home": {"/srv/{profile}", "/srv/{{x}}", "/", "null"},
	"count": {"null"}, "env_file": {"[/run/env]", "[/a, '/run/{profile}/{{']", "null"}, "secrets_dir": {"/run/{profile}", "/run/s", "null"},
	"secrets": {"{K: /run/k}", "{}", "{K: null}", "{L: '/run/{profile}/{{'}"}, "restart": {"always", "on-failure"}, "backoff": {"60s", "0s", "1m30s", "1h", "+.5m"},
	"stop_timeout": {"75s", "500ms", "1.5s", "1h2m3s"}, "log": {"{}", "null"}, "ready": {"{}", "null", "{http: /}"}, "alive": {"{}", "null", "{http: /}"},
	"restart_on": {"[secrets]", "[.env, config.yaml, secrets]", "null"},
	"memory":     {"{}", "null", "{restart_above: 1GB}"}, "restart_above": {"1MB", "2GiB", "1000001", "null"},
	"failures": {"1", "4", "1000", "null"}, "action": {"restart", "report", "null"},
	"drain": {"{}", "null", "{timeout: 10m}"}, "signal": {"SIGUSR1", "SIGTERM", "null"},
	"http": {"/health", "/", "'/a?b=%41&c'", "null"}, "interval": {"1s", "2m", "null"}, "timeout": {"60s", "1h"}, "keep": {"0", "10", "10000", "007"},
	"size": {"1MB", "4096", `"65536"`, "64KiB", "268435455B", "05000"}, "timestamp": {"none", "iso8601", "tai64n"}, "stdout": {"true", "False", "null"},
}

// wrong are values that are right at most by chance, near misses first.
var wrong = []string{
	"0", "-1", "65536", "1.0", "9201.0", "1e3", "0x1F", "0o17", "1_000", "99999999999999999999999", ".inf", ".nan", "true", "no", "null", `""`, `"8"`,
	"75", "75 s", "-5s", "25h", "1500us", "s", "1x", "4095", "300MB", "1XB", "1 MB", "9-8", "1-65536", "0-5", "1-2-3",
	"/a/../b", "/..", "a/b", "'/a\\nb'", "/a..b", "/.../x", "/a b", "/%zz", "/é", "up", "Up", "autom", "root", "1234", "-x", "a b", "a234567890123456789012345678901234",
	"[]", "[[]]", "[a, null]", "['']", "[a, '{x}']", "[a, '{']", "[a, '}}}']", "[a, '{{profile}']", "[A, A]", "[OPTIND]", "[1X]", "[1]", "x",
	"{}", "{A: []}", "{a-b: c}", "{HOME: x}", "{IFS: x}", `{"": x}`, "{A: {}}", "{1: a}", "{K: run/k}", "{K: '/run/{x}'}", "{K: '/run/{port}'}", "'/srv/{x}'", "'/srv/}'", "{K: 1}", "{state: up}", "{keep: 1}", "2001-01-01", "!!str 5",
}

// randomDocument is a manifest in which most values are right; rate of a hundred are wrong.
func randomDocument(t *testing.T, r *rand.Rand, rate int) string {
	t.Helper()
	value := func(name string) string {
		require.Contains(t, right, name, "the test has no values for this key")
		if r.IntN(100) < rate {
			return wrong[r.IntN(len(wrong))]
		}
		return right[name][r.IntN(len(right[name]))]
	}
	var fill func(keys []string, chance int) string
	fill = func(keys []string, chance int) string {
		var list []string
		for _, name := range keys {
			written := name
			if r.IntN(300) < rate {
				written = []string{name + "s", "<<", strings.ToUpper(name), "port", "log"}[r.IntN(5)]
			}
			switch {
			case name == "count": // a schema cannot say that it needs {n} in the name
			case r.IntN(100) >= chance:
			case name == "log" && r.IntN(3) > 0:
				list = append(list, written+": "+fill(table.Names(logKeys()), 50))
			case name == "ready" && r.IntN(3) > 0:
				list = append(list, written+": "+fill(table.Names(readyKeys()), 50))
			case name == "drain" && r.IntN(3) > 0:
				list = append(list, written+": "+fill(table.Names(drainKeys()), 50))
			case name == "alive" && r.IntN(3) > 0:
				list = append(list, written+": "+fill(table.Names(aliveKeys()), 50))
			default:
				list = append(list, written+": "+value(name))
			}
		}
		return "{" + strings.Join(list, ", ") + "}"
	}
	var b strings.Builder
	for _, name := range table.Names(documentKeys()) {
		switch chance := r.IntN(100); {
		case name == "profiles" && chance >= rate:
			b.WriteString("profiles:\n")
			for range r.IntN(4) {
				name := []string{"default", "a", "b-1", "c_d", "0", "A", "-x", "a.b", strings.Repeat("n", 244)}[min(r.IntN(9), 4+r.IntN(1+rate))]
				b.WriteString("  " + name + ": " + fill(table.Names(profileKeys()), 20) + "\n")
			}
		case name == "defaults" && chance < 50:
			b.WriteString("defaults: " + fill(table.Names(sharedKeys()), 20) + "\n")
		case name == "version" && chance >= rate, name != "defaults" && name != "profiles" && chance < 20:
			b.WriteString(name + ": " + value(name) + "\n")
		}
	}
	return b.String()
}

// TestSchemaAndParseAgree: on thousands of documents near the right ones.
func TestSchemaAndParseAgree(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	a := &agreement{schema: compileSchema(t)}
	for range 3000 {
		a.check(t, randomDocument(t, r, []int{0, 1, 5}[r.IntN(3)]))
	}
	t.Logf("both accept %d, both refuse %d", a.accepted, a.refused)
	require.Greater(t, a.accepted, 600)
	require.Greater(t, a.refused, 600)
}

// TestShapesOfMapsAreMadeLater: the shape of a map holds those of all of its keys. A command that reads a manifest
// needs none of them, and would make them all at its start.
func TestShapesOfMapsAreMadeLater(t *testing.T) {
	maps := 0
	look := func(name string, early values.Shape, later func() values.Shape) {
		require.Empty(t, early.Properties, name)
		_, each := early.Each.(*values.Shape)
		require.False(t, each, name)
		if later != nil {
			maps++
		}
	}
	for _, k := range documentKeys() {
		look(k.Name, k.Shape, k.Later)
	}
	for _, k := range profileKeys() {
		look(k.Name, k.Shape, k.Later)
	}
	require.Equal(t, 8, maps, "start, defaults, profiles; ready, drain, alive, memory, log")
}
