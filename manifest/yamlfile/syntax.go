package yamlfile

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"hermes-reconcile/manifest/wording"
)

// syntaxError reports the error that made yaml.v3 give up, in plain words and at the best place
// that can be found.
func (r *Reader) syntaxError(data []byte, err error) {
	text := err.Error()
	line, what := splitMessage(text)
	offset := locate(data, text, line, what)
	if key, ok := keyWithoutColon(data, offset); ok && what == colonNotAllowed {
		offset, what = key, colonMissing
	}
	if tab, ok := tabIndent(data, offset); ok {
		r.FaultAt(r.spotOf(data, tab), nil, tabMessage)
		return
	}
	char, _ := utf8.DecodeRune(data[min(offset, len(data)):])
	r.FaultAt(r.spotOf(data, offset), nil, "%s", plainWords(what, char))
}

// splitMessage takes `yaml: line 3: what` apart; line is 0 where the message has none.
func splitMessage(text string) (line int, what string) {
	what = strings.TrimPrefix(text, "yaml: ")
	rest, ok := strings.CutPrefix(what, "line ")
	if !ok {
		return 0, what
	}
	number, rest, ok := strings.Cut(rest, ": ")
	line, err := strconv.Atoi(number)
	if !ok || err != nil {
		return 0, what
	}
	return line, rest
}

// Messages of yaml.v3 whose place is found in a way of their own.
const (
	colonMissing    = "could not find expected ':'"
	colonNotAllowed = "mapping values are not allowed in this context"
	quoteOpen       = "found unexpected end of stream"
	listOpen        = "did not find expected ',' or ']'"
	mapOpen         = "did not find expected ',' or '}'"

	tokenCannotStart = "found character that cannot start any token"
	tabViolates      = "found a tab character that violates indentation"
	tabExpectedSpace = "found a tab character where an indentation space is expected"
)

// unknownTag does not name the tag, which may be the start of a password.
const unknownTag = `unknown tag (text that starts with "!" needs quotes)`

// tabMessage is the one for all that yaml.v3 says of tabs.
const tabMessage = "a tab is used for indentation (use spaces)"

// problemWords maps what yaml.v3 says to what helps. %c stands for the character at the place.
var problemWords = map[string]string{
	colonNotAllowed: `":" cannot stand here (check the indentation and the line above; text that holds ": " needs quotes)`,
	"mapping keys are not allowed in this context":           `a key cannot stand here (check the indentation and the line above)`,
	"block sequence entries are not allowed in this context": `a list entry "- " cannot stand here (want it on a line of its own; text that starts with "- " needs quotes)`,
	"did not find expected key":                              `want a key here, as in "port: 9201" (check the indentation, and the quotes on this line)`,
	"did not find expected '-' indicator":                    `want another "- " of the list here (check the indentation)`,
	listOpen:                                                 `a list is not closed: want "]", or "," before its next value`,
	mapOpen:                                                  `a map is not closed: want "}", or "," before its next key`,
	"did not find expected node content":                     `want a value here (text that starts with a special character needs quotes)`,
	"did not find expected <document start>":                 `this stands after the end of the document (check the indentation and the line above)`,
	colonMissing:                                             `want "key: value" here (the ":" and a space are missing)`,
	tokenCannotStart:                                         `%c cannot start a value (text that starts with it needs quotes)`,
	tabViolates:                                              tabMessage,
	tabExpectedSpace:                                         tabMessage,
	quoteOpen:                                                `the quote that opens here is never closed`,
	"found unexpected document indicator":                    `a line of dashes or dots inside of a quoted text (is a quote not closed?)`,
	"found unknown escape character":                         `unknown escape in a double-quoted text (use single quotes for text with backslashes)`,
	"did not find expected hexdecimal number":                `an escape in a double-quoted text needs hexadecimal digits (use single quotes for text with backslashes)`,
	"found invalid Unicode character escape code":            `an escape in a double-quoted text names no character`,
	"did not find expected alphabetic or numeric character":  `want a name after "&" or "*" (text that starts with one of them needs quotes)`,
	"did not find expected comment or line break":            `want the text of "|" or ">" on the next line`,
	"found an indentation indicator equal to 0":              `an indentation after "|" or ">" must be 1 to 9`,
	"found undefined tag handle":                             unknownTag,
	"did not find expected whitespace or line break":         `want white space after a tag (text that starts with "!" needs quotes)`,
	"did not find expected whitespace":                       `want white space here`,
	"did not find expected '!'":                              `a tag is not complete (text that starts with "!" needs quotes)`,
	"did not find expected tag URI":                          `a tag is not complete (text that starts with "!" needs quotes)`,
	"did not find URI escaped octet":                         `a tag is not complete (text that starts with "!" needs quotes)`,
	"found unknown directive name":                           `unknown directive (text that starts with "%" needs quotes)`,
	"could not find expected directive name":                 `unknown directive (text that starts with "%" needs quotes)`,
	"found incompatible YAML document":                       `unknown YAML version (drop the %YAML line)`,
	"found duplicate %YAML directive":                        `a second %YAML line`,
	"exceeded max depth of " + strconv.Itoa(10_000): `nested more than ` +
		strconv.Itoa(maxDepth) + ` deep`,
	"did not find expected digit or '.' character":             `unknown YAML version (drop the %YAML line)`,
	"did not find expected version number":                     `unknown YAML version (drop the %YAML line)`,
	"attempted to go past the end of stream; corrupted value?": `the file ends in the middle of a value`,
	"found extremely long version number":                      `unknown YAML version (drop the %YAML line)`,
}

