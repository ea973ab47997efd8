package manifest

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxProfileName in bytes: s6-svscan ignores names over 251, and the service is called gateway-NAME.
const maxProfileName = 251 - len("gateway-")

// profileNameFault is why a name cannot be that of a profile, empty where it can.
func profileNameFault(name string) string {
	if name == "" {
		return "empty profile name (want a-z or 0-9, then a-z, 0-9, - and _)"
	}
	for _, c := range name {
		if reason := nameCharacterFault(c, name); reason != "" {
			return reason
		}
	}
	switch {
	case name[0] == '-':
		return `profile name starts with "-" and would be read as an option (want a-z or 0-9 first)`
	case name[0] == '_':
		return `profile name starts with "_" (want a-z or 0-9 first)`
	case len(name) > maxProfileName:
		return fmt.Sprintf("profile name has %d characters (want at most %d: s6-svscan ignores the service gateway-NAME if it has over 251)",
			len(name), maxProfileName)
	}
	return ""
}

// nameCharacterFault is what is wrong with one character of a profile name.
func nameCharacterFault(c rune, name string) string {
	switch {
	case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
		return ""
	case c == '/':
		return `profile name holds "/" (want a name, not a path)`
	case c == '.' && strings.Contains(name, ".."):
		return `profile name holds ".." (want a name, not a path)`
	case c == '.' && name[0] == '.':
		return `profile name starts with "." and s6-svscan ignores such services (want a-z or 0-9 first)`
	case c >= 'A' && c <= 'Z':
		return fmt.Sprintf("profile name holds upper case (want %s)", quote(strings.ToLower(name)))
	case unicode.IsControl(c):
		return fmt.Sprintf("profile name holds the control character U+%04X (want a-z, 0-9, - and _)", c)
	case unicode.IsSpace(c):
		return "profile name holds white space (want a-z, 0-9, - and _)"
	case c >= utf8.RuneSelf:
		return fmt.Sprintf("profile name holds %q, which is not ASCII (want a-z, 0-9, - and _)", c)
	}
	return fmt.Sprintf("profile name holds %q (want a-z, 0-9, - and _)", string(c))
}

// scriptNames are set by the rendered run script itself; PWD and OLDPWD by its `cd`.
var scriptNames = []string{"HERMES_HOME", "HOME", "PWD", "OLDPWD", "HERMES_S6_SUPERVISED_CHILD", "HERMES_SUPERVISED_CHILD"}

// shellNames do not reach a program exactly as `export NAME=value` gives them, in dash 0.5.12 (OPTIND), busybox 1.35 sh
// or bash 5.2 --posix (the others): readonly, numbers only, unset, or replaced. IFS and PPID belong to the shell in all.
var shellNames = []string{
	"BASHOPTS", "BASHPID", "BASH_ALIASES", "BASH_ARGC", "BASH_ARGV", "BASH_CMDS", "BASH_COMMAND", "BASH_LINENO",
	"BASH_SOURCE", "BASH_SUBSHELL", "BASH_VERSINFO", "DIRSTACK", "EPOCHREALTIME", "EPOCHSECONDS", "EUID", "FUNCNAME",
	"GROUPS", "HISTCMD", "IFS", "LINENO", "OPTIND", "PPID", "RANDOM", "SECONDS", "SHELLOPTS", "SHLVL", "SRANDOM", "UID", "_",
}

// envNameFault is why a name cannot be set for a gateway, empty where it can.
func envNameFault(name string) string {
	switch {
	case name == "":
		return "empty variable name (want a letter or _, then letters, digits and _)"
	case slices.Contains(scriptNames, name):
		return "is set by the run script itself (want another name)"
	case slices.Contains(shellNames, name):
		return "belongs to the shell that runs the run script, in some shells it would be lost (want another name)"
	}
	for i, c := range name {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return fmt.Sprintf("variable name holds %q at character %d (want a letter or _, then letters, digits and _)",
				string(c), 1+utf8.RuneCountInString(name[:i]))
		}
	}
	return ""
}

// readEnv reads a map of variables. Its messages never hold a value: it may be a password.
func readEnv(r *reader, at *path, n *yaml.Node) (map[string]setting[string], bool) {
	vars := make(map[string]setting[string], len(n.Content)/2)
	r.eachKey(n, at, func(key, value *yaml.Node) {
		below := at.key(key.Value)
		if reason := envNameFault(key.Value); reason != "" {
			r.fault(key, below, "%s", reason)
		}
		v := readSetting(r, below, value, readEnvValue)
		if len(key.Value)+1+len(v.value) > maxArgument {
			r.fault(value, below, "the name and its value have %d bytes (want less than %d: the kernel starts no program with more)",
				len(key.Value)+len(v.value), maxArgument)
			v.state = faulty
		}
		vars[key.Value] = v
	})
	return vars, n.Kind == yaml.MappingNode
}

func readEnvValue(r *reader, at *path, n *yaml.Node) (string, bool) {
	if !r.isKind(n, at, yaml.ScalarNode, "text") {
		return "", false
	}
	text := n.Value
	if n.Tag == "!!binary" {
		raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			r.fault(n, at, "the value is tagged !!binary, but is not base64")
			return "", false
		}
		text = string(raw)
	}
	if strings.ContainsRune(text, 0) {
		r.fault(n, at, "the value holds a NUL (no environment variable can)")
		return "", false
	}
	return text, true
}

// giveEnv merges name by name; a null takes a name away.
func giveEnv(to *Profile, own, defaults *settings) {
	merged := map[string]string{}
	lay := func(vars map[string]setting[string]) {
		for name, v := range vars {
			if delete(merged, name); v.state == given {
				merged[name] = v.value
			}
		}
	}
	if own.env.state != dropped {
		lay(defaults.env.value)
	}
	lay(own.env.value)
	for name, value := range merged {
		to.Env = append(to.Env, EnvVar{name, value})
	}
	slices.SortFunc(to.Env, func(a, b EnvVar) int { return strings.Compare(a.Name, b.Name) })
}
