package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
)

// version is that of the newest entry in CHANGELOG.md.
const version = "0.1.0"

// commit and date are written by the linker: cmd/packaging/stamp.sh says what. The date is the
// commit's, in UTC, so that two builds of one commit are equal.
var commit, date string

// newVersionCommand does the same as --version, for users that look for a command.
func newVersionCommand(u ui) *cobra.Command {
	var form string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Long: `Print the version, and the commit that the program was built from, with its date. "-dirty" says that
files had changed since.`,
		Example: `  hermes-reconcile version
  hermes-reconcile --version`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if form == formJSON {
				from, at := origin()
				return u.document(explain.Build{
					Format: explain.OutputFormat, Version: version, Commit: from, Date: at,
				})
			}
			u.info("%s %s%s", program, version, source())
			return nil
		},
	}
	addPlainForm(cmd, &form)
	return cmd
}

// origin is the commit and its date, as far as they are known: a build without
// cmd/packaging/stamp.sh knows what Go has noted.
func origin() (from, at string) {
	if commit != "" {
		return commit, date
	}
	return noted(debug.ReadBuildInfo())
}

// source names the commit.
func source() string {
	from, at := origin()
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
