package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
)

// TestCodesOfReasons: each is used, is in the schema, and is in the documentation.
func TestCodesOfReasons(t *testing.T) {
	codes := constants(t, "Reason", "ReasonCode", "../../reconcile/*.go")
	require.Greater(t, len(codes), 30)
	var schema struct {
		Definitions map[string]struct {
			Properties map[string]struct {
				Items struct{ Enum []string }
			}
		}
	}
	require.NoError(t, json.Unmarshal(explain.Schema, &schema))
	require.ElementsMatch(t, codes,
		schema.Definitions["profile"].Properties["reason_codes"].Items.Enum)
	requireTable(t, codes, "Reason codes")
}
