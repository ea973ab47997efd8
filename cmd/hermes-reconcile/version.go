package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version is that of the newest entry in CHANGELOG.md.
const version = "0.1.0"

// commit and date are written by the linker: packaging/stamp.sh says what. The date is the
// commit's, in UTC, so that two builds of one commit are equal.
var commit, date string

func newVersionCommand(u ui) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Long: `Print the version, and the commit that the program was built from, with its date. "-dirty" says that
files had changed since.`,
		Example: `  hermes-reconcile version
  hermes-reconcile --version`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			u.info("%s %s%s", program, version, source())
			return nil
		},
	}
}

// source names the commit, as far as that is known: a build without packaging/stamp.sh knows what
// Go has noted.
func source() string {
	from, at := commit, date
	if from == "" {
		from, at = noted(debug.ReadBuildInfo())
	}
	said := strings.Join(strings.Fields(from+" "+at), ", ")
	if said == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", said)
}

// noted is the commit and its date as `go build` writes them down where it sees a repository.
func noted(info *debug.BuildInfo, ok bool) (commit, date string) {
	if !ok {
		return "", ""
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	commit = settings["vcs.revision"]
	if settings["vcs.modified"] == "true" {
		commit += "-dirty"
	}
	return commit, settings["vcs.time"]
}
