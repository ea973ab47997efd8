package keyhelp

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/cmdline"
	"hermes-reconcile/manifest"
)

func keys() []Key { return Keys(manifest.Shape()) }

// TestEachKeyOfTheSchemaIsExplained: the JSON Schema, which is read here by itself, has no key more
// and none less, and each has all that there is to say.
func TestEachKeyOfTheSchemaIsExplained(t *testing.T) {
	text, err := manifest.Schema()
	require.NoError(t, err)
	type object struct{ Properties map[string]json.RawMessage }
	var root object
	require.NoError(t, json.Unmarshal(text, &root))
	var profiles struct{ AdditionalProperties object }
	require.NoError(t, json.Unmarshal(root.Properties["profiles"], &profiles))
	var want []string
	for name, value := range root.Properties {
		want = append(want, name)
		var group object
		if name != "defaults" { // its keys are those of a profile
			require.NoError(t, json.Unmarshal(value, &group))
		}
		for inner := range group.Properties {
			want = append(want, name+"."+inner)
		}
	}
	for name, value := range profiles.AdditionalProperties.Properties {
		want = append(want, "profiles.NAME."+name)
		var group object
		require.NoError(t, json.Unmarshal(value, &group))
		for inner := range group.Properties {
			want = append(want, "profiles.NAME."+name+"."+inner)
		}
	}
	var have []string
	for _, k := range keys() {
		have = append(have, k.Path)
		for _, said := range []string{k.Title, k.About, k.Type, k.Default, k.Places} {
			require.NotEmpty(t, said, "%+v", k)
		}
		require.NotEmpty(t, k.Examples, k.Path)
	}
	require.ElementsMatch(t, want, have)
}

// placed is a manifest with a line at a place where its key may stand.
func placed(k Key, line, place string) string {
	switch {
	case k.Name == k.Path && k.Name == "version":
		return line + "\nprofiles: {}\n"
	case k.Name == k.Path && k.Name == "profiles":
		return "version: 1\n" + line + "\n"
	case k.Name == k.Path:
		return "version: 1\n" + line + "\nprofiles: {}\n"
	case place == "defaults":
		return "version: 1\ndefaults:\n  " + line + "\nprofiles: {coder: {port: 9201}}\n"
	case k.Name == "count":
		return "version: 1\nprofiles:\n  bot-{n}:\n    " + line + "\n"
	case k.Name == "port":
		return "version: 1\nprofiles:\n  coder:\n    " + line + "\n"
	case k.Name == "count":
		return "version: 1\nprofiles:\n  \"bot-{n}\":\n    " + line + "\n"
	case strings.HasPrefix(k.Name, "alive.") && k.Name != "alive.http", strings.HasPrefix(k.Name, "ready.") && k.Name != "ready.http":
		return "version: 1\ndefaults: {ready: {http: /health}, alive: {http: /health}}\nprofiles:\n  coder:\n    port: 9201\n    " + line + "\n"
	}
	return "version: 1\nprofiles:\n  coder:\n    port: 9201\n    " + line + "\n"
}

// TestExamplesAreTaken: each example is right wherever the text says that the key may stand, and
// wrong where it says not.
func TestExamplesAreTaken(t *testing.T) {
	parses := func(k Key, line, place string) error {
		_, err := manifest.Parse([]manifest.Source{{Name: "m", Data: []byte(placed(k, line, place))}})
		return err
	}
	for _, k := range keys() {
		for _, line := range k.Examples {
			require.NoError(t, parses(k, line, "profile"), k.Path)
			switch {
			case strings.HasSuffix(k.Places, ", not in defaults"):
				require.ErrorContains(t, parses(k, line, "defaults"), "cannot have a default", k.Path)
			case strings.HasPrefix(k.Name, "ready.") && k.Name != "ready.http": // useless without http
			default:
				require.NoError(t, parses(k, line, "defaults"), k.Path)
			}
		}
	}
}

func TestTextsFitIntoATerminal(t *testing.T) {
	all := List(keys())
	for _, k := range keys() {
		all += k.Text(keys())
	}
	for line := range strings.Lines(all) {
		n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))
		require.LessOrEqual(t, n, cmdline.Width, line)
	}
}

func TestKeysAreFoundAsTheyAreTyped(t *testing.T) {
	for typed, want := range map[string]string{
		"port":                         "profiles.NAME.port",
		"profiles.NAME.port":           "profiles.NAME.port",
		"profiles.coder.port":          "profiles.NAME.port",
		"profiles.coder":               "profiles",
		"profiles":                     "profiles",
		"defaults":                     "defaults",
		"defaults.log":                 "profiles.NAME.log",
		"defaults.log.size":            "profiles.NAME.log.size",
		"log.size":                     "profiles.NAME.log.size",
		"size":                         "profiles.NAME.log.size",
		"profiles.a.env.LOG_LEVEL":     "profiles.NAME.env",
		"env.port":                     "profiles.NAME.env",
		"profiles.coder.command[4]":    "profiles.NAME.command",
		"defaults.secrets.API_KEY":     "profiles.NAME.secrets",
		"scandir":                      "scandir",
		"state:":                       "profiles.NAME.state",
		"profiles.default.ready.http:": "profiles.NAME.ready.http",
	} {
		k, err := Find(keys(), typed)
		require.NoError(t, err, typed)
		require.Equal(t, want, k.Path, typed)
	}
}

func TestMisspeltKeysAreSuggested(t *testing.T) {
	for typed, want := range map[string]string{
		"prot":                "port",
		"profiles.coder.prot": "profiles.coder.port",
		"defaults.lgo":        "defaults.log",
		"ready.htp":           "ready.http",
		"intervall":           "interval",
		"hermes-home":         "hermes_home",
		"zebra":               "",
		"":                    "",
		"profiles.a.scandir":  "",
		"log.zebra.size":      "",
	} {
		_, err := Find(keys(), typed)
		var unknown *UnknownError
		require.ErrorAs(t, err, &unknown, typed)
		require.Equal(t, want, unknown.Meant, typed)
	}
}

func TestTypedKeysAreWhatFindKnows(t *testing.T) {
	for begun, atLeast := range map[string]int{
		"": 29, "po": 29, "defaults.": 21, "defaults.l": 21, "profiles.": 22, "profiles.coder.": 22,
	} {
		all := Typed(keys(), begun)
		require.GreaterOrEqual(t, len(all), atLeast, begun)
		for _, k := range all {
			found, err := Find(keys(), k.Name)
			require.NoError(t, err, k.Name)
			require.Equal(t, k.Path, found.Path)
		}
		if strings.HasSuffix(begun, ".") {
			require.True(t, strings.HasPrefix(all[0].Name, begun), all[0].Name)
		}
	}
}
