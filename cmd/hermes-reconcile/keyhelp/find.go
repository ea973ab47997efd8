package keyhelp

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"hermes-reconcile/manifest/wording"
)

// UnknownError is that a manifest has no such key.
type UnknownError struct {
	Key   string
	Meant string // a key that it may be a misspelling of, or empty
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("a manifest has no key %s", wording.Quote(e.Key))
}

// element is the part of a place in a manifest that counts: command[4].
var element = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\[[0-9]*\]$`)
})

// Find looks up a key as a user writes it: port, ready.http or http alone, below `defaults` or
// below a profile of any name, and also as messages name what is wrong: env.LOG_LEVEL, command[4].
func Find(keys []Key, typed string) (Key, error) {
	before, name := bare(strings.TrimSuffix(element().ReplaceAllString(typed, ""), ":"))
	if k, found := named(keys, name, before != ""); found {
		return k, nil
	}
	err := &UnknownError{Key: typed}
	if meant := wording.Nearest(name, namesOf(keys)); meant != "" {
		err.Meant = before + meant
	}
	return Key{}, err
}

// bare takes from a key what it stands below, if it is a key of a profile.
func bare(typed string) (before, name string) {
	parts := strings.Split(typed, ".")
	drop := map[string]int{"defaults": 1, "profiles": 2}[parts[0]]
	if drop == 0 || len(parts) == 1 {
		return "", typed
	}
	if len(parts) == drop { // one profile
		return "", parts[0]
	}
	return strings.Join(parts[:drop], ".") + ".", strings.Join(parts[drop:], ".")
}

// named is the key with that name. The name may be that of a variable below a key, or, if no key
// has it, the last part of the name of one key.
func named(keys []Key, name string, below bool) (Key, bool) {
	first, _, isLonger := strings.Cut(name, ".")
	var ends []Key
	for _, k := range keys {
		inside := strings.HasPrefix(k.Path, inProfile)
		switch {
		case below && !inside:
		case k.Name == name, isLonger && k.Name == first && isMap(k):
			return k, true
		case strings.HasSuffix(k.Name, "."+name) && !below:
			ends = append(ends, k)
		}
	}
	if len(ends) == 1 {
		return ends[0], true
	}
	return Key{}, false
}

// isMap reports whether any name may stand below a key.
func isMap(k Key) bool { return strings.HasPrefix(k.Type, "map of variables") }

// Typed are the keys as they can be typed, for a shell to complete. Those of a profile and of
// `defaults` are short unless a user has begun to write what they stand below.
func Typed(keys []Key, begun string) (all []Key) {
	before, _, below := strings.Cut(begun, ".")
	switch {
	case below && before == "profiles":
		name, _, named := strings.Cut(strings.TrimPrefix(begun, "profiles."), ".")
		if !named || name == "" {
			name = "NAME"
		}
		before = "profiles." + name
	case !below || before != "defaults":
		return keys
	}
	for _, k := range keys {
		if strings.HasPrefix(k.Path, inProfile) &&
			(before != "defaults" || strings.HasSuffix(k.Places, "and in defaults")) {
			k.Name = before + "." + k.Name
			all = append(all, k)
		}
	}
	return all
}

// namesOf are the names that a misspelt key is compared with. A nested key counts by its last part,
// too, as people write it.
func namesOf(keys []Key) (names []string) {
	for _, k := range keys {
		names = append(names, k.Name)
		if _, last, is := strings.Cut(k.Name, "."); is {
			names = append(names, last)
		}
	}
	return names
}
