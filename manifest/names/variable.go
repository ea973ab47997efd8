package names

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// ScriptVariables are set by the rendered run script itself; PWD and OLDPWD by its `cd`.
var ScriptVariables = []string{
	"HERMES_HOME",
	"HOME",
	"PWD",
	"OLDPWD",
	"HERMES_S6_SUPERVISED_CHILD",
	"HERMES_SUPERVISED_CHILD",
	"HERMES_RECONCILE_SERVICE",
	"HERMES_RECONCILE_LINE", // for a moment, where it reads files of variables
	"HERMES_RECONCILE_LOCALE",
	"HERMES_RECONCILE_NAMES",
}

// ShellVariables do not reach a program exactly as `export NAME=value` gives them, in dash 0.5.12
// (OPTIND), busybox 1.35 sh or bash 5.2 --posix (the others): readonly, numbers only, unset, or
// replaced. IFS and PPID belong to the shell in all.
var ShellVariables = []string{
	"BASHOPTS",
	"BASHPID",
	"BASH_ALIASES",
	"BASH_ARGC",
	"BASH_ARGV",
	"BASH_CMDS",
	"BASH_COMMAND",
	"BASH_LINENO",
	"BASH_SOURCE",
	"BASH_SUBSHELL",
	"BASH_VERSINFO",
	"DIRSTACK",
	"EPOCHREALTIME",
	"EPOCHSECONDS",
	"EUID",
	"FUNCNAME",
	"GROUPS",
	"HISTCMD",
	"IFS",
	"LINENO",
	"OPTIND",
	"PPID",
	"RANDOM",
	"SECONDS",
	"SHELLOPTS",
	"SHLVL",
	"SRANDOM",
	"UID",
	"_",
}

// ScriptSets reports whether a variable is set by every run script.
func ScriptSets(name string) bool { return slices.Contains(ScriptVariables, name) }

// VariableFault is why a gateway's variable cannot be set or unset, empty where it can.
func VariableFault(name string) string {
	switch {
	case name == "":
		return "empty variable name (want a letter or _, then letters, digits and _)"
	case ScriptSets(name):
		return "is set by the run script itself (want another name)"
	case slices.Contains(ShellVariables, name):
		return "belongs to the shell that runs the run script, in some shells it would be lost (want another name)"
	}
	for i, c := range name {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return fmt.Sprintf(
				"variable name holds %q at character %d (want a letter or _, then letters, digits and _)",
				string(c),
				1+utf8.RuneCountInString(name[:i]),
			)
		}
	}
	return ""
}
