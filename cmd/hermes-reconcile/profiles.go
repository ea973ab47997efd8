package main

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/containerenv"
	"hermes-reconcile/manifest"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/safefile"
)

// takesProfiles finds the commands with arguments that are profiles, by how they are used.
func takesProfiles(use string) bool {
	words := strings.FieldsFunc(use, func(r rune) bool { return !unicode.IsLetter(r) })
	return slices.Contains(words, "PROFILE") || slices.Contains(words, "NAME")
}

// knownProfiles are the profiles that a command line can mean, sorted: those of the manifest and
// those of the scandir that its flags name. What cannot be read has none, since a shell asks while
// a line is typed.
func knownProfiles(cmd *cobra.Command) []string {
	m, scandir := meant(cmd)
	var names []string
	if m != nil {
		names = namesOf(m)
	}
	names = append(names, gatewaysIn(scandir)...)
	slices.Sort(names)
	return slices.Compact(names)
}

// meant are the manifest, if it can be read, and the scandir that the flags of a command mean.
func meant(cmd *cobra.Command) (m *manifest.Manifest, scandir string) {
	var file manifestFlags
	file.files, _ = cmd.Flags().GetStringArray("file")
	scandir = containerenv.Look(scandirVariable)
	if f := cmd.Flags().Lookup("scandir"); f != nil {
		scandir = cmp.Or(f.Value.String(), scandir)
	}
	if m, err := file.names().Load(); err == nil {
		return m, cmp.Or(scandir, m.Scandir)
	}
	return nil, cmp.Or(scandir, defaultScandir)
}

// gatewaysIn are the profiles that have a service directory in a scandir.
func gatewaysIn(scandir string) (names []string) {
	tree, err := safefile.OpenTree(scandir)
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

// mostNames is how many entries of a scandir are looked at for a completion.
const mostNames = 100_000

// namesOf are the profiles of a manifest.
func namesOf(m *manifest.Manifest) (names []string) {
	for _, p := range m.Profiles {
		names = append(names, p.Name)
	}
	return names
}
