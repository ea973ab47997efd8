package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile"
)

// TestCodesOfReasons: each is used, is in the schema, and is in the documentation.
func TestCodesOfReasons(t *testing.T) {
	files, err := filepath.Glob("../../reconcile/*.go")
	require.NoError(t, err)
	var source strings.Builder
	for _, name := range files {
		if !strings.HasSuffix(name, "_test.go") {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			source.Write(text)
		}
	}
	var codes []reconcile.ReasonCode
	constant := regexp.MustCompile(`(?m)^\t(Reason\w+) +ReasonCode = "([a-z0-9-]+)"$`)
	for _, found := range constant.FindAllStringSubmatch(source.String(), -1) {
		codes = append(codes, reconcile.ReasonCode(found[2]))
		uses := regexp.MustCompile(`\b`+found[1]+`\b`).FindAllString(source.String(), -1)
		require.Greater(t, len(uses), 1, "%s is not used", found[1])
	}
	require.Greater(t, len(codes), 30)
	var schema struct {
		Definitions map[string]struct {
			Properties map[string]struct {
				Items struct{ Enum []reconcile.ReasonCode }
			}
		}
	}
	require.NoError(t, json.Unmarshal(explain.Schema, &schema))
	require.ElementsMatch(t, codes,
		schema.Definitions["profile"].Properties["reason_codes"].Items.Enum)
	requireTable(t, codes, "Reason codes")
}
