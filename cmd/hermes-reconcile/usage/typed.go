package usage

import (
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// commands are those of this program that hints name.
var commands = [...]string{"apply", "diff", "start", "stop", "validate"}

// Typed makes a hint ready to type: it adds to the commands of this program in it the manifest
// files and the scandir that were named on the command line. An empty scandir is none.
func Typed(hint string, files []string, scandir string) string {
	named := ""
	for _, file := range files {
		named += " -f " + Quote(file)
	}
	for _, verb := range commands {
		flags := named
		if scandir != "" && verb != "validate" {
			flags += " --scandir " + Quote(scandir)
		}
		hint = strings.ReplaceAll(hint, "hermes-reconcile "+verb, "hermes-reconcile "+verb+flags)
	}
	return hint
}

// Quote makes a word for a POSIX shell. One with control characters, which cannot be typed, is
// quoted as in Go.
func Quote(word string) string {
	quoted, err := syntax.Quote(word, syntax.LangPOSIX)
	if err != nil {
		return strconv.Quote(word)
	}
	return quoted
}
