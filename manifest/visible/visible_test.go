package visible

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// tricks are characters that are not seen, or that change what is seen, by what they are.
var tricks = map[string]string{
	"control": "\x00\x07\x08\r\x1b\x7f", "C1 control": "\u0080\u0085\u009b\u009d\u009f",
	"bidi": "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", "zero width": "\u200b\u200c\u200d\u2060\ufeff",
	"soft hyphen": "\u00ad", "Mongolian": "\u180b\u180e", "separator": "\u2028\u2029", "blank": "\u00a0\u2003\u3000\u2800",
	"variation selector": "\ufe00\ufe0f\U000e0100\U000e01ef", "tag": "\U000e0001\U000e0020\U000e0041\U000e007f",
	"filler": "\u034f\u115f\u3164\uffa0", "deprecated format": "\u206a\u206f\ufff9", "musical format": "\U0001d173", "private": "\ue000\U000f0000",
	"no character": "\ufffe\U0010ffff",
}

func TestEveryTrickIsEscaped(t *testing.T) {
	for kind, trick := range tricks {
		for _, c := range trick {
			require.True(t, Hidden(c), "%s %U", kind, c)
			for form, got := range map[string]string{"text": Text("a" + string(c) + "b"), "line": Line("a" + string(c) + "b")} {
				require.NotContains(t, got, string(c), "%s %U as %s", kind, c, form)
				back, err := strconv.Unquote(`"` + got + `"`)
				require.NoError(t, err)
				require.Equal(t, "a"+string(c)+"b", back, "%s %U as %s", kind, c, form)
			}
		}
	}
}

func TestWhatCanBeSeenStays(t *testing.T) {
	for _, s := range []string{"", "plain", "Zoë, Łódź, 東京, עברית, 🙂, e\u0301", `\`, "\uFFFD"} {
		require.Equal(t, s, Text(s))
		require.Equal(t, s, Line(s))
		require.Equal(t, s, JSON(s))
	}
	require.Equal(t, "a\n\tb", Text("a\n\tb"))
	require.Equal(t, `a\n\tb`, Line("a\n\tb"))
	require.Equal(t, `\xff\x9b\u009b`, Text("\xff\x9b\u009b"), "a byte and a character are told apart")
	require.Equal(t, `"a\nb\ufe0f\"\\"`, Quote("a\nb\ufe0f\"\\"))
}

func TestWriterWaitsForTheRestOfACharacter(t *testing.T) {
	text := "a\u202eb\U000e0041\x9bc\xf0\x9f"
	for step := 1; step <= len(text); step++ {
		var out bytes.Buffer
		w := NewWriter(&out, Text)
		for at := 0; at < len(text); at += step {
			n, err := w.Write([]byte(text[at:min(at+step, len(text))]))
			require.NoError(t, err)
			require.Equal(t, min(step, len(text)-at), n)
		}
		require.NoError(t, w.Close())
		require.Equal(t, Text(text), out.String(), "%d bytes at a time", step)
	}
}

// FuzzForms: no form of any text holds a hidden character, and each can be read back.
func FuzzForms(f *testing.F) {
	for _, trick := range tricks {
		f.Add("a" + trick + "b")
	}
	f.Add("\xff\x9b\xe2\x80\n\t\\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		text, line, quoted := Text(s), Line(s), Quote(s)
		requireVisible(t, text, "\n\t")
		requireVisible(t, line, "")
		requireVisible(t, quoted, "")
		require.Equal(t, text, Text(text), "twice is once")
		back, err := strconv.Unquote(quoted)
		require.NoError(t, err)
		require.Equal(t, s, back)

		document, err := json.Marshal(map[string]string{"s": s})
		require.NoError(t, err)
		safe := JSON(string(document))
		requireVisible(t, safe, "")
		var before, after any
		require.NoError(t, json.Unmarshal(document, &before))
		require.NoError(t, json.Unmarshal([]byte(safe), &after))
		require.Equal(t, before, after)
	})
}

func requireVisible(t *testing.T, s, but string) {
	t.Helper()
	require.True(t, utf8.ValidString(s), "%q", s)
	at := strings.IndexFunc(s, func(c rune) bool { return Hidden(c) && !strings.ContainsRune(but, c) })
	require.Negative(t, at, "%q", s)
}

// TestPrintableText: wherever the text is cut, no control character comes through, and all else
// does.
func TestPrintableText(t *testing.T) {
	const text = "a\tü€😀\x1b[2J\r\x00\u009b\xffx\n\xf0\x9f\nend 😀\n"
	want := "a\tü€😀\\x1b[2J\\x0d\\x00\\u009b\\xffx\n\\xf0\\x9f\nend 😀\n"
	for range 200 {
		var out bytes.Buffer
		w := NewWriter(&out, Text)
		for rest := text; rest != ""; {
			n := 1 + rand.IntN(len(rest))
			written, err := w.Write([]byte(rest[:n]))
			require.NoError(t, err)
			require.Equal(t, n, written)
			rest = rest[n:]
		}
		require.Equal(t, want, out.String())
	}
}
