// Package yamlfile reads YAML files that people write: it loads them within limits of size, depth
// and aliases, and collects all that is wrong in them, each error with its file, line and column.
//
// A Reader is the entry point. Load gives the root node of a source. Callers read the values below
// it and report what is wrong with Fault. Err has all of it in the end. The package is pure: it opens
// nothing, and knows no key.
//
// The files:
//
//	source.go  a source, and a place in one
//	load.go    bytes to nodes, within limits; syntax.go: why that failed, in plain words
//	reader.go  what is read so far; errors.go: what was wrong in it
//	nodes.go   aliases, nulls and kinds; path.go: where in the document a value stands
package yamlfile

import (
	"strconv"

	"hermes-reconcile/manifest/visible"
)

// Source is one manifest file: its name, as errors print it, and its content.
type Source struct {
	Name string
	Data []byte
}

// Position is a place in a source. Line and Column count from 1; Column counts characters, as
// editors do.
type Position struct {
	File   string
	Line   int
	Column int
}

// String is `file:line:column`, which editors can jump to. A file name that could play tricks on a
// terminal is quoted.
func (p Position) String() string {
	file := p.File
	if visible.Line(file) != file {
		file = visible.Quote(file)
	}
	return file + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}
