package yamlfile

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/manifest/wording"
)

// Reader reads the values of one or more sources, and keeps what is wrong in them.
type Reader struct {
	problems problems
	sources  []Source
	src      int // index of the source that is being read

	structure int // used up of MaxStructure
	expanded  int // used up of maxExpanded

	Overflowed bool // said that a limit of all sources together is passed
}

// NewReader returns a Reader of sources, none of which is loaded yet.
func NewReader(sources []Source) *Reader { return &Reader{sources: sources} }

// Err is nil or a *multierror.Error of *Error: all that is wrong, in the order of the sources.
func (r *Reader) Err() error { return r.problems.err(r.Position) }

// Overflow reports the first place at which a limit of all sources together is passed.
func (r *Reader) Overflow(where Spot, at *Path, format string, args ...any) {
	if r.Overflowed {
		return
	}
	r.Overflowed = true
	r.FaultAt(where, at, format, args...)
}

// Spot is the place of a node in the current source.
func (r *Reader) Spot(n *yaml.Node) Spot {
	return spot(r.src, max(n.Line, 1), max(n.Column, 1)) // an error without a line would not help
}

// Position is a place in the terms of an error: with the name of its source.
func (r *Reader) Position(s Spot) Position {
	return Position{r.sources[s.src].Name, int(s.line), int(s.col)}
}

// Fault reports what is wrong with a node; at is where in the document it stands.
func (r *Reader) Fault(n *yaml.Node, at *Path, format string, args ...any) {
	r.FaultAt(r.Spot(n), at, format, args...)
}

// FaultAt reports what is wrong at a place that no node marks.
func (r *Reader) FaultAt(where Spot, at *Path, format string, args ...any) {
	if !r.problems.wants(where) {
		r.problems.drop(where, 1)
		return
	}
	r.problems.add(where, at.String(),
		visible.Line(fmt.Sprintf(format, args...))) // %q, too, lets some through
}

// EachKey visits the keys of a map, each name once. Null is an empty map.
func (r *Reader) EachKey(n *yaml.Node, at *Path, visit func(key, value *yaml.Node)) {
	n = Target(n)
	if IsNull(n) {
		return
	}
	if !r.IsKind(n, at, yaml.MappingNode, "a map") {
		return
	}
	first := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		alias, value := n.Content[i], n.Content[i+1]
		key := Target(alias)
		if key.Kind != yaml.ScalarNode {
			r.Fault(alias, at, "%s is not allowed as a key (want text)", Describe(key))
			continue
		}
		if key.Tag == "!!merge" {
			r.Fault(alias, at,
				`merge keys "<<" are not allowed (use defaults, or an alias for a whole value)`)
			continue
		}
		if before, ok := first[key.Value]; ok {
			r.Fault(alias, at.Key(key.Value), "duplicate key, already set at %s",
				r.Position(r.Spot(before)))
			continue
		}
		first[key.Value] = alias
		if alias != key { // the place is where the alias stands
			key = &yaml.Node{
				Kind:   yaml.ScalarNode,
				Value:  key.Value,
				Tag:    key.Tag,
				Line:   alias.Line,
				Column: alias.Column,
			}
		}
		visit(key, value)
	}
}

// UnknownKey reports a key that is none of the known ones, with the one that was likely meant.
func (r *Reader) UnknownKey(key *yaml.Node, at *Path, known []string) {
	if where := r.Spot(key); !r.problems.wants(where) { // to look for a likely word takes time
		r.problems.drop(where, 1)
		return
	}
	r.Fault(key, at, "unknown key (%swant one of %s)", wording.DidYouMean(key.Value, known),
		strings.Join(known, ", "))
}

// IsKind checks what n is; want is the same in words.
func (r *Reader) IsKind(n *yaml.Node, at *Path, kind yaml.Kind, want string) bool {
	if !slices.Contains(plainTags, n.Tag) {
		r.Fault(n, at, unknownTag) // not its name: it may be the start of a password
		return false
	}
	if !fits(n) {
		r.Fault(n, at, "its tag is not that of %s (want it without the tag)", Describe(n))
		return false
	}
	if n.Kind != kind || IsNull(n) {
		r.Fault(n, at, "%s is not allowed here (want %s)", Describe(n), want)
		return false
	}
	return true
}
