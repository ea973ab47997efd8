package hermesconfig

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest/yamlfile"
)

func TestParseHermesConfig(t *testing.T) {
	for text, want := range map[string]Config{
		"":                                      {},
		"# nothing\n":                           {},
		"null\n":                                {},
		"- a\n":                                 {},
		"platforms: 7":                          {},
		"platforms: {api_server: {port: 9201}}": {Port: 9201},
		"platforms: {api_server: {port: '9201', extra: {port: 80}}}":       {Port: 80},
		"platforms: {api_server: {extra: {port: null}, port: 9}}":          {Port: 9},
		"a: &p 7\nplatforms: {api_server: {port: *p}}":                     {Port: 7},
		"gateway: {multiplex_profiles: true, standalone: True}":            {Multiplex: new(true), Standalone: true},
		"gateway: {multiplex_profiles: false, standalone: 'true'}":         {Multiplex: new(false)},
		"gateway: {multiplex_profiles: [x]}\ngateway_: {standalone: true}": {},
		"a: b\na: c\nmodels: {x: !custom y}\nother: [1, {b: c}]\n":         {},
	} {
		got, err := Parse([]byte(text))
		require.NoError(t, err, "%s", text)
		require.Empty(t, cmp.Diff(want, got), "%s", text)
	}
}

func TestBrokenHermesConfigs(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for _, c := range "bcdefghi" {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+", ", 9) + "x]\n"
	}
	for text, want := range map[string]string{
		"a: [":     "config.yaml:1:4: ",
		"a:\n\tb:": "a tab is used for indentation",
		bomb:       "all aliases together stand for more than",
		strings.Repeat("[", 100) + strings.Repeat("]", 100): "nested more than",
		strings.Repeat("x", yamlfile.MaxSource+1):           "bytes (want at most",
		"platforms: {api_server: {port: 0x1F}}":             `platforms.api_server.port: "0x1F" is not a port (want 1-65535)`,
		"platforms: {api_server: {port: 65536}}":            `"65536" is not a port`,
	} {
		_, err := Parse([]byte(text))
		require.ErrorContains(t, err, want)
	}
}
