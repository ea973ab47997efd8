package main

import "os"

// The values of --color.
const (
	colorAuto   = "auto"
	colorAlways = "always"
	colorNever  = "never"
)

// colors reports whether text is colored: where it is asked for, and else on a terminal without
// NO_COLOR. https://no-color.org
func (f *outputFlags) colors(u ui) bool {
	switch f.color {
	case colorAlways:
		return true
	case colorNever:
		return false
	}
	return os.Getenv("NO_COLOR") == "" && onTerminal(u)
}

// onTerminal reports whether results go to a terminal that knows more than lines.
func onTerminal(u ui) bool {
	out := fileOf(u.stdout)
	return out != nil && os.Getenv("TERM") != "dumb" && takesColors(out)
}
