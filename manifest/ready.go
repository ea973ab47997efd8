package manifest

import (
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// requestText is a path and perhaps a query, of what RFC 3986 lets stand in a request and what
// browsers send besides.
var requestText = regexp.MustCompile(`^/([!"$&-~]|%[0-9A-Fa-f]{2})*$`)

// maxRequest is below what any HTTP server takes, in bytes (RFC 9110 section 4.1 asks for 8000).
const maxRequest = 2000

var requestPath = kind[string]{readRequestPath, shape{
	Type: types{"string"}, Pattern: requestText.String(), MaxLength: maxRequest,
}, writeText[string]}

func readRequestPath(r *yamlReader, at *path, n *yaml.Node) (string, bool) {
	text, ok := readText(r, at, n)
	if !ok {
		return "", false
	}
	switch {
	case !strings.HasPrefix(text, "/"):
		r.fault(
			n,
			at,
			`%s is not a path (want one that starts with "/", such as /health: host and port are the gateway's)`,
			quote(text),
		)
	case len(text) > maxRequest:
		r.fault(n, at, "has %d characters (want a path of at most %d)", len(text), maxRequest)
	case !requestText.MatchString(text):
		r.fault(n, at,
			`%s is no path of a URL (want ASCII without blanks and "#"; write others as %%XX)`,
			quote(text))
	default:
		return text, true
	}
	return "", false
}

// giveReady checks what the profile and defaults say of its readiness together, and drops it where
// there is nothing to ask: defaults speak of those profiles that have a port.
func (r *reader) giveReady(p *Profile, e *entry, defaults *settings) {
	own := e.settings.ready
	asked := own.state == given
	inherits := own.state == absent && defaults.ready.state == given
	http := choose(own.value.http, defaults.ready.value.http, "")
	at := e.path.key("ready")
	switch {
	case asked && http.state == absent:
		r.faultAt(own.at, at,
			"http is missing (want the path that answers once the gateway serves, such as /health)")
	case asked && !e.hasPort():
		r.faultAt(own.at, at,
			"asks the gateway on its port, but the profile has none (want a port, or no ready)")
	}
	if !asked && !inherits || p.Ready.HTTP == "" || p.Port == 0 {
		p.Ready = nil
	}
}
