package cmdline

import (
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Width is how wide help is at most, in characters: a terminal has at least as many.
const Width = 80

// more is the annotation of a command with what its help says after the flags.
const more = "more"

// layout is cobra's own template of a usage, but for the width of the flags.
const layout = `Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}{{end}}{{with index .Annotations "more"}}

{{.}}{{end}}{{if .HasAvailableSubCommands}}

"{{.CommandPath}} COMMAND --help" says more about a command.{{end}}
`

// Fit makes the help of a command, and of those below it, fit into a terminal. At the end of its own
// stands what end says. The work waits until a help is asked for: no other call should take time for
// it.
func Fit(root *cobra.Command, end func() string) {
	root.SetUsageTemplate(layout)
	help, usage := root.HelpFunc(), root.UsageFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.Long = Wrap(cmd.Long, Width)
		help(cmd, args)
	})
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		if cmd == root {
			root.Annotations = map[string]string{more: end()}
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() == "string" {
				f.Value = unquoted{f.Value}
			}
		})
		return usage(cmd)
	})
}

// unquoted is the value of a flag that has its default in help without quotes: many defaults are
// words about a default.
type unquoted struct{ pflag.Value }

func (unquoted) Type() string { return "text" }

// Wrap breaks the lines of paragraphs anew, so that none has more characters than width. What is
// indented stays as it is.
func Wrap(text string, width int) string {
	var lines []string
	var words []string // of the paragraph under way
	flush := func() {
		line := ""
		for _, w := range words {
			switch {
			case line == "":
				line = w
			case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > width:
				lines, line = append(lines, line), w
			default:
				line += " " + w
			}
		}
		if line != "" {
			lines = append(lines, line)
		}
		words = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" || line[0] == ' ' || line[0] == '\t' {
			flush()
			lines = append(lines, line)
			continue
		}
		words = append(words, strings.Fields(line)...)
	}
	flush()
	return strings.Join(lines, "\n")
}
