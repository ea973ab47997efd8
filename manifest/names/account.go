package names

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"hermes-reconcile/manifest/wording"
)

// MaxAccount is the longest account name that useradd(8) makes.
const MaxAccount = 32

// AccountText is a login name as useradd(8) takes it, upper case and dots included.
const AccountText = `^[A-Za-z0-9_.][A-Za-z0-9_.-]*$`

var isAccount = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(AccountText) })

// NumberText is a user id, which is no name.
const NumberText = `^[0-9]+$`

// IsNumber reports whether a text is digits alone.
func IsNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// AccountFault is why a text cannot be the account of a gateway, empty where it can.
func AccountFault(text string) string {
	switch {
	case IsNumber(text):
		return wording.Clip(text) +
			" is a number (want the name of an account: s6-setuidgid looks its groups up by name)"
	case len(text) > MaxAccount:
		return fmt.Sprintf(
			"%s has %d characters (want an account name of at most %d)",
			wording.Quote(text),
			len(text),
			MaxAccount,
		)
	case !isAccount().MatchString(text):
		return wording.Quote(text) +
			` is not an account name (want letters, digits, "_", "." and "-", and no "-" first)`
	}
	return ""
}
