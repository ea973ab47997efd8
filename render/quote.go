package render

import "strings"

// quote returns s as one word of a POSIX shell that expands to exactly s. Between single quotes a
// shell takes every byte as it is, newlines included, so only the quote itself needs care. s must
// hold no NUL: no shell can.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
