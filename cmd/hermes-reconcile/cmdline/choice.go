// Package cmdline has the values that the flags of a command line take, and says in plain words
// what is wrong with one.
//
// Choice is a flag that takes one of a few words, Wrong turns the errors of pflag into errors for
// people. Nothing here knows a command or prints anything.
//
// The files:
//
//	choice.go    a flag that takes one of a few words
//	wrong.go     errors of pflag, for people
//	form.go      which form of output a command line asks for
//	commands.go  what is no command or no argument; the command help
//	help.go      help that fits a terminal
package cmdline

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"hermes-reconcile/manifest/wording"
)

// choice is the value of a flag that takes one of a few words.
type choice struct {
	to    *string
	words []string
}

// Choice adds a flag that takes one of a few words. The first one is the default. Tab completes
// them. Its usage names its value in backquotes and is followed by the words.
func Choice(cmd *cobra.Command, to *string, name, short, usage string, words ...string) {
	*to = words[0]
	usage += ": " + wording.OrList(words)
	cmd.Flags().VarP(&choice{to, words}, name, short, usage)
	complete := cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
		panic(err) // the flag was added twice
	}
}

func (c *choice) String() string { return *c.to }
func (c *choice) Type() string   { return "choice" }

// Set takes a word, if it is one of those.
func (c *choice) Set(word string) error {
	if slices.Contains(c.words, word) {
		*c.to = word
		return nil
	}
	return fmt.Errorf("is not known (%swant %s)", wording.DidYouMean(word, c.words),
		wording.OrList(c.words))
}
