// Package masking puts marks in the place of secret values: in scripts, and in changes of a
// manifest, which are masked as the script is that they lead to. What is secret is told by the name
// of a variable or an option alone.
package masking

import (
	"regexp"
	"strings"
	"sync"

	"hermes-reconcile/cmd/hermes-reconcile/changes"
)

// SecretNames is the default of what variables with secret values are called: one of these words
// between underscores.
const SecretNames = `(?i)(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|PASS|CREDENTIAL|PRIVATE)S?[0-9]*(_|$)`

// Mask hides the values of variables and options with certain names. A nil one hides nothing.
type Mask struct {
	names *regexp.Regexp
}

// New makes a mask of the regular expression that such names match. The error is that of
// regexp.Compile: a *syntax.Error.
func New(names string) (*Mask, error) {
	re, err := regexp.Compile(names)
	if err != nil {
		return nil, err
	}
	return &Mask{re}, nil
}

// What stands in the place of a value: a diff shows whether it changes, and no more.
const (
	masked       = "***"
	maskedBefore = "*** (before)"
	maskedAfter  = "*** (after)"
)

// Is reports whether a value is one of these marks. A mark is not masked again.
func Is(value string) bool {
	return value == masked || value == maskedBefore || value == maskedAfter
}

// Both masks a file before and after. A value that is the same on both sides, however it is quoted,
// has the same mask.
func (m *Mask) Both(before, after string) (string, string) {
	if m == nil {
		return before, after
	}
	old, fresh := m.find(before), m.find(after)
	return cover(before, old, fresh, maskedBefore), cover(after, fresh, old, maskedAfter)
}

// Change masks a change of the manifest as the script would be that it leads to.
func (m *Mask) Change(c changes.Change) (before, after any) {
	if m == nil {
		return c.Before, c.After
	}
	name, isVariable := strings.CutPrefix(c.Key, "env.")
	if isVariable {
		name += "="
	} else {
		name = ""
	}
	b, a := quoteAll(name, c.Led[0], c.Before), quoteAll(name, c.Led[1], c.After)
	old, fresh := m.find(strings.Join(b, " ")), m.find(strings.Join(a, " "))
	return fill(c.Before, coverWords(b, old, fresh, maskedBefore), name),
		fill(c.After, coverWords(a, fresh, old, maskedAfter), name)
}

// quoteAll are words as a script has them: the one that leads, and those of a value.
func quoteAll(name, led string, value any) []string {
	words := []string{quote(led)}
	switch v := value.(type) {
	case string:
		words = append(words, name+quote(v))
	case []string:
		for _, word := range v {
			words = append(words, quote(word))
		}
	}
	return words
}

// quote is a word of a shell script, quoted as in those that are rendered.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// fill puts masked words in the place of a value; nil: there is nothing to mask.
func fill(value any, words []string, name string) any {
	if words == nil {
		return value
	}
	switch value.(type) {
	case string:
		return strings.TrimPrefix(words[1], name)
	case []string:
		return words[1:]
	}
	return value
}

// coverWords takes the quotes of words away and puts masks over values. Each value ends a word.
// nil: there is no value.
func coverWords(quoted []string, values, others []value, changed string) []string {
	if len(values) == 0 {
		return nil
	}
	other := plainOf(others)
	at, next := 0, 0 // in the text that the words make, and in values
	words := make([]string, len(quoted))
	for i, word := range quoted {
		words[i] = unquote(word)
		if next < len(values) && values[next].start < at+len(word) {
			v := values[next]
			words[i] = unquote(word[:v.start-at]) + v.mark(other, changed)
			next++
		}
		at += len(word) + 1
	}
	return words
}

// value is a part of a text that is to be masked.
type value struct {
	start, end int
	of         variable
	plain      string // without its quotes
}

// variable is one that a text gives a value: the first time, or a later one.
type variable struct {
	name string
	nth  int
}

// cover puts masks over values. The other side tells which of them change; one that it does not
// have has no before and after.
func cover(text string, values, others []value, changed string) string {
	other := plainOf(others)
	var b strings.Builder
	at := 0
	for _, v := range values {
		b.WriteString(text[at:v.start] + v.mark(other, changed))
		at = v.end
	}
	return b.String() + text[at:]
}

// plainOf are the values of variables.
func plainOf(values []value) map[variable]string {
	plain := make(map[variable]string, len(values))
	for _, v := range values {
		plain[v.of] = v.plain
	}
	return plain
}

