package servicetree

import (
	"strings"

	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/safefile"
)

// mostNames is how many entries of a folder are looked at for names.
const mostNames = 100_000

// ProfilesIn are the profiles that have a service directory in a folder, by the names of these alone.
// What cannot be read has none.
func ProfilesIn(folder string) (names []string) {
	tree, err := safefile.OpenTree(folder)
	if err != nil {
		return nil
	}
	defer tree.Close()
	entries, _ := tree.Entries(".", mostNames)
	for _, e := range entries {
		if name, found := strings.CutPrefix(e.Name(), render.Prefix); found {
			names = append(names, name)
		}
	}
	return names
}
