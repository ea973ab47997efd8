package cmdline

import "strings"

// OutputForm is the last value of --output, or of -o, on a command line. It is known before the
// flags are parsed, so that what is wrong with them can be said in that form, too.
func OutputForm(args []string) (last string) {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		form, found := outputForm(arg)
		if !found {
			continue
		}
		if form == "" && !strings.HasSuffix(arg, "=") && i+1 < len(args) {
			form = args[i+1]
		}
		last = form
	}
	return last
}

// outputForm is the value of --output, or of -o maybe behind short flags without a value; empty: it
// may be an argument of its own.
func outputForm(arg string) (form string, found bool) {
	if arg == "--output" {
		return "", true
	}
	if form, found = strings.CutPrefix(arg, "--output="); found {
		return form, true
	}
	flags, isFlag := strings.CutPrefix(arg, "-")
	form, found = strings.CutPrefix(strings.TrimLeft(flags, "fhqvw"), "o")
	return strings.TrimPrefix(form, "="), found && isFlag
}
