package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// An entry for several profiles means the same as an entry for each of them.
func TestCountMeansAnEntryForEach(t *testing.T) {
	for name, c := range map[string]struct{ short, long string }{
		"one":            {"'b-{n}': {count: 1}", "b-1: "},
		"three":          {"'{n}': {count: 3, env: {A: '{profile}'}}", "1: {env: {A: '1'}}, 2: {env: {A: '2'}}, 3: {env: {A: '3'}}"},
		"ports":          {"'b{n}': {count: 2, port: 9201}", "b1: {port: 9201}, b2: {port: 9202}"},
		"auto":           {"'b{n}': {count: 2, port: auto}", "b1: {port: auto}, b2: {port: auto}"},
		"in the middle":  {"'a-{n}-z': {count: 2, state: down}", "a-1-z: {state: down}, a-2-z: {state: down}"},
		"others":         {"x: {port: 1}, 'b{n}': {count: 1}, a: {port: 2}", "x: {port: 1}, b1: , a: {port: 2}"},
		"a profile more": {"'b{n}': {count: 2, state: down, port: 70}, b2: {state: up, port: 80}, b3: ", "b1: {state: down, port: 70}, b2: {state: up, port: 80}, b3: "},
		"maps are merged": {
			"b2: {env: {B: x, C: null}, unset: [N], log: {keep: 3}}, 'b{n}': {count: 2, env: {A: 1, B: 2, C: 3}, unset: [M], log: {stdout: false}}",
			"b1: {env: {A: 1, B: 2, C: 3}, unset: [M], log: {stdout: false}}, b2: {env: {A: 1, B: x}, unset: [N], log: {stdout: false, keep: 3}}",
		},
		"all maps are merged": {
			"'b{n}': {count: 1, port: 80, secrets: {A: /a}, ready: {http: /h}, drain: {timeout: 1h}, alive: {http: /h}, memory: {restart_above: 1GiB}}, " +
				"b1: {secrets: {B: /b}, ready: {timeout: 9s}, drain: {signal: SIGUSR2}, alive: {failures: 9}}",
			"b1: {port: 80, secrets: {A: /a, B: /b}, ready: {http: /h, timeout: 9s}, drain: {timeout: 1h, signal: SIGUSR2}, " +
				"alive: {http: /h, failures: 9}, memory: {restart_above: 1GiB}}",
		},
		"null drops":  {"'b{n}': {count: 1, home: /x}, b1: {home: null}", "b1: "},
		"empty entry": {"'b{n}': {count: 1, home: /x}, b1: ", "b1: {home: /x}"},
		"alias":       {"a: &a {env: {A: 1}}, 'b{n}': {count: 1, env: {C: 1}}, b1: *a", "a: {env: {A: 1}}, b1: {env: {A: 1, C: 1}}"},
	} {
		t.Run(name, func(t *testing.T) {
			read := func(profiles string) *Manifest {
				m, err := Parse([]Source{{Name: "p", Data: []byte("version: 1\ndefaults: {env: {D: d}}\nprofiles: {" + profiles + "}\n")}})
				require.NoError(t, err)
				return m
			}
			short, long := read(c.short), read(c.long)
			require.True(t, short.Same(long), cmp.Diff(long.withoutPositions(), short.withoutPositions()))
		})
	}
}

// What is wrong in an entry for many is said once, where it stands.
func TestFaultOfManyIsSaidOnce(t *testing.T) {
	_, err := Parse([]Source{{Name: "p", Data: []byte("version: 1\nprofiles:\n  b-{n}: {count: 5000, state: on, home: x}\n")}})
	require.Equal(t, 2, strings.Count(err.Error(), "\n")+1, "%v", err)
	require.Contains(t, err.Error(), "p:3:31: profiles.b-1.state: ")
}

// Limits of a manifest count for what comes out of an entry, too.
func TestCountHasLimits(t *testing.T) {
	var text strings.Builder
	text.WriteString("version: 1\nprofiles:\n")
	for i := range 3 {
		fmt.Fprintf(&text, "  b%d-{n}: {count: 9000}\n", i)
	}
	_, err := Parse([]Source{{Name: "p", Data: []byte(text.String())}})
	require.ErrorContains(t, err, "more than 20000 profiles")
}