// plainWords is what to print for a message of yaml.v3. One that is not known is printed as it is:
// a later yaml.v3 may have new ones.
func plainWords(what string, char rune) string {
	if _, ok := anchorName(what); ok { // its name may be a password
		return `this alias has no anchor before it (text that starts with "*" needs quotes)`
	}
	words, ok := problemWords[what]
	if ok && char == '\t' {
		return tabMessage
	}
	if !ok {
		return "this cannot be read as YAML (" + strings.Trim(wording.Quote(what), `"`) + ")"
	}
	return strings.ReplaceAll(words, "%c", strconv.QuoteRune(char))
}

// anchorName is the alias that a message says has no anchor.
func anchorName(what string) (string, bool) {
	rest, ok := strings.CutPrefix(what, "unknown anchor '")
	name, ok2 := strings.CutSuffix(rest, "' referenced")
	return name, ok && ok2
}

// locate finds the offset in data that yaml.v3 objects to. Its messages carry a line at most: that
// of the problem or of the block around it, counted from 0 by its parser and from 1 by its scanner
// (yaml.v3 decode.go, parser.fail). But it reads forward only, so the place is the end of the
// shortest start of the text that has the same error.
func locate(data []byte, text string, line int, what string) int {
	same := func(end int) bool {
		_, _, err := parseYAML(bytes.NewReader(data[:end]))
		return err != nil && err.Error() == text
	}
	switch what {
	case tokenCannotStart,
		tabViolates,
		tabExpectedSpace: // all of the scanner, so the line is that of the problem
		if tab, ok := tabIndent(data, lineStart(data, line)); ok && line > 0 {
			return tab
		}
	// Seen on a later line; the message has the line of the key, from the scanner.
	case colonMissing:
		return firstNonBlank(data, lineStart(data, line))
	case quoteOpen: // any end of the text behind the quote has this error
		open := func(end int) bool { return sameProblem(data[:end], what) }
		if at, ok := quoteFrom(data, lineStart(data, line), lineStart(data, 1), open); ok {
			return at
		}
	case listOpen, mapOpen: // as above; the message has the line of the bracket, from the parser
		if at, ok := openBracket(data, lineStart(data, line+1), lineStart(data, 1)); ok {
			return at
		}
	}
	at := shortest(data, consumed(data), same) - 1
	for at > 0 && !utf8.RuneStart(data[at]) {
		at--
	}
	if name, ok := anchorName(what); ok {
		at -= len(name)
	}
	if at = max(at, 0); at < len(data) && strings.IndexByte(" \r\n", data[at]) >= 0 {
		at = firstNonBlank(data, bytes.LastIndexByte(data[:at], '\n')+1)
	}
	return at
}

// sameProblem reports whether the beginning of a text has the same error as the whole.
func sameProblem(text []byte, what string) bool {
	_, _, err := parseYAML(bytes.NewReader(text))
	if err == nil {
		return false
	}
	_, problem := splitMessage(err.Error())
	return problem == what
}

