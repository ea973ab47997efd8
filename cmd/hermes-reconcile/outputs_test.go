package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
)

// printed carries out a command, checks what it prints against the schema of that name, and reads
// it.
func printed[T any](t *testing.T, schema string, args ...string) (doc T, got output) {
	t.Helper()
	got = hermes(append(args, "-o", "json")...)
	readAs(t, schema, got.stdout, &doc)
	return doc, got
}

func readAs(t *testing.T, schema, text string, to any) {
	t.Helper()
	requireSchema(t, compile([]byte(hermes("schema", schema).stdout)), text)
	require.NoError(t, json.Unmarshal([]byte(text), to))
}

// TestCommandsWithoutS6PrintJSON: each as its schema says.
func TestCommandsWithoutS6PrintJSON(t *testing.T) {
	t.Cleanup(func() { commit, date = "", "" })
	t.Chdir(t.TempDir())
	write(t, "p.yaml", "version: 1\nprofiles:\n  coder: {port: 9201}\n  writer: {}\n")
	write(t, "bad.yaml", "version: 1\nprofiles: {coder: {prot: 1}}\n")

	commit, date = "abc", "2026-11-28T07:00:00Z"
	build, _ := printed[explain.Build](t, "version", "version")
	require.Equal(t, explain.Build{Format: 1, Version: version, Commit: "abc", Date: date}, build)

	valid, got := printed[explain.Validation](t, "validate", "validate", "-f", "p.yaml")
	require.Equal(t, explain.Validation{Format: 1, Valid: true, Profiles: []explain.PlacedProfile{
		{Profile: "coder", Place: explain.Place{File: "p.yaml", Line: 3, Column: 3}},
		{Profile: "writer", Place: explain.Place{File: "p.yaml", Line: 4, Column: 3}},
	}}, valid)
	require.Equal(t, failure.ExitDone, got.code)
	valid, got = printed[explain.Validation](t, "validate", "validate", "-f", "bad.yaml")
	require.Equal(t, explain.Validation{Format: 1, Profiles: []explain.PlacedProfile{}}, valid)
	require.Equal(t, failure.ExitUsage, got.code)
	require.Len(t, messagesOf(t, got.stderr), 1)

	made, _ := printed[explain.Rendered](t, "render", "render", "-f", "p.yaml", "--out", "tree")
	require.Equal(t, "tree", made.Folder)
	require.Len(t, made.Services, 2)
	require.Equal(t, 9201, made.Services[0].Port)
	require.Contains(t, made.Services[1].Files, "log/run")
	for _, s := range made.Services {
		for _, f := range s.Files {
			require.FileExists(t, "tree/"+s.Service+"/"+f)
		}
	}

	help, _ := printed[explain.KeyHelp](t, "explain", "explain", "ready")
	var keys []string
	for _, k := range help.Keys {
		keys = append(keys, k.Path)
	}
	require.Equal(t, []string{
		"profiles.NAME.ready", "profiles.NAME.ready.http", "profiles.NAME.ready.interval",
		"profiles.NAME.ready.timeout",
	}, keys)
	require.Equal(t, []string{"ready: {http: /health}"}, help.Keys[0].Examples)
	help, _ = printed[explain.KeyHelp](t, "explain", "explain")
	require.Greater(t, len(help.Keys), 25)
	_, got = printed[explain.Exported](t, "export",
		"export", "--to", "kubernetes", "--run-as", "1000", "-f", "p.yaml", "--out", "k8s")
	require.Contains(t, got.stdout, `"kustomization.yaml"`)
	for _, m := range messagesOf(t, got.stderr) {
		require.Contains(t, []explain.Code{"no-effect", ""}, m.Code)
	}
	draft, _ := printed[explain.Draft](t, "init", "init", "--from-scandir", "tree")
	require.Equal(t, []string{"coder", "writer"}, draft.Profiles)
	require.Equal(t, hermes("init", "--from-scandir", "tree").stdout, draft.Manifest)
	draft, got = printed[explain.Draft](t, "init", "init", "--example", "--out", "new.yaml")
	require.Equal(t, "new.yaml", draft.File)
	require.Empty(t, draft.Manifest)
	require.NotEmpty(t, draft.Profiles)
	require.Equal(t, explain.MessageHint, messagesOf(t, got.stderr)[0].Level)
	written, err := os.ReadFile("new.yaml")
	require.NoError(t, err)
	require.Equal(t, exampleManifest, written)
	require.Equal(t, failure.ExitUsage, hermes("init", "--example", "--out", "new.yaml", "-o", "json").code)
}

// TestProbePrintsJSON: whether it serves, and if not, why, which is an error besides.
func TestProbePrintsJSON(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer server.Close()
	good, got := printed[explain.Probed](t, "probe", "probe", server.URL+"/health")
	require.Equal(t, explain.Probed{Format: 1, URL: server.URL + "/health", Serves: true}, good)
	require.Equal(t, failure.ExitDone, got.code)
	require.Empty(t, got.stderr)
	bad, got := printed[explain.Probed](t, "probe", "probe", server.URL+"/")
	require.False(t, bad.Serves)
	require.Contains(t, bad.Error, "418")
	messages := messagesOf(t, got.stderr)
	require.Len(t, messages, 1)
	require.Equal(t, bad.Code, messages[0].Code)
	require.Equal(t, failure.ExitTemporary, got.code)
	_, got = printed[explain.Probed](t, "probe", "probe", "--timeout", "1ms", "--interval", "1ms", server.URL+"/")
	require.Equal(t, failure.ExitTimeout, got.code)
}
