//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkStatus looks at a thousand gateways that no s6-svscan runs, and prints them.
func BenchmarkStatus(b *testing.B) {
	b.Chdir(b.TempDir())
	scandir := b.TempDir()
	write(b, "m.yaml", strings.Replace(thousand("dry"), "profiles:", "defaults: {user: nobody}\nprofiles:", 1))
	made := hermes("render", "-f", "m.yaml", "--out", scandir)
	require.Zero(b, made.code, made.stderr)
	for _, form := range []string{formText, formJSON} {
		b.Run(form, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				got := hermes("status", "-f", "m.yaml", "--scandir", scandir, "-o", form)
				require.Contains(b, got.stdout, "p0999", got.stderr)
			}
		})
	}
}
