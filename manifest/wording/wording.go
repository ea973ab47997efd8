// Package wording has the parts that error messages are made of: quoted names, lists of words, and
// the likely correction of a misspelt word.
package wording

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"hermes-reconcile/manifest/visible"
)

// MaxQuoted is how many bytes of a name a message shows.
const MaxQuoted = 64

// Quote makes a name of the user's fit for a message: no hidden characters, no 4 MiB line.
func Quote(name string) string {
	if len(name) <= MaxQuoted {
		return visible.Quote(name)
	}
	cut := MaxQuoted
	for cut > 0 && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return visible.Quote(name[:cut]) + "..."
}

// OrList is "a, b or c".
func OrList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// DidYouMean is `did you mean "port"? ` where one of the words is a likely misspelling of got, and
// empty otherwise.
func DidYouMean(got string, words []string) string {
	best := Nearest(got, words)
	if best == "" {
		return ""
	}
	return "did you mean " + strconv.Quote(best) + "? "
}

// Nearest is the one of the words that got is a likely misspelling of; empty where there is none.
func Nearest(got string, words []string) string {
	best, limit := "", 1+len(got)/6 // 2 edits from 6 letters on, 1 in shorter words
	if len(got) > MaxQuoted {
		return ""
	}
	for _, w := range words {
		if d := edits(strings.ToLower(got), strings.ToLower(w)); d < limit+1 && d < len(w) &&
			got != w {
			best, limit = w, d-1
		}
	}
	return best
}

// edits is how many letters must be added, dropped, changed or swapped with their neighbour to make
// b of a (optimal string alignment distance).
func edits(a, b string) int {
	var before []int // two rows up, for swaps
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

// Clip shortens a number of absurd length.
func Clip(digits string) string {
	if len(digits) <= MaxQuoted {
		return digits
	}
	return digits[:MaxQuoted] + "..."
}