// shortest returns the least end for which same holds, given that it holds from somewhere on up to
// high.
func shortest(data []byte, high int, same func(int) bool) int {
	if !same(high) {
		return high
	}
	// The place is mostly a few characters before high; each try parses the text again.
	low, step := high, 1
	for low > 0 && same(low) {
		high, low, step = low, max(low-step, 0), step*2
		for low > 0 && low < len(data) && !utf8.RuneStart(data[low]) {
			low--
		}
	}
	for high-low > 1 {
		middle := (low + high) / 2
		for middle > low && middle < len(data) && !utf8.RuneStart(data[middle]) {
			middle-- // never cut a character in two
		}
		if middle == low {
			break
		}
		if same(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

// consumed is how much of data yaml.v3 reads before it gives up: a few characters more than it
// objects to, since it asks for what it looks ahead to and no more.
func consumed(data []byte) int {
	all := bytes.NewReader(data)
	_, _, _ = parseYAML(oneByte{all})
	return len(data) - all.Len()
}

// oneByte hands out one byte at a time.
type oneByte struct{ from io.Reader }

func (o oneByte) Read(to []byte) (int, error) { return o.from.Read(to[:min(len(to), 1)]) }

// quoteFrom finds the quote that the error begins at. It is on one of the lines at starts.
// The first line of a file is always one to try: yaml.v3 takes a 0 for its number as no number.
func quoteFrom(data []byte, start, first int, open func(end int) bool) (int, bool) {
	const maxTries = 64 // each parses the text again
	tries := 0
	for _, begin := range []int{start, first} {
		for i := begin; i < len(data) && data[i] != '\n' && tries < maxTries; i++ {
			if data[i] != '"' && data[i] != '\'' {
				continue
			}
			if tries++; open(i + 1) {
				return i, true
			}
		}
	}
	return 0, false
}

// openBracket finds the innermost bracket that is open at the end of one of the lines at starts.
func openBracket(data []byte, starts ...int) (int, bool) {
	for _, start := range starts {
		line, _, _ := bytes.Cut(data[start:], []byte{'\n'})
		var open []int
		quoted := byte(0)
		for i, c := range line {
			switch {
			case quoted != 0:
				if c == quoted {
					quoted = 0
				}
			case (c == '"' || c == '\'') && i > 0 && strings.IndexByte(" [{,:", line[i-1]) >= 0:
				quoted = c
			case c == '[' || c == '{':
				open = append(open, start+i)
			case (c == ']' || c == '}') && len(open) > 0:
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			return open[len(open)-1], true
		}
	}
	return 0, false
}

// keyWithoutColon finds the line above the one with offset where that is why the ":" at offset
// cannot stand there: in
//
//	port 9201
//	user: hermes
//
// YAML reads the text "port 9201 user".
func keyWithoutColon(data []byte, offset int) (int, bool) {
	start := bytes.LastIndexByte(data[:min(offset, len(data))], '\n') + 1
	if start == 0 {
		return 0, false
	}
	above := bytes.LastIndexByte(data[:start-1], '\n') + 1
	key, keyAbove := firstNonBlank(data, start), firstNonBlank(data, above)
	text := data[keyAbove : start-1]
	if key-start != keyAbove-above || bytes.IndexByte(data[key:offset], ':') >= 0 {
		return 0, false
	}
	if len(bytes.TrimSpace(text)) == 0 || bytes.Contains(text, []byte(": ")) ||
		bytes.HasSuffix(bytes.TrimSpace(text), []byte(":")) ||
		text[0] == '#' ||
		text[0] == '-' {
		return 0, false
	}
	return keyAbove, true
}

// tabIndent finds a tab in the indentation of the line that holds offset.
func tabIndent(data []byte, offset int) (int, bool) {
	start := bytes.LastIndexByte(data[:min(offset, len(data))], '\n') + 1
	for i := start; i < len(data) && (data[i] == ' ' || data[i] == '\t'); i++ {
		if data[i] == '\t' {
			return i, true
		}
	}
	return 0, false
}

// lineStart is the offset of a line, counted from 1; the last line for a number beyond the end.
func lineStart(data []byte, line int) int {
	start := 0
	for ; line > 1; line-- {
		end := bytes.IndexByte(data[start:], '\n')
		if end < 0 || start+end+1 == len(data) {
			break
		}
		start += end + 1
	}
	return start
}

// firstNonBlank is the first character of a line behind its indentation, or the start of a blank
// one.
func firstNonBlank(data []byte, start int) int {
	i := start
	for i < len(data) && data[i] == ' ' {
		i++
	}
	if i == len(data) || data[i] == '\n' || data[i] == '\r' {
		return start
	}
	return i
}

// spotOf counts lines, and characters in the line, up to an offset.
func (r *Reader) spotOf(data []byte, offset int) Spot {
	before := data[:min(offset, len(data))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return spot(r.src, 1+bytes.Count(before, []byte{'\n'}), 1+utf8.RuneCount(before[start:]))
}
