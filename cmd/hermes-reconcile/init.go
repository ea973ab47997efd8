package main

import (
	_ "embed"
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/discover"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/masking"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/writing"
	"hermes-reconcile/reconcile/servicetree"
)

// initFlags say what there is to look at, and where the manifest goes.
type initFlags struct {
	home, scandir, kubernetes, out string
	example                        bool
	form                           string
}

// exampleManifest is for a user that has nothing yet: valid as it is, with the common keys in
// comments.
//
//go:embed init_example.yaml
var exampleManifest []byte

// newInitCommand has the flags of init. It never writes to a file that is there: that may be a
// manifest which people have worked on.
func newInitCommand(u ui) *cobra.Command {
	var flags initFlags
	cmd := &cobra.Command{
		Use:   "init --from-home|scandir|kubernetes DIR|--example",
		Short: "write a manifest for what is there; needs no s6",
		Long: `Write a manifest for what is there: the profiles of a Hermes home; the gateways of a scandir, whatever made them, or of a folder
that render wrote; or the objects of Kubernetes that export wrote. With --example the manifest is a commented one to start from.
It goes to standard output, or to a new file. Nothing else is written, and nothing is run.

Comments in the manifest say what it could not take over: read them, then see with diff what an apply would do.`,
		Example: `  hermes-reconcile init --from-scandir /run/service --out profiles.yaml
  hermes-reconcile init --from-home /opt/data
  hermes-reconcile init --example --out profiles.yaml`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return runInit(u, flags) },
	}
	cmd.Flags().
		StringVar(&flags.home, "from-home", "", "`DIR` that is a HERMES_HOME: the profiles in it")
	cmd.Flags().
		StringVar(&flags.scandir, "from-scandir", "", "`DIR` that s6-svscan runs on, or that render wrote: the gateways in it")
	cmd.Flags().
		StringVar(&flags.kubernetes, "from-kubernetes", "", "`DIR` that export wrote: the gateways of its objects as they are now")
	cmd.Flags().
		BoolVar(&flags.example, "example", false, "write a commented manifest to start from")
	cmd.Flags().
		StringVar(&flags.out, "out", "", "`FILE` to write, which must not be there (else standard output)")
	addPlainForm(cmd, &flags.form)
	return cmd
}

// runInit writes what was found although some of it was not understood: comments say so beside it.
func runInit(u ui, flags initFlags) error {
	if err := flags.check(); err != nil {
		return err
	}
	if flags.example {
		return flags.writeExample(u)
	}
	found, err := flags.discover()
	if err != nil {
		return err
	}
	found.AdviseSecrets(regexp.MustCompile(masking.SecretNames))
	text, err := writing.Write(found.Draft)
	if err != nil {
		return err
	}
	for _, warning := range found.Warnings {
		u.warning(explain.WarnDraft, "%s", warning)
	}
	profiles := found.Draft.Manifest.Profiles
	return flags.write(u, text, profiles, count(len(profiles), "profile"))
}

// writeExample writes the manifest for a user that has nothing yet.
func (f initFlags) writeExample(u ui) error {
	m, err := manifest.Parse([]manifest.Source{{Name: "example", Data: exampleManifest}})
	if err != nil {
		return err
	}
	return f.write(u, exampleManifest, m.Profiles, "an example")
}

// check wants one source of the manifest.
func (f initFlags) check() error {
	given := 0
	for _, is := range []bool{f.home != "", f.scandir != "", f.kubernetes != "", f.example} {
		if is {
			given++
		}
	}
	if given == 1 {
		return nil
	}
	return withHint(usagef("want one of --from-home, --from-scandir, --from-kubernetes and --example"),
		"%s init --help", program)
}

// write prints the manifest, or makes a new file of it and says what it has written.
func (f initFlags) write(u ui, text []byte, profiles []manifest.Profile, what string) error {
	draft := explain.Draft{Format: explain.OutputFormat, Profiles: explain.ProfilesOf(profiles), File: f.out}
	if f.out == "" {
		if f.form == formJSON {
			draft.Manifest = string(text)
			return u.document(draft)
		}
		_, err := u.stdout.Write(text)
		return err
	}
	if err := servicetree.WriteNew(f.out, text); errors.Is(err, fs.ErrExist) {
		return withHint(usage.New(err), "name a new file with --out")
	} else if err != nil {
		return usage.Unwritten(err, "file")
	}
	defer u.hint("read its comments, then: %s diff -f %s", program, f.out)
	if f.form == formJSON {
		return u.document(draft)
	}
	u.info("wrote %s to %s", what, f.out)
	return nil
}

// discover looks at the folder that the flags name.
func (f initFlags) discover() (discover.Found, error) {
	dir, err := filepath.Abs(f.home + f.scandir + f.kubernetes)
	if err != nil {
		return discover.Found{}, err
	}
	var found discover.Found
	switch {
	case f.home != "":
		found, err = discover.Home(dir)
	case f.scandir != "":
		found, err = discover.Scandir(dir, wantedBy(dir))
	default:
		found, err = discover.Kubernetes(dir)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, discover.ErrNoFolder) {
		return discover.Found{}, usage.New(err)
	}
	if errors.Is(err, fs.ErrPermission) {
		return discover.Found{}, withHint(err, "run it as a user who may read it, or name another folder")
	}
	return found, err
}
