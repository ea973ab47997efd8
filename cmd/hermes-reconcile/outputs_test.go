package main

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
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
	require.Equal(t, exitDone, got.code)
	valid, got = printed[explain.Validation](t, "validate", "validate", "-f", "bad.yaml")
	require.Equal(t, explain.Validation{Format: 1, Profiles: []explain.PlacedProfile{}}, valid)
	require.Equal(t, exitUsage, got.code)
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
	require.Equal(t, exitUsage, hermes("init", "--example", "--out", "new.yaml", "-o", "json").code)
}
