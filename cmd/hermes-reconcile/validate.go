package main

import (
	"github.com/spf13/cobra"

	"hermes-reconcile/manifest"
)

func newValidateCommand(u ui) *cobra.Command {
	var flags manifestFlags
	cmd := &cobra.Command{
		Use:   "validate [-f FILE]... [FILE...]",
		Short: "check the manifest alone; needs no s6",
		Long: `Check the manifest alone, and say all that is wrong with it, each error with its place. No scandir is looked at, and no s6 is
needed. It exits 0 if the manifest is right, else 100. A FILE is the same with -f and without.`,
		Example: `  hermes-reconcile validate
  hermes-reconcile validate -f profiles.d
  git show main:profiles.yaml | hermes-reconcile validate -f -`,
		RunE: func(_ *cobra.Command, files []string) error {
			flags.files = append(flags.files, files...)
			m, err := flags.load()
			if err != nil {
				return err
			}
			u.warnLongNames(m)
			u.info("valid: %s", count(len(m.Profiles), "profile"))
			return nil
		},
	}
	flags.add(cmd)
	return cmd
}

// warnLongNames names the profiles whose names hermes refuses.
func (u ui) warnLongNames(m *manifest.Manifest) {
	for i := range m.Profiles {
		p := &m.Profiles[i]
		if len(p.Name) > manifest.LongestHermes && p.IsHermes() {
			u.warning("%s: profiles.%s: the name has %d characters, and hermes takes at most %d",
				p.Pos, p.Name, len(p.Name), manifest.LongestHermes)
		}
	}
}
