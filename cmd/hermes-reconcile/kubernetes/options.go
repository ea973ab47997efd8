package kubernetes

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Options are what a manifest does not say.
type Options struct {
	Namespace string // empty: that of the user that applies
	Image     string // of all gateways, as a registry names it
	RunAs     Accounts
	Storage   string // size of each home, as Kubernetes writes it: 10Gi
}

// What options are where nothing else is said. The account hermes of hermes-agent's image has this
// number.
const (
	DefaultImage   = "hermes-agent"
	DefaultStorage = "10Gi"

	hermesAccount = "hermes"
	hermesNumber  = 10000
)

// Account is what a kernel knows of an account.
type Account struct{ UID, GID int64 }

// Accounts are accounts by name. That of the empty name is for those that are not named.
type Accounts map[string]Account

// ParseAccounts reads UID, UID:GID, NAME=UID and NAME=UID:GID. A cluster knows no names, so each
// that a manifest has needs a number. Without a name it is for all, and the account hermes of the
// image does not count any more. Root is refused, and what 31 bits do not hold.
func ParseAccounts(texts []string) (Accounts, error) {
	all := Accounts{hermesAccount: {hermesNumber, hermesNumber}}
	for _, text := range texts {
		name, numbers, named := strings.Cut(text, "=")
		if !named {
			name, numbers = "", text
			delete(all, hermesAccount)
		}
		account, err := parseAccount(numbers)
		if err != nil || named && name == "" {
			return nil, fmt.Errorf("--run-as %q is not an account (want UID, UID:GID, NAME=UID or NAME=UID:GID, "+
				"numbers from 1 to %d)", text, maxID)
		}
		all[name] = account
	}
	return all, nil
}

// maxID is the largest number of an account that Kubernetes takes.
const maxID = 1<<31 - 1

// parseAccount reads UID or UID:GID. Numbers are what a cluster takes; 32 bits hold all that Linux
// has.
func parseAccount(text string) (Account, error) {
	uid, gid, both := strings.Cut(text, ":")
	if !both {
		gid = uid
	}
	var a Account
	for _, part := range []struct {
		text string
		to   *int64
	}{{uid, &a.UID}, {gid, &a.GID}} {
		n, err := strconv.ParseInt(part.text, 10, 32)
		if err != nil || n < 1 || strconv.FormatInt(n, 10) != part.text {
			return a, strconv.ErrRange // root is no account for a gateway
		}
		*part.to = n
	}
	return a, nil
}

// of is the account of a name: its own, or the one that was given for all.
func (a Accounts) of(name string) (Account, bool) {
	if account, ok := a[name]; ok {
		return account, true
	}
	account, ok := a[""]
	return account, ok
}

// What texts look like that Kubernetes takes.
const (
	namespaceForm = `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`
	imageForm     = `^[A-Za-z0-9][A-Za-z0-9._/:@-]*$`
	storageForm   = `^[1-9][0-9]{0,8}([kMGTP]|[KMGTP]i)?$`
)

func fits(form, text string) bool { return regexp.MustCompile(form).MatchString(text) }

// Check reports the first option that Kubernetes would refuse, with its flag. It goes by the form
// alone: whether there is such an image or storage, the cluster knows.
func (o Options) Check() error {
	switch {
	case o.Namespace != "" && !fits(namespaceForm, o.Namespace):
		return fmt.Errorf("--namespace %q is not the name of a namespace (want a-z, 0-9 and -, at most 63 characters)", o.Namespace)
	case !fits(imageForm, o.Image):
		return fmt.Errorf("--image %q is not the name of an image (want REGISTRY/NAME:TAG)", o.Image)
	case !fits(storageForm, o.Storage):
		return fmt.Errorf("--storage %q is not a size (want a number with Mi, Gi or Ti, such as %s)", o.Storage, DefaultStorage)
	}
	return nil
}
