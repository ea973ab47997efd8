package main

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/cmdline"
	"hermes-reconcile/cmd/hermes-reconcile/console"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/oldside"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// differFlags are the flags of commands that compare the manifest with a scandir.
type differFlags struct {
	manifestFlags
	scandirFlags
	outputFlags
	prune    string
	exitCode bool
}

// add gives a command all flags of how plans are made and shown.
func (f *differFlags) add(cmd *cobra.Command, forms ...string) {
	f.manifestFlags.add(cmd)
	f.scandirFlags.add(cmd)
	f.outputFlags.add(cmd, forms...)
	f.addPrune(cmd)
	cmd.Flags().BoolVar(&f.exitCode, "exit-code", false, "exit 2 if there are differences")
}

// addPrune is apart from add, since watch makes plans and shows none.
func (f *differFlags) addPrune(cmd *cobra.Command) {
	cmdline.Choice(cmd, &f.prune, "prune", "",
		"`WHICH` services to remove of those that the manifest does not name",
		string(reconcile.PruneOwned), string(reconcile.PruneAll), string(reconcile.PruneNone))
}

// policy checks the flags, and gives the value of --prune.
func (f *differFlags) policy() (reconcile.Prune, error) {
	if err := f.outputFlags.check(); err != nil {
		return "", err
	}
	return reconcile.Prune(f.prune), nil
}

// exitCodeOf is the result of a command that only compares.
func (f *differFlags) exitCodeOf(r *explain.Report) error {
	if f.exitCode && r.Differs {
		return failure.ErrDiffers
	}
	return nil
}

// diffFlags are the flags of diff.
type diffFlags struct {
	differFlags
	against  string
	progress progressFlags
	looking  *console.Working
	profiles []string // names and globs; none: all
}

// againstLive is the value of --against that means the scandir.
const againstLive = "live"

// newDiffCommand has the flags of diff. It needs s6 only for the live side, so it is there on every
// system.
func newDiffCommand(u ui) *cobra.Command {
	var flags diffFlags
	cmd := &cobra.Command{
		Use: "diff [-f FILE]... [--against SIDE] [PROFILE...]",
		Example: `  hermes-reconcile diff
  hermes-reconcile diff --exit-code -f profiles.d
  git show main:profiles.yaml | hermes-reconcile diff --against -
  hermes-reconcile diff --against old.yaml -o markdown
  hermes-reconcile diff --against history:7`,
		Short: "show what apply would do, and why",
		Long: `Show what apply would do: a line for each profile that differs from the manifest, with the reason, and below it the keys that
change. A change that several profiles have is shown once. With --files the rendered files that differ follow; of a new gateway
only run and log/run (render --out writes all files).

Nothing is changed and no lock is taken. With names or globs only these profiles are compared.

The last line has a digest of the plan: apply --expect DIGEST carries out only this plan.

With --against an older manifest (a file, a folder of *.yaml and *.yml files, or - for standard input) or a folder that render --out
wrote takes the place of the scandir, and no s6 is needed:

  git show main:profiles.yaml | hermes-reconcile diff --against -

With --against history:NUMBER the old side is a manifest that was applied earlier; the command history lists them.

Some facts only a live scandir has; the output names those that are missing. Every gateway is then assumed to be as the old side
asks. An empty folder is a scandir without gateways.`,
		RunE: func(cmd *cobra.Command, profiles []string) error {
			flags.profiles = profiles
			return flags.annotate(u, runDiff(cmd.Context(), u, cmd.InOrStdin(), &flags))
		},
	}
	flags.add(cmd, formText, formJSON, formMarkdown, formGitHub)
	f := cmd.Flags()
	f.StringVar(&flags.against, "against", againstLive,
		"`OLD` side: live, the scandir; another manifest, or - for one on standard input; "+
			"history:NUMBER, one that was applied earlier; or a folder that render wrote")
	flags.progress.add(cmd)
	f.BoolVar(&flags.showFiles, "files", false, "show the rendered files that differ, too")
	f.IntVar(&flags.limit, "limit", explain.CommentLimit,
		"longest markdown, in `BYTES`; a last line names what is left out")
	return cmd
}

// runDiff checks what can be refused before it reads anything: standard input can be read once.
func runDiff(ctx context.Context, u ui, stdin io.Reader, flags *diffFlags) error {
	prune, err := flags.policy()
	if err != nil {
		return err
	}
	if flags.limit < leastLimit {
		return usagef("--limit: %d is too little (want at least %d)", flags.limit, leastLimit)
	}
	if flags.against == sources.Dash && slices.Contains(flags.files, sources.Dash) {
		return usagef(
			"-f - and --against - both read standard input (want a file for one of them)")
	}
	flags.looking = u.beginReading(flags.progress.quiet || flags.form == formJSON, 0, &flags.manifestFlags)
	defer flags.looking.Stop()
	m, err := flags.names().LoadPlaced(ctx)
	if err != nil {
		return err
	}
	dirs, err := render.All(m.Manifest)
	if err != nil {
		return err
	}
	plan, old, err := flags.plan(ctx, u, stdin, m.Manifest, dirs, prune)
	if err != nil {
		return err
	}
	if plan, err = choose.Part(plan, flags.profiles); err != nil {
		return err
	}
	r := flags.explain(plan, m, old, true)
	flags.looking.Stop()
	if err := flags.print(u, &r); err != nil {
		return err
	}
	if flags.form == formText && !flags.showFiles && r.Unexplained() {
		u.hint("files differ for another reason than the manifest: --files shows how")
	}
	return flags.exitCodeOf(&r)
}

// leastLimit has room for the tally and for what was left out, in bytes.
const leastLimit = 2000

// plan compares the manifest with the old side.
func (f *diffFlags) plan(
	ctx context.Context, u ui, stdin io.Reader, m *manifest.Manifest, dirs []render.Servicedir, prune reconcile.Prune,
) (plan reconcile.Plan, old oldside.Side, err error) {
	if f.against == againstLive {
		plan, err = f.live(u, m, dirs, prune, f.looking)
		return plan, oldside.Side{Kind: explain.AgainstLive}, err
	}
	if f.path != "" && !strings.HasPrefix(f.against, oldside.History) {
		return plan, old, usagef("--scandir has no effect with --against %s, which reads no scandir", f.against)
	}
	old, err = oldside.Read(ctx, oldside.Options{
		Against: f.against, Stdin: stdin, Fresh: m, Dirs: dirs,
		Earlier: func(number int) ([]manifest.Source, error) { return f.earlierManifest(m.Scandir, number) },
		Moved: func(old, fresh string) {
			u.warning(explain.WarnOtherScandir,
				"scandir changes from %q to %q: apply looks at the new one only, and gateways in the old one keep running",
				old, fresh)
		},
	})
	if err == nil {
		plan, err = old.Plan(dirs, prune)
	}
	return plan, old, err
}
