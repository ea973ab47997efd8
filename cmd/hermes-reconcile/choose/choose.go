// Package choose picks profiles by what a user types: names and globs. It also puts names in the
// order in which a reader looks for them.
//
//	choose.go    names by patterns; natural.go: their order
//	services.go  services by the patterns of their profiles; plan.go: a part of a plan
package choose

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// UnknownError is that no profile has a name, or one that a glob means.
type UnknownError struct{ Pattern string }

func (e *UnknownError) Error() string {
	if IsGlob(e.Pattern) {
		return fmt.Sprintf("no gateway of a profile like %q in the scandir", e.Pattern)
	}
	return fmt.Sprintf("no gateway of profile %q in the scandir", e.Pattern)
}

// BadGlobError is that a glob cannot be understood.
type BadGlobError struct{ Pattern string }

func (e *BadGlobError) Error() string {
	return fmt.Sprintf("%q is not a glob (want * for any text, ? for a character, [a-f] for one of "+
		"these, and \\ before one that means itself)", e.Pattern)
}

// IsGlob reports whether a pattern may mean several names.
func IsGlob(pattern string) bool { return strings.ContainsAny(pattern, `*?[\`) }

// IsOne reports whether the patterns name one profile, and no glob.
func IsOne(patterns []string) bool { return len(patterns) == 1 && !IsGlob(patterns[0]) }

// Match gives the indexes of the names that the patterns mean, each once, in the order of the
// patterns; those of a glob in natural order. No pattern means all, in the order of the names. A
// pattern that is a name means that name, even if it is a glob, too.
func Match(names, patterns []string) ([]int, error) {
	if len(patterns) == 0 {
		return natural(names, func(string) bool { return true }), nil
	}
	index := make(map[string]int, len(names))
	for i, name := range names {
		index[name] = i
	}
	seen := make(map[int]bool, len(patterns))
	var picked []int
	for _, pattern := range patterns {
		found := []int{index[pattern]}
		if _, named := index[pattern]; !named {
			var err error
			if found, err = like(names, pattern); err != nil {
				return nil, err
			}
		}
		for _, i := range found {
			if !seen[i] {
				seen[i] = true
				picked = append(picked, i)
			}
		}
	}
	return picked, nil
}

// like are the indexes of the names that a glob means.
func like(names []string, pattern string) (found []int, err error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, &BadGlobError{pattern}
	}
	if IsGlob(pattern) {
		found = natural(names, func(name string) bool {
			matches, _ := path.Match(pattern, name)
			return matches
		})
	}
	if len(found) == 0 {
		return nil, &UnknownError{pattern}
	}
	return found, nil
}

// natural are the indexes of the names that are wanted, in natural order.
func natural(names []string, wanted func(string) bool) (found []int) {
	for i, name := range names {
		if wanted(name) {
			found = append(found, i)
		}
	}
	slices.SortStableFunc(found, func(a, b int) int { return Natural(names[a], names[b]) })
	return found
}
