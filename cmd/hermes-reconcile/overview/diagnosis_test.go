package overview

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
)

// TestDoctorFitsItsTerminal: words go on below their column, or in lines of their own, and none is
// lost.
func TestDoctorFitsItsTerminal(t *testing.T) {
	d := explain.NewDiagnosis("/run/service", []explain.Finding{
		{Check: "supervisor", Level: explain.LevelOK, Object: "s6", Found: "the programs of s6 are in /usr/bin", Hint: ""},
		{Check: "plan", Level: explain.LevelWarning, Object: "manifest and scandir", Found: "apply would change something: 1 to update, 1 to stop", Hint: "hermes-reconcile diff, then hermes-reconcile apply"},
		{Check: "home", Level: explain.LevelError, Object: "/opt/data/é", Found: "hermes: cannot use \"/opt/data\": it is not a folder", Hint: "let the user of the gateways write there, or set another HERMES_HOME"},
	})
	require.Equal(t, string(d.Text()), string(Diagnosis(&d, 200)))
	require.Equal(t, `LEVEL    CHECK       OBJECT                FOUND
ok       supervisor  s6                    the programs of s6 are in /usr/bin
warning  plan        manifest and scandir  apply would change something: 1 to update,
                                           1 to stop
                                           hint: hermes-reconcile diff, then
                                           hermes-reconcile apply
error    home        /opt/data/é           hermes: cannot use "/opt/data": it is not a
                                           folder
                                           hint: let the user of the gateways write
                                           there, or set another HERMES_HOME
1 error, 1 warning, 1 ok
`, string(Diagnosis(&d, 86)))
	require.Equal(t, `LEVEL    CHECK       OBJECT                FOUND
ok       supervisor  s6
    the programs of s6 are in /usr/bin
warning  plan        manifest and scandir
    apply would change something: 1 to update, 1 to stop
    hint: hermes-reconcile diff, then hermes-reconcile apply
error    home        /opt/data/é
    hermes: cannot use "/opt/data": it is not a folder
    hint: let the user of the gateways write there, or set
    another HERMES_HOME
1 error, 1 warning, 1 ok
`, string(Diagnosis(&d, 60)))
	for width := range 120 {
		narrow := string(Diagnosis(&d, width))
		require.Equal(t, strings.Fields(string(d.Text())), strings.Fields(narrow), width)
		for line := range strings.Lines(narrow) {
			if width >= 60 {
				require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), width, line)
			}
		}
	}
}
