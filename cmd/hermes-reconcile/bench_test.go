package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/failure"
)

// thousand is a manifest of a thousand profiles.
func thousand(tone string) string {
	var b strings.Builder
	b.WriteString("version: 1\nprofiles:\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "  p%04d: {port: %d, env: {TONE: %s, API_KEY: \"%s %d\"}}\n", i, 10_000+i, tone, tone, i)
	}
	return b.String()
}

// BenchmarkDiffAgainst compares a thousand profiles with a thousand others: from reading both
// manifests to the last byte.
func BenchmarkDiffAgainst(b *testing.B) {
	b.Chdir(b.TempDir())
	write(b, "old.yaml", thousand("dry"))
	write(b, "new.yaml", thousand("warm"))
	for _, form := range []string{formText, formJSON, formMarkdown, formGitHub} {
		b.Run(form, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				got := hermes("diff", "-f", "new.yaml", "--against", "old.yaml", "-o", form, "--exit-code")
				require.Equal(b, failure.ExitDiffers, got.code)
			}
		})
	}
}
