package failure

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile"
)

// said is a line for each error, and one for its hint.
func said(errs []error) string {
	var b strings.Builder
	for _, err := range errs {
		b.WriteString(err.Error() + "\n")
		if hint := usage.HintOf(err); hint != "" {
			b.WriteString("hint: " + hint + "\n")
		}
	}
	return b.String()
}

func TestEqualErrorsAreOneLineWithACount(t *testing.T) {
	var all []Complaint
	for i := range 97 {
		all = append(all, Complaint{Verb: "create", Service: fmt.Sprintf("gateway-p%02d", i), Why: "not supervised: timed out after 15s"})
	}
	all = append(all,
		Complaint{Verb: "remove", Service: "gateway-a", Why: "timed out after 15s waiting for gateway-a to stop"},
		Complaint{Verb: "remove", Service: "gateway-b", Why: "timed out after 15.1s waiting for gateway-b to stop"},
		Complaint{Verb: "update", Service: "gateway-c", Why: "timed out after 15s waiting for gateway-c to stop"})
	got := said(Together(all))
	require.Equal(t, `cannot create 97 gateways: not supervised: timed out after 15s: gateway-p00, gateway-p01, gateway-p02 and 94 more
cannot remove 2 gateways: timed out after 15s waiting for gateway-NAME to stop: gateway-a, gateway-b
cannot update gateway-c: timed out after 15s waiting for gateway-c to stop
`, got)
}

func TestEqualLatenessIsOneLineWithACount(t *testing.T) {
	got := said(Together([]Complaint{
		{Service: "gateway-a", Why: "not ready after 1m15s: up (pid 3), http://127.0.0.1:9201/: refused", Hint: "see its log in /logs/a/current"},
		{Service: "gateway-b", Why: "not ready after 1m15s: up (pid 4), http://127.0.0.1:9202/: refused", Hint: "see its log in /logs/b/current"},
		{Service: "gateway-c", Why: "not ready: ended (exited 78)", Hint: "see its log in /logs/c/current"},
	}))
	require.Equal(t, `2 gateways: not ready after 1m15s: up (pid N), http://127.0.0.1:PORT/: refused: gateway-a, gateway-b
hint: see its log in /logs/NAME/current
gateway-c: not ready: ended (exited 78)
hint: see its log in /logs/c/current
`, got)
}

func TestEqualWarningsAreOneLineWithACount(t *testing.T) {
	got := NotesTogether([]reconcile.Note{
		{Code: reconcile.NoteKilled, Text: "gateway-a did not stop within 3s: killed"},
		{Code: reconcile.NoteRescanned, Text: "rescanned once more"},
		{Code: reconcile.NoteKilled, Text: "gateway-b did not stop within 3s: killed"},
		{Text: "gateway-c is odd"},
	})
	require.Equal(t, []reconcile.Note{
		{Code: reconcile.NoteKilled, Text: "gateway-NAME did not stop within 3s: killed (2 gateways: gateway-a, gateway-b)"},
		{Code: reconcile.NoteRescanned, Text: "rescanned once more"},
		{Text: "gateway-c is odd"},
	}, got)
}

// TestWhatFailedTwiceIsOneLine: a restart is a stop and a start, and each may fail.
func TestWhatFailedTwiceIsOneLine(t *testing.T) {
	got := said(Together([]Complaint{{Verb: "restart", Service: "gateway-a", Why: "cannot stop\ncannot start"}}))
	require.Equal(t, "cannot restart gateway-a: cannot stop; cannot start\n", got)
}
