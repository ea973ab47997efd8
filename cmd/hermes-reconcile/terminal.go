//go:build !windows

package main

import (
	"os"

	"golang.org/x/term"
)

// takesColors reports whether a file is a terminal.
func takesColors(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
