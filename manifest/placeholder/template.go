package placeholder

import (
	"slices"
	"strconv"
	"strings"
)

// Fits reports whether a path with placeholders becomes this one. A port of 0 is none.
func Fits(template, path, profile string, port int) bool {
	if port == 0 && NamesPort(template) {
		return false
	}
	text, reason := Expand(template, profile, port)
	return reason == "" && text == path
}

// FitWords reports whether an argument list with placeholders becomes this one. A port of 0 is
// none.
func FitWords(templates, argv []string, profile string, port int) bool {
	if port == 0 && slices.ContainsFunc(templates, NamesPort) {
		return false
	}
	return slices.EqualFunc(templates, argv, func(word, want string) bool {
		text, _ := Expand(word, profile, port)
		return text == want
	})
}

// PathTemplates are the paths with placeholders that may stand for a path: as it is, and with the
// profile's name filled in.
func PathTemplates(path, profile string) []string {
	plain := Escape(path)
	if profile == "" || !strings.Contains(plain, profile) {
		return []string{plain}
	}
	return []string{plain, strings.ReplaceAll(plain, profile, Profile)}
}

// WordsTemplate puts the placeholders back that are sure to be meant in an argument list: a name
// behind -p, a port behind --port. An empty name and a port of 0 are none.
func WordsTemplate(argv []string, profile string, port int) []string {
	words := make([]string, 0, len(argv))
	number := strconv.Itoa(port)
	for i, arg := range argv {
		before := ""
		if i > 0 {
			before = argv[i-1]
		}
		switch {
		case before == "-p" && arg == profile && profile != "":
			words = append(words, Profile)
		case before == "--port" && arg == number && port != 0:
			words = append(words, Port)
		case arg == "--port="+number && port != 0:
			words = append(words, "--port="+Port)
		default:
			words = append(words, Escape(arg))
		}
	}
	return words
}
