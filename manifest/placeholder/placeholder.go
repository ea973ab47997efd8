// Package placeholder fills {profile} and {port} into the texts of a manifest, and escapes texts
// that hold braces.
//
// There are two rules for other braces.
//
// In arguments and paths a brace is written {{ or }}, and any other word in braces is an error: a
// mistyped placeholder must not reach a program.
//
// In values of env every other brace stays as it is: such values hold JSON and templates, and what
// was written before placeholders were known there must mean the same. Only {profile} and {port}
// themselves are written {{profile}} and {{port}}.
package placeholder

import (
	"strconv"
	"strings"

	"hermes-reconcile/manifest/wording"
)

// The placeholders, as a manifest has them.
const (
	Profile = "{profile}"
	Port    = "{port}"
)

// Expand puts the profile's name and port into an argument or a path. The reason is not empty where
// the text is wrong, and then holds what is.
func Expand(arg, profile string, port int) (text, reason string) {
	if !strings.ContainsAny(arg, "{}") {
		return arg, ""
	}
	var b strings.Builder
	for i := 0; i < len(arg); {
		rest := arg[i:]
		switch {
		case strings.HasPrefix(rest, "{{"), strings.HasPrefix(rest, "}}"):
			b.WriteByte(arg[i])
			i += 2
		case strings.HasPrefix(rest, Profile):
			b.WriteString(profile)
			i += len(Profile)
		case strings.HasPrefix(rest, Port):
			b.WriteString(strconv.Itoa(port))
			i += len(Port)
		case rest[0] == '{' || rest[0] == '}':
			return "", braceFault(rest)
		default:
			b.WriteByte(arg[i])
			i++
		}
	}
	return b.String(), ""
}

// Escape escapes a text for expand.
func Escape(text string) string { return braces.Replace(text) }

var braces = strings.NewReplacer("{", "{{", "}", "}}")

// braceFault says what is wrong at a brace. It shows a word in braces and nothing else of the text,
// which may hold a token.
func braceFault(rest string) string {
	name, _, closed := strings.Cut(rest[1:], "}")
	notLetter := func(c rune) bool { return c != '_' && c != '-' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') }
	if rest[0] == '{' && closed && name != "" && len(name) <= wording.MaxQuoted &&
		!strings.ContainsFunc(name, notLetter) {
		return wording.Quote(
			"{"+name+"}",
		) + " is not a placeholder (" + wording.DidYouMean("{"+name+"}", []string{Profile, Port}) +
			"want {profile} or {port}; a brace itself is written {{ or }})"
	}
	return "a lone " + wording.Quote(
		rest[:1]) + " (want {profile} or {port}; a brace itself is written {{ or }})"
}

// NamesPort reports whether an argument or a path has the placeholder {port}.
func NamesPort(arg string) bool {
	with, _ := Expand(arg, "", 1)
	without, _ := Expand(arg, "", 2)
	return with != without
}

// ExpandValue puts the profile's name and port into a value of env.
func ExpandValue(value, profile string, port int) string {
	if !strings.Contains(value, "{p") { // most values
		return value
	}
	// The replacer takes the leftmost match, and of several there the one that is listed first.
	return strings.NewReplacer("{"+Profile+"}", Profile, "{"+Port+"}", Port,
		Profile, profile, Port, strconv.Itoa(port)).Replace(value)
}

// EscapeValue escapes a text for ExpandValue.
func EscapeValue(value string) string { return valueEscapes.Replace(value) }

var valueEscapes = strings.NewReplacer(Profile, "{"+Profile+"}", Port, "{"+Port+"}")

// ValueNamesPort reports whether a value of env has the placeholder {port}.
func ValueNamesPort(value string) bool {
	return ExpandValue(value, "", 1) != ExpandValue(value, "", 2)
}
