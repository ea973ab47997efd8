package tokens

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

func TestExclusiveIsSorted(t *testing.T) {
	require.True(t, slices.IsSorted(Exclusive))
	require.True(t, Is("TELEGRAM_BOT_TOKEN"))
	require.False(t, Is("OPENAI_API_KEY"), "many may use one key of a model")
}

// What is compared is a digest by a key that no file holds.
func TestDigest(t *testing.T) {
	require.Equal(t, Digest([]byte("k"), "token"), Digest([]byte("k"), "token"))
	require.NotEqual(t, Digest([]byte("k"), "token"), Digest([]byte("other"), "token"))
	require.NotContains(t, Digest([]byte("k"), "token"), "token")
	require.Empty(t, Digest([]byte("k"), ""))
}

func TestOfManifest(t *testing.T) {
	const head = "version: 1\n"
	for name, c := range map[string]struct {
		text string
		want []string // variable, then profiles
	}{
		"one file in two profiles": {
			"profiles:\n  a: {secrets: {TELEGRAM_BOT_TOKEN: /s/t}}\n  b: {secrets: {TELEGRAM_BOT_TOKEN: /s/t}}\n",
			[]string{"TELEGRAM_BOT_TOKEN", "a", "b"},
		},
		"one value of defaults": {
			"defaults: {env: {DISCORD_BOT_TOKEN: x}}\nprofiles: {a: , b: , c: {env: {DISCORD_BOT_TOKEN: y}}}\n",
			[]string{"DISCORD_BOT_TOKEN", "a", "b"},
		},
		"a file for each":    {"defaults: {secrets: {TELEGRAM_BOT_TOKEN: '/s/{profile}'}}\nprofiles: {a: , b: }\n", nil},
		"one of them down":   {"defaults: {env: {SLACK_APP_TOKEN: x}}\nprofiles: {a: , b: {state: down}}\n", nil},
		"keys of models":     {"defaults: {secrets: {OPENAI_API_KEY: /s/o}}\nprofiles: {a: , b: }\n", nil},
		"empty":              {"defaults: {env: {SLACK_APP_TOKEN: ''}}\nprofiles: {a: , b: }\n", nil},
		"a value and a file": {"profiles:\n  a: {env: {SLACK_APP_TOKEN: /s}}\n  b: {secrets: {SLACK_APP_TOKEN: /s}}\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := manifest.Parse([]manifest.Source{{Name: "p.yaml", Data: []byte(head + c.text)}})
			require.NoError(t, err)
			var got []string
			for _, s := range Find(OfManifest(m)) {
				got = append(got, s.Variable)
				for _, u := range s.Uses {
					got = append(got, u.Profile)
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestExamplesShareNoToken(t *testing.T) {
	files, err := filepath.Glob("../../../examples/*.yaml")
	require.NoError(t, err)
	seen := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		m, err := manifest.Parse([]manifest.Source{{Name: file, Data: data}})
		if err != nil {
			continue // not a manifest
		}
		seen++
		require.Empty(t, Find(OfManifest(m)), file)
	}
	require.NotZero(t, seen)
}
