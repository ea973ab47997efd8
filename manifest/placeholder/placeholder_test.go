package placeholder

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzPlaceholders: what is escaped comes back, and a text without the two words stays as it is.
func FuzzPlaceholders(f *testing.F) {
	for _, seed := range []string{"", "{profile}", "{{profile}}", "{{{port}}}", `{"a":1}`, "{profile}{port}}", "{{{profile}", "}}{{", "{p", "é{port}\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		require.Equal(t, text, ExpandValue(EscapeValue(text), "name", 7))
		if !strings.Contains(text, Profile) && !strings.Contains(text, Port) {
			require.Equal(t, text, ExpandValue(text, "name", 7))
		}
		back, reason := Expand(Escape(text), "name", 7)
		require.Empty(t, reason)
		require.Equal(t, text, back)
		for _, template := range PathTemplates(text, "name") {
			require.True(t, Fits(template, text, "name", 7), template)
		}
		argv := []string{text, "-p", "name", "--port", "7", "--port=7", text}
		require.True(t, FitWords(WordsTemplate(argv, "name", 7), argv, "name", 7))
	})
}
