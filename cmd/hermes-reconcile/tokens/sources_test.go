package tokens

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

// TestWhichSourceCounts: each that says a variable hides those behind it, and what is unset comes
// from none of these.
func TestWhichSourceCounts(t *testing.T) {
	const name = "TELEGRAM_BOT_TOKEN"
	key := []byte("key")
	files := map[string]string{"/s/token": "\uFEFFof a secret\r\n", "/d/" + name: "of a folder\n"}
	of := Sources{
		Profile: &manifest.Profile{
			Name: "a", Env: []manifest.EnvVar{{Name: name, Value: "of env"}}, SecretsDir: "/d",
			Secrets: []manifest.Secret{{Name: name, File: "/s/token"}},
		},
		Dotenv:    map[string]string{name: Digest(key, "of .env")},
		EnvFiles:  map[string]string{name: "of a file"},
		Key:       key,
		Container: func(variable string) string { return "of the container: " + variable },
		Secret:    func(s manifest.Secret) string { return files[s.File] },
	}
	for _, c := range []struct {
		from, value string
		drop        func()
	}{
		{".env", "of .env", func() { of.Dotenv = nil }},
		{"secrets", "of a secret", func() { of.Secrets = nil }},
		{"env", "of env", func() { of.Env = nil }},
		{"secrets_dir", "of a folder", func() { delete(files, "/d/"+name) }},
		{"env_file", "of a file", func() { of.EnvFiles = nil }},
		{"the container", "of the container: " + name, func() { of.Unset = []string{name} }},
		{"", "", func() {}},
	} {
		require.Equal(t, Use{Profile: "a", Variable: name, Same: Digest(key, c.value), From: c.from}, of.Use(name))
		c.drop()
	}
}
