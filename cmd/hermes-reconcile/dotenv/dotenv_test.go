package dotenv

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want map[string]string
	}{
		"plain":          {"A=1\nB = two words \n", map[string]string{"A": "1", "B": "two words"}},
		"quotes":         {`A="x # y" # z` + "\nB='it is'\n", map[string]string{"A": "x # y", "B": "it is"}},
		"export":         {"export A=1\n", map[string]string{"A": "1"}},
		"comments":       {"# A=1\nB=2 # two\nC=a#b\n", map[string]string{"B": "2", "C": "a#b"}},
		"last one":       {"A=1\nA=2\n", map[string]string{"A": "2"}},
		"empty":          {"A=\n", map[string]string{"A": ""}},
		"byte order":     {"\uFEFFA=1", map[string]string{"A": "1"}},
		"CR":             {"A=1\r\nB=2\r\n", map[string]string{"A": "1", "B": "2"}},
		"no assignments": {"A\n1B=2\n=3\n", map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, Parse([]byte(c.text))) })
	}
}
