package values

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/wording"
	"hermes-reconcile/manifest/yamlfile"
)

// requestText is a path and perhaps a query, of what RFC 3986 lets stand in a request and what
// browsers send besides.
const requestText = `^/([!"$&-~]|%[0-9A-Fa-f]{2})*$`

var isRequest = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(requestText) })

// maxRequest is below what any HTTP server takes, in bytes (RFC 9110 section 4.1 asks for 8000).
const maxRequest = 2000

// RequestPath is what to ask a gateway for; host and port are never in it.
var RequestPath = Kind[string]{readRequestPath, Shape{
	Type: Types{"string"}, Pattern: requestText, MaxLength: maxRequest,
	Sort: "path of a URL", Bounds: fmt.Sprintf("at most %d characters", maxRequest),
}, WriteText[string]}

// readRequestPath refuses what would not be sent as it is written.
func readRequestPath(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (string, bool) {
	text, ok := ReadText(r, at, n)
	if !ok {
		return "", false
	}
	switch {
	case !strings.HasPrefix(text, "/"):
		r.Fault(
			n,
			at,
			`%s is not a path (want one that starts with "/", such as /health: host and port are the gateway's)`,
			wording.Quote(text),
		)
	case len(text) > maxRequest:
		r.Fault(n, at, "has %d characters (want a path of at most %d)", len(text), maxRequest)
	case !isRequest().MatchString(text):
		r.Fault(n, at,
			`%s is not the path of a URL (want ASCII without blanks and "#"; write others as %%XX)`,
			wording.Quote(text))
	default:
		return text, true
	}
	return "", false
}
