package names

import (
	"fmt"
	"regexp"

	"hermes-reconcile/manifest/wording"
)

// MaxAccount is the longest account name that useradd(8) makes.
const MaxAccount = 32

// AccountText is a login name as useradd(8) takes it, upper case and dots included.
var AccountText = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.-]*$`)

// NumberText is a user id, which is no name.
var NumberText = regexp.MustCompile(`^[0-9]+$`)

// AccountFault is why a text cannot be the account of a gateway, empty where it can.
func AccountFault(text string) string {
	switch {
	case NumberText.MatchString(text):
		return wording.Clip(text) +
			" is a number (want the name of an account: s6-setuidgid looks its groups up by name)"
	case len(text) > MaxAccount:
		return fmt.Sprintf("%s has %d characters (want an account name of at most %d)", wording.Quote(text),
			len(text), MaxAccount)
	case !AccountText.MatchString(text):
		return wording.Quote(text) +
			` is not an account name (want letters, digits, "_", "." and "-", and no "-" first)`
	}
	return ""
}
