package main

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	shellexpand "mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"hermes-reconcile/cmd/hermes-reconcile/cmdline"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
)

// commandsOf are all commands, the root with them.
func commandsOf(root *cobra.Command) []*cobra.Command {
	return append([]*cobra.Command{root}, root.Commands()...)
}

// helpOf is what --help prints.
func helpOf(t *testing.T, cmd *cobra.Command) string {
	t.Helper()
	var out bytes.Buffer
	cmd.SetOut(&out)
	require.NoError(t, cmd.Help())
	return out.String()
}

func TestHelpFitsIntoATerminal(t *testing.T) {
	for _, cmd := range commandsOf(newRootCommand(ui{stdout: io.Discard, stderr: io.Discard})) {
		for line := range strings.SplitSeq(helpOf(t, cmd), "\n") {
			if n := utf8.RuneCountInString(line); n > cmdline.Width {
				t.Errorf("%s --help: %d columns: %s", cmd.CommandPath(), n, line)
			}
		}
	}
}

// TestDefaultsStandOnceInHelp: a flag has one default, which is not a Go value.
func TestDefaultsStandOnceInHelp(t *testing.T) {
	root := newRootCommand(ui{stdout: io.Discard, stderr: io.Discard})
	odd := regexp.MustCompile(`(?s)\(default[^)]*\)\s*\(default|\(default "|default[^)]*\b0s\b|strconv|<nil>`)
	for _, cmd := range commandsOf(root) {
		help := helpOf(t, cmd)
		require.Empty(t, odd.FindString(help), cmd.CommandPath())
	}
}

// TestExamplesAreUnderstood: each command shows how it is used, and its flags and arguments are
// those that there are.
func TestExamplesAreUnderstood(t *testing.T) {
	for _, cmd := range commandsOf(newRootCommand(ui{stdout: io.Discard, stderr: io.Discard})) {
		calls := callsOf(t, cmd.Example)
		require.NotEmpty(t, calls, "%s has no example", cmd.CommandPath())
		own := false
		for _, args := range calls {
			called := understand(t, args)
			own = own || called == cmd.Name() || !cmd.HasParent()
		}
		require.True(t, own, "no example of %s calls it:\n%s", cmd.CommandPath(), cmd.Example)
	}
}

// callsOf are the arguments of each call of this program in a piece of shell.
func callsOf(t *testing.T, script string) (calls [][]string) {
	t.Helper()
	file, err := syntax.NewParser().Parse(strings.NewReader(script), "")
	require.NoError(t, err, script)
	syntax.Walk(file, func(node syntax.Node) bool {
		call, is := node.(*syntax.CallExpr)
		if !is || len(call.Args) == 0 || call.Args[0].Lit() != program {
			return true
		}
		var args []string
		for _, word := range call.Args[1:] {
			arg, err := shellexpand.Literal(nil, word)
			require.NoError(t, err, script)
			args = append(args, arg)
		}
		calls = append(calls, args)
		return true
	})
	return calls
}

// understand parses a command line as the program would, without doing what it says, and gives the
// name of the command.
func understand(t *testing.T, args []string) string {
	t.Helper()
	root := newRootCommand(ui{stdout: io.Discard, stderr: io.Discard})
	cmd, rest, err := root.Find(args)
	require.NoError(t, err, "%q", args)
	cmd.InitDefaultHelpFlag()
	require.NoError(t, cmd.ParseFlags(rest), "%q", args)
	require.NoError(t, cmd.ValidateArgs(cmd.Flags().Args()), "%q", args)
	return cmd.Name()
}

func TestMistypedWordsAreSuggested(t *testing.T) {
	for _, c := range []struct{ typed, want, hint string }{
		{"aply", `unknown command "aply"`, "did you mean hermes-reconcile apply?"},
		{"stat", `unknown command "stat"`, "hermes-reconcile status"},
		{"help valdate", `unknown command "valdate"`, "did you mean hermes-reconcile validate?"},
		{"frobnicate", `unknown command "frobnicate"`, "hermes-reconcile --help"},
		{"diff --exitcode", "unknown flag: --exitcode", "did you mean --exit-code? hermes-reconcile diff --help"},
		{"diff --zebra", "unknown flag: --zebra", "hermes-reconcile diff --help"},
		{"diff --exit", "unknown flag: --exit", "did you mean --exit-code? hermes-reconcile diff --help"},
		{"diff --s", "unknown flag: --s", "hint: hermes-reconcile diff --help"},
		{"diff -z", "unknown flag: -z", "hermes-reconcile diff --help"},
		{"diff --prune ownd", `--prune: "ownd" is not known (did you mean "owned"? want owned, all or none)`, "diff --help"},
		{"diff -o xml", `--output: "xml" is not known (want text, json, markdown or github)`, "diff --help"},
		{"diff --limit ten", `--limit: "ten" is not a whole number`, "diff --help"},
		{"diff --limit 99999999999999999999", `is too large`, "diff --help"},
		{"diff --exit-code=maybe", `--exit-code: "maybe" is not known (want true or false)`, "diff --help"},
		{"probe --timeout 5 x", `--timeout: "5" is not a duration (want a number with a unit, such as 90s, 5m or 1h30m)`, "probe --help"},
		{"diff --against", "--against needs a value (OLD)", "diff --help"},
		{"diff --=x", `"--=x" is not a flag`, "diff --help"},
		{"export --out k8s", "--to is missing (want --to kubernetes)", "export --to kubernetes"},
		{"schema statsu", `there is no schema "statsu"`, "did you mean status?"},
		{"probe", "an argument is missing (want hermes-reconcile probe URL", "probe --help"},
		{"version 1 2", `cannot use "1 2" here (want hermes-reconcile version`, "version --help"},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), strings.Fields(c.typed), &out, &errs)
		require.Equal(t, failure.ExitUsage, code, c.typed)
		require.Empty(t, out.String(), c.typed)
		require.Contains(t, errs.String(), c.want, c.typed)
		require.Contains(t, errs.String(), c.hint, c.typed)
		require.NotRegexp(t, `strconv|time:|arg\(s\)|shorthand|invalid argument`, errs.String())
	}
}

// TestFlagsSpeakPlainly: no message about the value of a flag has a word of Go.
func TestFlagsSpeakPlainly(t *testing.T) {
	for _, cmd := range newRootCommand(ui{stdout: io.Discard, stderr: io.Discard}).Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "version" || f.Name == "help" {
				return
			}
			args := []string{cmd.Name(), fmt.Sprintf("--%s=%s", f.Name, "\x01?")}
			var errs bytes.Buffer
			called, rest, err := newRootCommand(ui{stdout: io.Discard, stderr: io.Discard}).Find(args)
			require.NoError(t, err)
			if err := called.ParseFlags(rest); err != nil {
				ui{stdout: io.Discard, stderr: &errs}.error(cmdline.FlagError(called, err))
			}
			require.NotRegexp(t, `strconv|time:|invalid argument|syntax`, errs.String(), "%q", args)
		})
	}
}
