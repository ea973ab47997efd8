//go:build !windows

package console

import (
	"os"

	"golang.org/x/term"
)

// TakesColors reports whether a file is a terminal.
func TakesColors(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
