package console

import (
	"os"

	"golang.org/x/sys/windows"
)

// TakesColors reports whether a file is a console that understands escape sequences, and asks it
// to.
func TakesColors(f *os.File) bool {
	var mode uint32
	console := windows.Handle(f.Fd())
	if windows.GetConsoleMode(console, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
