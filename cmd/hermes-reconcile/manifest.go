package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/containerenv"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
)

const fileVariable = "HERMES_RECONCILE_FILE"

// manifestFlags are the flags of commands that read the manifest.
type manifestFlags struct {
	files   []string
	stdin   func() io.Reader  // nil: -f - is not understood
	earlier []manifest.Source // if there are any, these are read in the place of files
	// patience is for how long they may give nothing; zero: as long as sources lets them.
	patience time.Duration
}

// add names the flag -f, as most commands do; see addAs.
func (f *manifestFlags) add(cmd *cobra.Command) { f.addAs(cmd, "f") }

// addAs adds them with another short form, or with none.
func (f *manifestFlags) addAs(cmd *cobra.Command, short string) {
	f.stdin = cmd.InOrStdin
	cmd.Flags().StringArrayVarP(&f.files, "file", short, nil,
		"manifest `FILE`, folder of *.yaml and *.yml files, or - for standard input; "+
			"may be given more than once")
	cmd.Flags().Lookup("file").DefValue = "$" + fileVariable + ", else " + sources.Default
}

// names are the files and folders to read.
func (f *manifestFlags) names() sources.Names {
	names := sources.Names{List: f.files, Stdin: f.stdin, Patience: f.patience}
	if len(f.files) == 0 {
		names.List = []string{cmp.Or(containerenv.Look(fileVariable), sources.Default)}
	}
	return names
}

// named reports whether the user has said which manifest to read.
func (f *manifestFlags) named() bool {
	return len(f.files) > 0 || containerenv.Look(fileVariable) != ""
}

// sources reads the files, or gives what is read in their place.
func (f *manifestFlags) sources(ctx context.Context) ([]manifest.Source, error) {
	if f.earlier != nil {
		return f.earlier, nil
	}
	return f.names().Read(ctx)
}

// none reports whether there is no manifest: none is named, and none is where it is else.
func (f *manifestFlags) none() bool {
	_, err := os.Stat(sources.Default)
	return errors.Is(err, fs.ErrNotExist) && !f.named()
}

// loadIfAny reads the manifest if there is one: doctor and down have to work without a manifest, or
// with a broken one. One that was named on the command line has to be there, and right.
func (f *manifestFlags) loadIfAny(ctx context.Context, u ui) (*manifest.Manifest, error) {
	if f.none() {
		return nil, nil
	}
	m, err := f.names().Load(ctx)
	if err != nil && len(f.files) == 0 && !errors.Is(err, reconcile.ErrInterrupted) {
		first, _, _ := strings.Cut(err.Error(), "\n") // of all that validate tells
		u.warning(explain.WarnNoManifest, "the manifest is ignored: %s", first)
		u.hint("%s validate", program)
		return nil, nil
	}
	return m, err
}
