package manifest

import (
	"strconv"
	"strings"
)

// The placeholders of a manifest are {profile} and {port}. There are two rules for other braces.
//
// In arguments and paths a brace is written {{ or }}, and any other word in braces is an error: a
// mistyped placeholder must not reach a program.
//
// In values of env every other brace stays as it is: such values hold JSON and templates, and what
// was written before placeholders were known there must mean the same. Only {profile} and {port}
// themselves are written {{profile}} and {{port}}.

const (
	profileWord = "{profile}"
	portWord    = "{port}"
)

// expand puts the profile's name and port into an argument or a path. The reason is not empty where
// the text is wrong, and then holds what is.
func expand(arg, profile string, port int) (text, reason string) {
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
		case strings.HasPrefix(rest, profileWord):
			b.WriteString(profile)
			i += len(profileWord)
		case strings.HasPrefix(rest, portWord):
			b.WriteString(strconv.Itoa(port))
			i += len(portWord)
		case rest[0] == '{' || rest[0] == '}':
			return "", braceFault(rest)
		default:
			b.WriteByte(arg[i])
			i++
		}
	}
	return b.String(), ""
}

// escape escapes a text for expand.
func escape(text string) string { return braces.Replace(text) }

var braces = strings.NewReplacer("{", "{{", "}", "}}")

// braceFault says what is wrong at a brace. It shows a word in braces and nothing else of the text,
// which may hold a token.
func braceFault(rest string) string {
	name, _, closed := strings.Cut(rest[1:], "}")
	notLetter := func(c rune) bool { return c != '_' && c != '-' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') }
	if rest[0] == '{' && closed && name != "" && len(name) <= maxQuoted &&
		!strings.ContainsFunc(name, notLetter) {
		return quote(
			"{"+name+"}",
		) + " is not a placeholder (" + didYouMean("{"+name+"}", []string{profileWord, portWord}) +
			"want {profile} or {port}; a brace itself is written {{ or }})"
	}
	return "a lone " + quote(
		rest[:1]) + " (want {profile} or {port}; a brace itself is written {{ or }})"
}

// namesPort reports whether an argument or a path has the placeholder {port}.
func namesPort(arg string) bool {
	with, _ := expand(arg, "", 1)
	without, _ := expand(arg, "", 2)
	return with != without
}

// expandValue puts the profile's name and port into a value of env.
func expandValue(value, profile string, port int) string {
	if !strings.Contains(value, "{p") { // most values
		return value
	}
	// The replacer takes the leftmost match, and of several there the one that is listed first.
	return strings.NewReplacer("{"+profileWord+"}", profileWord, "{"+portWord+"}", portWord,
		profileWord, profile, portWord, strconv.Itoa(port)).Replace(value)
}

// escapeValue escapes a text for expandValue.
func escapeValue(value string) string { return valueEscapes.Replace(value) }

var valueEscapes = strings.NewReplacer(profileWord, "{"+profileWord+"}", portWord, "{"+portWord+"}")

// valueNamesPort reports whether a value of env has the placeholder {port}.
func valueNamesPort(value string) bool {
	return expandValue(value, "", 1) != expandValue(value, "", 2)
}
