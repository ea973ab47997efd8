//go:build !linux

package main

import (
	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/console"
	"hermes-reconcile/cmd/hermes-reconcile/discover"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl"
	"hermes-reconcile/s6ctl/process"
)

// liveCommands refuse: s6 is not here. Their flags are not looked at, since none could help.
func liveCommands() []builder {
	var all []builder
	for _, name := range needsS6 {
		all = append(all, builder{name, func(ui) *cobra.Command {
			return &cobra.Command{
				Use:                name,
				Short:              "needs a live s6, which this system does not have",
				FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true},
				RunE:               func(*cobra.Command, []string) error { return refusal(name) },
			}
		}})
	}
	return all
}

// serve has nothing to do: nothing here acts as another user.
func serve() bool { return false }

// resume has nothing to take up: no process is started apart.
func resume(args []string) (rest []string, report func(code int)) { return args, nil }

// codeError is not used here.
type codeError int

func (codeError) Error() string { return "" }

// live refuses, too.
func (f *differFlags) live(
	ui, *manifest.Manifest, []render.Servicedir, reconcile.Prune, *console.Working,
) (reconcile.Plan, error) {
	return reconcile.Plan{}, refusal("diff")
}

// earlierManifest refuses, too: there is no scandir that could have a history.
func (f *scandirFlags) earlierManifest(string, int) ([]manifest.Source, error) {
	return nil, refusal("diff")
}

// entryNumbers has none.
var entryNumbers = cobra.NoFileCompletions

// wantedBy knows nothing: only files are here.
func wantedBy(string) discover.Wanted {
	return func(string) (up, known bool) { return false, false }
}

func refusal(command string) error { return noS6Here(command, s6ctl.Detect(process.ThisHost(), "")) }
