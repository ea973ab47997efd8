package loglines

import (
	"regexp"
	"strings"
	"sync"
)

// The exit codes of a hermes that refuses to start: its command line (argparse), and its profile.
const (
	ExitRefused   = 2
	ExitNoProfile = 1
)

// refusal is the last line of what argparse prints, or what hermes says of a profile that it does
// not have.
var refusal = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(UnknownProfile + ` '.*' does not exist.*|` +
		`\bhermes[a-z -]*: error: (unrecognized arguments|argument |invalid choice|the following arguments|ambiguous option).*`)
})

// UnknownProfile is how the latter begins.
const UnknownProfile = "Error: Profile"

// Refusal is the last line of a log in which hermes refuses its command line, or its profile;
// empty: there is none. It may be of any length.
func Refusal(log string) string {
	found := ""
	for line := range strings.Lines(log) {
		if said := refusal().FindString(strings.TrimSpace(line)); said != "" {
			found = said
		}
	}
	return found
}
