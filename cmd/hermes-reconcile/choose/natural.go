package choose

import (
	"cmp"
	"strings"
)

// Natural compares names as people sort them: p2 stands before p10. It is a total order: names that
// differ in leading zeros alone are ordered by their bytes.
func Natural(a, b string) int {
	restA, restB := a, b
	for restA != "" && restB != "" {
		var order int
		if isDigit(restA[0]) && isDigit(restB[0]) {
			var left, right string
			left, restA = number(restA)
			right, restB = number(restB)
			order = cmp.Or(cmp.Compare(len(left), len(right)), strings.Compare(left, right))
		} else {
			order = cmp.Compare(restA[0], restB[0])
			restA, restB = restA[1:], restB[1:]
		}
		if order != 0 {
			return order
		}
	}
	return cmp.Or(cmp.Compare(len(restA), len(restB)), strings.Compare(a, b))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number cuts off the digits that a text begins with, without leading zeros.
func number(text string) (digits, rest string) {
	rest = strings.TrimLeft(text, "0123456789")
	return strings.TrimLeft(text[:len(text)-len(rest)], "0"), rest
}
