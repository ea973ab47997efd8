// Package tokens knows which variables hold what only one gateway at a time can use, which of all
// that a profile says of one counts, and finds profiles that would use the same. It opens nothing.
package tokens

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"hermes-reconcile/manifest"
)

// Exclusive are the variables of hermes-agent that name one account of a chat service for one
// gateway: a second gateway with the same value takes messages from the first, or is refused. They
// are those for which hermes-agent takes a lock on the machine (_acquire_platform_lock in its
// adapters). Sorted.
var Exclusive = []string{
	"DISCORD_BOT_TOKEN",
	"FEISHU_APP_ID",
	"QQ_APP_ID",
	"SIGNAL_ACCOUNT",
	"SLACK_APP_TOKEN",
	"TELEGRAM_BOT_TOKEN",
	"WEIXIN_TOKEN",
}

// Is reports whether a variable is one of Exclusive.
func Is(variable string) bool {
	_, found := slices.BinarySearch(Exclusive, variable)
	return found
}

// Digest is a keyed digest of a value, to compare values without them: the lower-case hexadecimal
// HMAC-SHA256. An empty value has an empty digest: it is no token.
func Digest(key []byte, value string) string {
	if value == "" {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(value))
	return hex.EncodeToString(mac.Sum(nil))
}

// Use is one profile's value of a variable, and where that comes from: "env", "secrets", ".env".
// Same is equal in two uses if and only if their values are.
type Use struct {
	Profile, Variable string
	Same              string
	From              string
}

// Shared are uses of the same value by several profiles, in the order in which they were given.
type Shared struct {
	Variable string
	Uses     []Use
}

// Find finds the values that several profiles use, sorted by variable and first profile. A use with
// an empty Same is none.
func Find(uses []Use) []Shared {
	byValue := map[[2]string][]Use{}
	for _, u := range uses {
		if u.Same == "" {
			continue
		}
		k := [2]string{u.Variable, u.Same}
		byValue[k] = append(byValue[k], u)
	}
	var all []Shared
	for _, v := range slices.SortedFunc(maps.Values(byValue), order) {
		if len(v) > 1 {
			all = append(all, Shared{v[0].Variable, v})
		}
	}
	return all
}

// order sorts by variable, then by profile.
func order(a, b []Use) int {
	return slices.Compare(
		[]string{a[0].Variable, a[0].Profile}, []string{b[0].Variable, b[0].Profile})
}

// OfManifest are the uses that a manifest itself tells of: equal values of `env`, equal files of
// `secrets`. Profiles that should be down use nothing.
func OfManifest(m *manifest.Manifest) (uses []Use) {
	for i := range m.Profiles {
		p := &m.Profiles[i]
		if p.State == manifest.StateDown {
			continue
		}
		for _, v := range p.Env {
			if Is(v.Name) && v.Value != "" {
				uses = append(uses, Use{p.Name, v.Name, "value " + v.Value, "env"})
			}
		}
		for _, s := range p.Secrets {
			if Is(s.Name) {
				uses = append(uses, Use{p.Name, s.Name, "file " + s.File, "secrets"})
			}
		}
	}
	return uses
}
