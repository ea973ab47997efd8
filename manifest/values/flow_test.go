package values

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// TestFlowIsWhatTheEncoderWrites, for all that may stand in an excerpt.
func TestFlowIsWhatTheEncoderWrites(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	ours := 0
	for range 20_000 {
		n := randomNode(r, 4)
		QuoteTexts(n)
		want, err := yaml.Marshal(n)
		require.NoError(t, err)
		got, ok := AppendFlow(nil, n)
		if !ok {
			continue
		}
		ours++
		require.Equal(t, string(bytes.TrimSuffix(want, []byte("\n"))), string(got))
	}
	require.Greater(t, ours, 5000, "of 20000, most are left to the encoder")
}

func randomNode(r *rand.Rand, depth int) *yaml.Node {
	kind := r.IntN(4)
	if depth == 0 {
		kind = 0
	}
	switch kind {
	case 1:
		n := Mapping(yaml.FlowStyle * yaml.Style(r.IntN(2)))
		for range r.IntN(4) {
			Add(n, randomText(r), randomNode(r, depth-1))
		}
		return n
	case 2:
		n := WriteList(nil)
		for range r.IntN(4) {
			n.Content = append(n.Content, randomNode(r, depth-1))
		}
		return n
	}
	switch r.IntN(9) {
	case 3:
		return writeDuration(time.Duration(r.IntN(1e6)) * time.Millisecond)
	case 0:
		return WriteNull()
	case 1:
		return WriteInteger(r.IntN(100_000))
	case 2:
		return Scalar("!!bool", "true")
	}
	return WriteText(randomText(r))
}

// fragments are what YAML, or this program, might take for something else than text.
var fragments = []string{
	"a", "Z", "7", " ", "-", "--", "_", "/", ".", "@", "+", "no", "null", "~", "true", "1.5", "0x1f", "'", `"`, `\`, "{", "}", "[", "]",
	",", ":", ": ", " #", "#", "&", "*", "!", "!!str", "|", ">", "%", "`", "?", "<<", "=", "\n", "\t", "\x00", "é", "\u2028", "\xff", "2001-01-01",
	"a-word-that-is-rather-long-to-make-lines-that-an-encoder-might-fold",
}

func randomText(r *rand.Rand) string {
	text := ""
	for range r.IntN(4) {
		text += fragments[r.IntN(len(fragments))]
	}
	return text
}

func TestPlainTextAndNumbers(t *testing.T) {
	plain := regexp.MustCompile(`^(/|--?[A-Za-z]|[A-Za-z_])[A-Za-z0-9_./@+-]*$`)
	decimal := regexp.MustCompile(`^[+-]?(0|[1-9][0-9]*)$`)
	r := rand.New(rand.NewPCG(3, 4))
	const alphabet = "aZ_/.@+-017 \n{\x80é"
	for range 50_000 {
		b := make([]byte, r.IntN(5))
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		text := string(b)
		require.Equal(t, plain.MatchString(text), isPlain(text), "%q", text)
		require.Equal(t, decimal.MatchString(text), IsDecimal(text), "%q", text)
	}
}
