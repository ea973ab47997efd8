package yamlfile

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"hermes-reconcile/manifest/names"
	"hermes-reconcile/manifest/wording"
)

// Path is where in the document a value stands. It becomes text only for an error: a manifest of
// 5,000 profiles has 200,000 of them and mostly no error.
type Path struct {
	parent *Path
	name   string
	index  int
	entry  bool // of a list: index counts, not name
}

// Key is the path of a key in the map at this path.
func (p *Path) Key(name string) *Path { return &Path{parent: p, name: name} }

// Element is the path of an entry in the list at this path, counted from 0.
func (p *Path) Element(index int) *Path { return &Path{parent: p, index: index, entry: true} }

// String is the path as in profiles.coder.command[0].
func (p *Path) String() string {
	switch {
	case p == nil:
		return ""
	case p.entry:
		return p.parent.String() + "[" + strconv.Itoa(p.index) + "]"
	case p.parent == nil:
		return word(p.name)
	}
	return p.parent.String() + "." + word(p.name)
}

// word is a name as part of a path: bare where nothing in it could be misread.
func word(name string) string {
	odd := func(c rune) bool {
		return c != '_' && c != '-' &&
			(c >= utf8.RuneSelf || !unicode.IsLetter(c) && !unicode.IsDigit(c))
	}
	if name == "" || len(name) > names.MaxProfile || strings.ContainsFunc(name, odd) {
		return wording.Quote(name)
	}
	return name
}
