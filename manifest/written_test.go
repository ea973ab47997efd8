package manifest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/writing"
)

// rewritten writes a manifest and reads it back.
func rewritten(t *testing.T, m *manifest.Manifest) (string, *manifest.Manifest) {
	t.Helper()
	text, err := writing.Write(writing.Draft{Manifest: m})
	require.NoError(t, err)
	got, err := manifest.Parse([]manifest.Source{{Name: "profiles.yaml", Data: text}})
	require.NoError(t, err, "%s", text)
	return string(text), got
}

// TestWriteRandomManifests: what Parse made of a text, Write makes text of again.
func TestWriteRandomManifests(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	valid := 0
	for range 1500 {
		text := manifest.RandomDocument(t, r, 0)
		m, err := manifest.Parse([]manifest.Source{{Name: "profiles.yaml", Data: []byte(text)}})
		if err != nil {
			continue // ports that are taken, and the like
		}
		valid++
		for i := range m.Profiles {
			m.Profiles[i].Env = randomEnv(r, m.Profiles[i].Env)
		}
		excerptsAreThoseOfNodes(t, m)
		written, got := rewritten(t, m)
		require.True(t, m.Same(got), "%s", written)
		again, _ := rewritten(t, got)
		require.Equal(t, written, again)
	}
	require.Greater(t, valid, 300)
}

// randomEnv puts values of any bytes to a sorted list of variables.
func randomEnv(r *rand.Rand, env []manifest.EnvVar) []manifest.EnvVar {
	const special = " :#-'\"\\{}[],&*!|>%@`\n\t\r\x85ab0~"
	for range r.IntN(3) {
		value := make([]byte, r.IntN(20))
		for i := range value {
			if value[i] = byte(1 + r.IntN(255)); r.IntN(2) == 0 {
				value[i] = special[r.IntN(len(special))]
			}
		}
		text := string(value)
		if r.IntN(2) == 0 {
			text = strings.ToValidUTF8(text, []string{"é", "\u2028", "\uFEFF", "\U0001F600", "\uFFFE", "\u0085"}[r.IntN(6)])
		}
		env = append(env, manifest.EnvVar{fmt.Sprintf("_Z%d", len(env)), text})
	}
	return env
}

// excerptsAreThoseOfNodes: what an excerpt takes over from that of another profile is what yaml.v3
// writes for this one.
func excerptsAreThoseOfNodes(t *testing.T, m *manifest.Manifest) {
	t.Helper()
	excerpts := writing.NewExcerpts(m)
	for _, p := range slices.Concat(m.Pointers(), m.Pointers()) {
		document := manifest.BuiltinManifest()
		document.Runtime, document.HermesHome, document.Start = m.Runtime, m.HermesHome, m.Start
		root := values.Mapping(yaml.FlowStyle)
		values.Add(root, "version", values.WriteInteger(manifest.Version))
		if n := manifest.DocumentNode(document); n != nil {
			root.Content = append(root.Content, n.Content...)
		}
		profiles := values.Mapping(yaml.FlowStyle)
		own := p.Node(manifest.BuiltinDefaults(), yaml.FlowStyle)
		if own == nil {
			own = values.Mapping(yaml.FlowStyle)
		}
		values.Add(profiles, p.Name, own)
		values.Add(root, "profiles", profiles)
		values.QuoteTexts(root)
		want, err := yaml.Marshal(root)
		require.NoError(t, err)
		got, err := excerpts.Make(p)
		require.NoError(t, err)
		require.Equal(t, strings.TrimSuffix(string(want), "\n"), string(got.Text))
	}
}
