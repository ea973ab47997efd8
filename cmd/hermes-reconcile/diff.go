package main

import (
	"github.com/spf13/cobra"

	"hermes-reconcile/reconcile"
)

// differFlags are the flags of commands that compare the manifest with a scandir.
type differFlags struct {
	manifestFlags
	scandirFlags
	prune    string
	exitCode bool
}

func (f *differFlags) add(cmd *cobra.Command) {
	f.manifestFlags.add(cmd)
	f.scandirFlags.add(cmd)
	cmd.Flags().StringVar(&f.prune, "prune", string(reconcile.PruneOwned),
		"which services that the manifest does not name to remove: `owned|all|none`")
	cmd.Flags().BoolVar(&f.exitCode, "exit-code", false, "exit 2 if there are differences")
}

// policy checks the value of --prune.
func (f *differFlags) policy() (reconcile.Prune, error) {
	switch p := reconcile.Prune(f.prune); p {
	case reconcile.PruneOwned, reconcile.PruneAll, reconcile.PruneNone:
		return p, nil
	}
	return "", usagef("--prune: %q is not known (want owned, all or none)", f.prune)
}

// differs is the result of a command that only compares.
func (f *differFlags) differs(p reconcile.Plan) error {
	if f.exitCode && !p.Empty() {
		return errDiffers
	}
	return nil
}

func newDiffCommand(u ui) *cobra.Command {
	var flags differFlags
	cmd := &cobra.Command{
		Use:   "diff [-f FILE]...",
		Short: "show what apply would do, and why",
		Long: `Show what apply would do to the scandir: a line for each profile that is not as the manifest says, with the reason,
then the files that differ. Of a new gateway only run and log/run are shown; render --out writes all of it.
Nothing is changed and no lock is taken.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return runDiff(u, &flags) },
	}
	flags.add(cmd)
	return cmd
}

func runDiff(u ui, flags *differFlags) error {
	prune, err := flags.policy()
	if err != nil {
		return err
	}
	m, dirs, err := flags.rendered()
	if err != nil {
		return err
	}
	plan, err := flags.live(u, m, dirs, prune)
	if err != nil {
		return err
	}
	u.plan(plan)
	u.files(plan)
	return flags.differs(plan)
}
