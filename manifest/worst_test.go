package manifest

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest/yamlfile"
)

// BenchmarkWorst shows the peak of memory for the texts that take most of what MaxStructure allows.
// Each must be run in a process of its own, since what the Go runtime has once taken it does not
// return.
func BenchmarkWorst(b *testing.B) {
	for name, text := range map[string]string{
		"unknown keys": "version: 1\nprofiles:\n  x: {" + numbered("%x", yamlfile.MaxStructure-20) + "}\n",
		"env":          "version: 1\nprofiles:\n  x: {env: {" + numbered("A%x", yamlfile.MaxStructure-20) + "}}\n",
		"same key":     "version: 1\nprofiles:\n  x: {" + strings.Repeat("a,", yamlfile.MaxStructure-20) + "}\n",
		"profiles":     "version: 1\nprofiles:\n  " + strings.ReplaceAll(numbered("a%x:", yamlfile.MaxStructure-20), ",", "\n  ") + "\n",
		"names":        "version: 1\nprofiles:\n  " + strings.ReplaceAll(numbered("A%x: {prt: 1}", yamlfile.MaxStructure/3-20), ",", "\n  ") + "\n",
	} {
		b.Run(name, func(b *testing.B) {
			require.Less(b, len(text), yamlfile.MaxSource)
			for b.Loop() {
				_, _ = Parse([]Source{source(text)})
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.Sys)/(1<<20), "MiB-peak")
		})
	}
}
