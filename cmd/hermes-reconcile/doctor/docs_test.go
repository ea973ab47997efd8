//go:build linux

package doctor

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
)

// TestEachCheckIsDocumented: in the table of docs/commands.md, and in the schema of the JSON form.
func TestEachCheckIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/commands.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(page), "| check | what is looked at |\n")
	require.True(t, found, "docs/commands.md has no table of checks")
	table, _, _ = strings.Cut(table, "\n\n")
	var rows []string
	for _, row := range regexp.MustCompile(`(?m)^\| ([a-z, ]+) \|`).FindAllStringSubmatch(table, -1) {
		rows = append(rows, strings.Split(row[1], ", ")...)
	}
	names := []string{roomCheck} // the look of the plan has it, too
	for _, c := range checks {
		names = append(names, c.name)
	}
	for _, name := range names {
		if !slices.Contains(rows, name) {
			t.Errorf("the table of checks in docs/commands.md does not name %q", name)
		}
		if !slices.Contains(schemaChecks(t), name) {
			t.Errorf("schema/doctor.json does not name the check %q", name)
		}
	}
}

// schemaChecks are the checks that the schema of the JSON form names.
func schemaChecks(t *testing.T) []string {
	t.Helper()
	var schema struct {
		Definitions struct {
			Finding struct {
				Properties struct{ Check struct{ Enum []string } }
			}
		}
	}
	require.NoError(t, json.Unmarshal(explain.DoctorSchema, &schema))
	return schema.Definitions.Finding.Properties.Check.Enum
}
