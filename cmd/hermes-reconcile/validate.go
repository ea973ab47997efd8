package main

import (
	"errors"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/tokens"
	"hermes-reconcile/manifest"
)

// newValidateCommand looks at nothing but the manifest, so that it runs in CI as on a container.
func newValidateCommand(u ui) *cobra.Command {
	var flags manifestFlags
	var form string
	cmd := &cobra.Command{
		Use:   "validate [-f FILE]... [FILE...]",
		Short: "check the manifest alone; needs no s6",
		Long: `Check the manifest alone, and report all errors in it, each with its place. No scandir is read, and no s6 is needed. It exits 0
if the manifest is valid, else 100. A FILE is the same with -f and without.

A warning names profiles that are given the same token of a chat service, which only one gateway at a time can use.`,
		Example: `  hermes-reconcile validate
  hermes-reconcile validate -f profiles.d
  git show main:profiles.yaml | hermes-reconcile validate -f -`,
		RunE: func(cmd *cobra.Command, files []string) error {
			flags.files = append(flags.files, files...)
			m, err := flags.names().Load(cmd.Context())
			if form == formJSON { // also for a manifest that is wrong: its errors are messages of their own
				err = errors.Join(err, u.document(explain.ValidationOf(m)))
			}
			if err != nil {
				return err
			}
			u.warnLongNames(m)
			u.warnTokens(m)
			if form == formText {
				u.info("valid: %s", count(len(m.Profiles), "profile"))
			}
			return nil
		},
	}
	flags.add(cmd)
	addPlainForm(cmd, &form)
	return cmd
}

// warnLongNames names the profiles with names that hermes refuses.
func (u ui) warnLongNames(m *manifest.Manifest) {
	for i := range m.Profiles {
		p := &m.Profiles[i]
		if len(p.Name) > manifest.LongestHermes && p.IsHermes() {
			u.warning(explain.WarnLongName, "%s: profiles.%s: the name has %d characters, and hermes takes at most %d",
				p.Pos, p.Name, len(p.Name), manifest.LongestHermes)
		}
	}
}

// warnTokens names the tokens that the manifest gives to several profiles, while only one gateway
// at a time can use them. doctor compares the contents of files, too.
func (u ui) warnTokens(m *manifest.Manifest) {
	for _, shared := range tokens.Find(tokens.OfManifest(m)) {
		first := shared.Uses[0]
		for _, use := range shared.Uses[1:] {
			u.warning(
				explain.WarnSameToken,
				"%s: profiles.%s: %s is the same in %s of profile %s (give each its own: "+
					"only one gateway at a time can use it)",
				m.Profile(use.Profile).Pos,
				use.Profile,
				use.Variable,
				first.From,
				first.Profile,
			)
		}
	}
}
