// Package names has the rules for the names that a manifest gives: of profiles, accounts and
// variables. Each rule returns the reason why a name cannot be one, in the words of an error
// message, and an empty text for a good name.
package names

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"hermes-reconcile/manifest/wording"
)

// MaxProfile in bytes: s6-svscan ignores names over 251, and the service is called
// gateway-NAME.
const MaxProfile = 251 - len("gateway-")

// ProfileFault is why a name cannot be that of a profile, empty where it can.
func ProfileFault(name string) string {
	if name == "" {
		return "empty profile name (want a-z or 0-9, then a-z, 0-9, - and _)"
	}
	for _, c := range name {
		if reason := characterFault(c, name); reason != "" {
			return reason
		}
	}
	switch {
	case name[0] == '-':
		return `profile name starts with "-" and would be read as an option (want a-z or 0-9 first)`
	case name[0] == '_':
		return `profile name starts with "_" (want a-z or 0-9 first)`
	case len(name) > MaxProfile:
		return fmt.Sprintf(
			"profile name has %d characters (want at most %d: s6-svscan ignores the service gateway-NAME if it has over 251)",
			len(name),
			MaxProfile,
		)
	}
	return ""
}

// characterFault is what is wrong with one character of a profile name.
func characterFault(c rune, name string) string {
	switch {
	case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
		return ""
	case c == '/':
		return `profile name holds "/" (want a name, not a path)`
	case c == '.' && strings.Contains(name, ".."):
		return `profile name holds ".." (want a name, not a path)`
	case c == '.' && name[0] == '.':
		return `profile name starts with "." and s6-svscan ignores such services (want a-z or 0-9 first)`
	case c >= 'A' && c <= 'Z':
		return fmt.Sprintf(
			"profile name holds upper case (want %s)",
			wording.Quote(strings.ToLower(name)),
		)
	case unicode.IsControl(c):
		return fmt.Sprintf(
			"profile name holds the control character U+%04X (want a-z, 0-9, - and _)", c)
	case unicode.IsSpace(c):
		return "profile name holds white space (want a-z, 0-9, - and _)"
	case c >= utf8.RuneSelf:
		return fmt.Sprintf("profile name holds %q, which is not ASCII (want a-z, 0-9, - and _)", c)
	}
	return fmt.Sprintf("profile name holds %q (want a-z, 0-9, - and _)", string(c))
}
