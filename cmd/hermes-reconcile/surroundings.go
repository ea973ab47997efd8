package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/cmdline"
	"hermes-reconcile/cmd/hermes-reconcile/containerenv"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/manifest"
)

// surrounding is a variable or a file outside of the command line that commands use. Help and the
// manual pages are made from these, and the tests compare the documents with them.
type surrounding struct {
	name, about string
	flag        string   // used by the commands with that flag
	of          []string // and by these
}

// live are the commands that look at what runs, diff among them.
var live = append(needsS6[:], "diff")

// bootReport is the report of apply --boot below HERMES_HOME.
const bootReport = "logs/hermes-reconcile.log"

// variables are the environment variables that the program reads.
var variables = []surrounding{
	{name: fileVariable, flag: "file", about: "the manifest, if -f is not given"},
	{name: scandirVariable, flag: "scandir", about: "the scandir, if --scandir is not given"},
	{
		name: "HERMES_HOME", of: live,
		about: "the folder with logs and state files of gateways without a home of their own",
	},
	{
		name: containerenv.Role, of: []string{"apply", "watch", "doctor"},
		about: "if it is none, apply --boot and watch start nothing: another container with the same volume does",
	},
	{name: "PATH", of: live, about: "where programs of s6 are looked for, after /command"},
	{name: "NO_COLOR", flag: "color", about: "if it is not empty, --color=auto colors nothing"},
	{
		name: "TERM", flag: "color", of: []string{"start", "stop", "restart", "down"},
		about: "if it is dumb, nothing is colored, and no line is rewritten",
	},
	{
		name: "GITHUB_WORKSPACE", of: []string{"diff"},
		about: "the folder that -o github names files from",
	},
	{
		name: "GITHUB_STEP_SUMMARY", of: []string{"diff"},
		about: "the file that -o github adds a summary to",
	},
}

// usedFiles are the files that the program reads or writes where no flag names others.
var usedFiles = []surrounding{
	{
		name: sources.Default, flag: "file",
		about: "the manifest, if neither -f nor $" + fileVariable + " is given: profiles.yaml(5)",
	},
	{
		name: manifest.DefaultScandir, flag: "scandir",
		about: "the scandir, if neither --scandir nor $" + scandirVariable + " nor the manifest names one",
	},
	{name: "SCANDIR/gateway-NAME", of: live, about: "the service directory of a profile's gateway"},
	{
		name: "SCANDIR/.hermes-reconcile", of: live,
		about: "the lock, and what interrupted applies have left to do",
	},
	{
		name: "/run/s6/container_environment", of: live,
		about: "where s6-overlay keeps the variables of the container, used where the environment lacks them",
	},
	{
		name:  "${HERMES_HOME}/logs/gateways/NAME/current",
		of:    []string{"apply", "status", "logs", "doctor"},
		about: "the log of a gateway; rotated ones lie beside it",
	},
	{
		name: "${HERMES_HOME}/" + bootReport, of: []string{"apply"},
		about: "the report of apply --boot",
	},
	{
		name:  "gateway_state.json",
		of:    []string{"apply", "watch", "start", "stop", "restart", "doctor"},
		about: "in the home of a profile: whether a gateway with state: last should be up",
	},
}

// usedBy are the surroundings that a command uses. The program itself has all.
func usedBy(cmd *cobra.Command, all []surrounding) (used []surrounding) {
	for _, s := range all {
		if !cmd.HasParent() || slices.Contains(s.of, cmd.Name()) ||
			s.flag != "" && cmd.Flags().Lookup(s.flag) != nil {
			used = append(used, s)
		}
	}
	return used
}

// surroundingsHelp is what the help of the program says after its flags.
func surroundingsHelp() string {
	var b strings.Builder
	row := func(name, about string) {
		fmt.Fprintf(&b, "  %s\n", name)
		for line := range strings.SplitSeq(cmdline.Wrap(about, cmdline.Width-6), "\n") {
			fmt.Fprintf(&b, "      %s\n", line)
		}
	}
	b.WriteString("Exit codes, the same for every command:\n")
	for _, e := range failure.Meanings {
		lines := strings.Split(cmdline.Wrap(e.About, cmdline.Width-8), "\n")
		fmt.Fprintf(&b, "  %-4d  %s\n", e.Code, strings.Join(lines, "\n        "))
	}
	b.WriteString("\nEnvironment variables:\n")
	for _, v := range variables {
		row(v.name, v.about)
	}
	b.WriteString("\nFiles:\n")
	for _, f := range usedFiles {
		row(f.name, f.about)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
