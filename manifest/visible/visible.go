// Package visible makes text safe to look at: what a reader cannot see, or what makes a terminal or
// a browser show text in another order than it has, is replaced by an escape that can be read.
//
// Everything that this program prints goes through it, because names, values and messages may come
// from a hostile manifest, folder or process. Text, Line and Quote are for people, JSON is for
// programs: its escapes keep the value. The package never looks at anything but its arguments.
package visible

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Hidden reports whether a character must not be printed as it is: control and format characters
// (the ones that reorder text and the tags included), line and paragraph separators, blanks other
// than the ASCII one, what Unicode gives no meaning, and what draws nothing: variation selectors,
// fillers, U+2800. A newline and a tab are hidden characters, too: Text lets them through.
func Hidden(c rune) bool {
	switch {
	case c < utf8.RuneSelf:
		return c < ' ' || c == 0x7F
	case c == 0x2800: // a Braille pattern without dots
		return true
	}
	return !unicode.IsPrint(c) ||
		unicode.In(c, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// Text is s with hidden characters and bytes that are not UTF-8 as escapes of Go, which are those
// of YAML's double quotes, too: \x1b, \u202e, \U000e0041, and \x9b of a byte. Newlines and tabs
// stay.
func Text(s string) string {
	return escape(s, func(c rune) bool { return c == '\n' || c == '\t' }, goEscape)
}

// Line is Text on one line: newlines and tabs are escapes, too.
func Line(s string) string {
	return escape(s, func(rune) bool { return false }, goEscape)
}

// Quote is s in double quotes, as strconv.Quote writes it, but with every hidden character as an
// escape.
func Quote(s string) string { return Line(strconv.Quote(s)) }

// JSON is the text of a JSON document with hidden characters as \u escapes. Outside of strings JSON
// has only ASCII, so the values stay the same; bytes that are not UTF-8 are what readers take them
// for, U+FFFD.
func JSON(document string) string {
	return escape(document, func(c rune) bool { return c == '\n' || c == '\t' || c == '\r' },
		jsonEscape)
}

// Writer passes text on as form makes it. A character that is cut in two by the end of a write
// waits for its rest.
type Writer struct {
	to   io.Writer
	form func(string) string
	rest []byte
}

// NewWriter makes a writer; form is Text, or one like it that looks at each character for itself.
func NewWriter(to io.Writer, form func(string) string) *Writer {
	return &Writer{to: to, form: form}
}

// writeAtOnce is how much is looked at, and copied for that, at a time: bytes. A report has
// millions.
const writeAtOnce = 64 << 10

// Write goes on in parts of a bounded size, since an escape is longer than what it stands for.
func (w *Writer) Write(p []byte) (int, error) {
	for left := p; len(left) > 0; {
		n := min(writeAtOnce, len(left))
		if err := w.write(left[:n]); err != nil {
			return len(p) - len(left), err
		}
		left = left[n:]
	}
	return len(p), nil
}

// write keeps the beginning of a character that is not complete yet for the next call: cut in two
// it would be escaped as bytes.
func (w *Writer) write(p []byte) error {
	text := append(w.rest, p...)
	cut := len(text)
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if begin := len(text) - i; utf8.RuneStart(text[begin]) {
			if !utf8.FullRune(text[begin:]) {
				cut = begin
			}
			break
		}
	}
	_, err := io.WriteString(w.to, w.form(string(text[:cut])))
	w.rest = append([]byte{}, text[cut:]...)
	return err
}

// Close writes what waits for a rest that does not come. It does not close what the writer writes
// to.
func (w *Writer) Close() error {
	_, err := io.WriteString(w.to, w.form(string(w.rest)))
	w.rest = nil
	return err
}

// escape replaces hidden characters, those that are kept aside.
func escape(
	s string,
	keep func(rune) bool,
	form func(b *strings.Builder, c rune, raw string),
) string {
	hidden := func(c rune, size int) bool { return (Hidden(c) || c == utf8.RuneError && size == 1) && !keep(c) }
	at := 0
	for at < len(s) { // most texts have none
		c, size := utf8.DecodeRuneInString(s[at:])
		if hidden(c, size) {
			break
		}
		at += size
	}
	if at == len(s) {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:at])
	for at < len(s) {
		c, size := utf8.DecodeRuneInString(s[at:])
		if hidden(c, size) {
			form(&b, c, s[at:at+size])
		} else {
			b.WriteString(s[at : at+size])
		}
		at += size
	}
	return b.String()
}

// goEscape escapes as Go and most shells read it.
func goEscape(b *strings.Builder, c rune, raw string) {
	switch {
	case len(raw) == 1 && c == '\n':
		b.WriteString(`\n`)
	case len(raw) == 1 && c == '\t':
		b.WriteString(`\t`)
	case len(raw) == 1: // ASCII, or no UTF-8
		fmt.Fprintf(b, `\x%02x`, raw[0])
	case c > 0xFFFF:
		fmt.Fprintf(b, `\U%08x`, c)
	default:
		fmt.Fprintf(b, `\u%04x`, c)
	}
}

// jsonEscape escapes as JSON has it, where a character above U+FFFF takes two units (RFC 8259,
// section 7).
func jsonEscape(b *strings.Builder, c rune, _ string) {
	const first, half = 0x10000, 0x400 // JSON counts in units of UTF-16
	if c < first {
		fmt.Fprintf(b, `\u%04x`, c)
		return
	}
	c -= first
	fmt.Fprintf(b, `\u%04x\u%04x`, 0xD800+c/half, 0xDC00+c%half)
}