// mark is the mask of a value, which says whether it is another one than that of the other side.
func (v value) mark(other map[variable]string, changed string) string {
	if plain, found := other[v.of]; found && plain != v.plain {
		return changed
	}
	return masked
}

// assignment is where a variable gets a value, in a script or in an argument such as `env`'s. It is
// compiled at its first use: few commands need it.
var assignment = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[^A-Za-z0-9_])([A-Za-z_][A-Za-z0-9_]*)=`)
})

// find finds the secret values in a script: from the first secret assignment of a word to the end
// of the word, which quotes may stretch over lines, and the word after an option with a secret
// name.
func (m *Mask) find(script string) []value {
	var values []value
	count := map[string]int{}
	add := func(name string, start, end int) {
		values = append(values,
			value{start, end, variable{name, count[name]}, unquote(script[start:end])})
		count[name]++
	}
	option, after := "", 0 // the last word, if its value is the next
	for start, end := range words(script) {
		word := script[start:end]
		if option != "" && strings.Trim(script[after:start], " \t") == "" {
			add(option, start, end)
		} else if name, at := m.assigned(word); name != "" {
			add(name, start+at, end)
		}
		option, after = m.option(word), end // of a value, too, since it may be none
	}
	return values
}

// assigned is the secret variable that a word gives a value, and where in the word that begins.
func (m *Mask) assigned(word string) (name string, at int) {
	if strings.IndexByte(word,
		'=') < 0 { // most words: half of the time would go into looking closer
		return "", 0
	}
	for _, at := range assignment().FindAllStringSubmatchIndex(word, -1) {
		if name := word[at[2]:at[3]]; at[1] < len(word) && m.names.MatchString(name) {
			return name, at[1]
		}
	}
	return "", 0
}

// option is a word that is an option with a secret name, and has no value within it: --token,
// -api-key.
func (m *Mask) option(word string) string {
	if strings.IndexByte(word, '-') < 0 || strings.IndexByte(word, '=') >= 0 {
		return ""
	}
	text, found := strings.CutPrefix(unquote(word), "-")
	if !found || !m.names.MatchString(strings.ReplaceAll(strings.TrimPrefix(text, "-"), "-", "_")) {
		return ""
	}
	return text
}

// words gives the words of a shell script as ranges of bytes, comments included, a line of a
// comment being a word. It knows quotes and no more of the grammar: what is in $(...) comes as
// words of its own or as part of one.
func words(script string) func(yield func(start, end int) bool) {
	return func(yield func(start, end int) bool) {
		for at := 0; at < len(script); {
			if strings.IndexByte(separators, script[at]) >= 0 {
				at++
				continue
			}
			end := wordEnd(script, at)
			if !yield(at, end) {
				return
			}
			at = end
		}
	}
}

// separators end a word of a shell script.
const separators = " \t\r\n;&|()<>"

// wordEnd is the end of the word that begins at start.
func wordEnd(s string, start int) int {
	if s[start] == '#' {
		return lineEnd(s, start)
	}
	at := start
	for at < len(s) && strings.IndexByte(separators, s[at]) < 0 {
		switch s[at] {
		case '\\':
			at += 2
		case '\'':
			at = after(s, at+1, '\'', false)
		case '"':
			at = after(s, at+1, '"', true)
		default:
			at++
		}
	}
	return min(at, len(s))
}

// lineEnd is where the line at a place ends, before its line feed, or the end of the text.
func lineEnd(s string, at int) int {
	if i := strings.IndexByte(s[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(s)
}

// after is the place behind the next quote; with escapes a backslash takes the meaning of what
// follows it.
func after(s string, at int, quote byte, escapes bool) int {
	for ; at < len(s); at++ {
		switch {
		case escapes && s[at] == '\\':
			at++
		case s[at] == quote:
			return at + 1
		}
	}
	return len(s)
}

// unquote is what a shell makes of a word, expansions aside.
func unquote(word string) string {
	var b strings.Builder
	for at := 0; at < len(word); {
		switch word[at] {
		case '\'':
			end := after(word, at+1, '\'', false)
			b.WriteString(strings.TrimSuffix(word[at+1:end], "'"))
			at = end
		case '"':
			end := after(word, at+1, '"', true)
			b.WriteString(strings.TrimSuffix(word[at+1:end], `"`))
			at = end
		case '\\':
			b.WriteString(word[min(at+1, len(word)):min(at+2, len(word))])
			at += 2
		default:
			b.WriteByte(word[at])
			at++
		}
	}
	return b.String()
}
