//go:build linux

package scandir

import (
	"slices"
	"strings"
)

// Culprits are the entries of the scandir that abort scans of s6 2.12 and later: symlinks that lead
// nowhere. Their owners alone may know where they should lead, so they are named and not removed.
func (s *Scandir) Culprits() []string {
	own, err := s.Dir.Open(".") // several of us may look at once, and a listing has a position
	if err != nil {
		return nil
	}
	defer own.Close()
	names, err := own.Names()
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Sorted(slices.Values(names)), func(name string) bool {
		return strings.HasPrefix(name, ".") || !own.Dangles(name)
	})
}
