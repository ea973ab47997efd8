package yamlfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// Error is one thing that is wrong in a manifest.
type Error struct {
	Pos  Position
	Path string // into the document, as in profiles.coder.port; empty where there is none
	Msg  string
}

// Error is the place, where in the document that is, and what is wrong there.
func (e *Error) Error() string {
	if e.Pos.Line == 0 { // about no file
		return e.Msg
	}
	if e.Path == "" {
		return e.Pos.String() + ": " + e.Msg
	}
	return e.Pos.String() + ": " + e.Path + ": " + e.Msg
}

// MaxErrors is how many errors are listed; one more line counts the rest. No reader needs more, and
// a hostile file of 4 MiB can hold hundreds of thousands.
const MaxErrors = 1000

// Spot is a place while several sources are read: two of them may bear the same name. It is small,
// since a profile has one for each key that it could have.
type Spot struct {
	src, line, col int32
}

// spot is a line and column of a source, both from 1.
func spot(src, line, col int) Spot { return Spot{int32(src), int32(line), int32(col)} }

// Compare sorts by source, line and column, as a reader goes through the files.
func (s Spot) Compare(t Spot) int {
	if s.src != t.src {
		return int(s.src - t.src)
	}
	if s.line != t.line {
		return int(s.line - t.line)
	}
	return int(s.col - t.col)
}

// Start is the first character of the first source, where errors stand that have no better place.
var Start = Spot{0, 1, 1}

// problem is an Error that has no text of its place yet: most of them are never printed.
type problem struct {
	at   Spot
	path string
	msg  string
}

// compare sorts by place. At the same place the order of messages must not depend on that of maps.
func (p problem) compare(q problem) int {
	if c := p.at.Compare(q.at); c != 0 {
		return c
	}
	return strings.Compare(p.msg, q.msg)
}

// problems keeps the first MaxErrors errors in file order, which may not be the order that they are
// found in, and counts the others.
type problems struct {
	list    []problem
	dropped int  // errors no longer in list
	first   Spot // of the dropped ones
}

// wants says whether an error at this place can still be among those that are listed.
func (p *problems) wants(at Spot) bool {
	return p.dropped == 0 || at.Compare(p.list[MaxErrors-1].at) <= 0
}

// drop counts an error that is not listed.
func (p *problems) drop(at Spot, n int) {
	if p.dropped == 0 || at.Compare(p.first) < 0 {
		p.first = at
	}
	p.dropped += n
}

// add keeps one more. It sorts only now and then: for each, that would take quadratic time.
func (p *problems) add(at Spot, path, msg string) {
	p.list = append(p.list, problem{at, path, msg})
	if len(p.list) >= 4*MaxErrors {
		p.trim()
	}
}

// trim sorts and shortens the list. What an alias repeats is found wrong once for each use, at the
// same place: one of these is enough.
func (p *problems) trim() {
	slices.SortStableFunc(p.list, problem.compare)
	p.list = slices.CompactFunc(p.list, func(a, b problem) bool { return a.compare(b) == 0 })
	if len(p.list) <= MaxErrors {
		return
	}
	p.drop(p.list[MaxErrors].at, len(p.list)-MaxErrors)
	p.list = p.list[:MaxErrors]
}

// err is nil where there is no problem, and otherwise a *multierror.Error of *Error in file order.
func (p *problems) err(position func(Spot) Position) error {
	p.trim()
	all := &multierror.Error{ErrorFormat: lines}
	for _, one := range p.list {
		all = multierror.Append(all, &Error{position(one.at), one.path, one.msg})
	}
	if p.dropped > 0 {
		all = multierror.Append(all,
			&Error{Pos: position(p.first), Msg: fmt.Sprintf("and %d more errors", p.dropped)})
	}
	return all.ErrorOrNil()
}

// NoSource is the error of Parse without a source; it has no place.
func NoSource() error {
	return (&problems{list: []problem{{msg: "no manifest file is given"}}}).err(
		func(Spot) Position { return Position{} })
}

// lines prints one error a line: multierror's own format is a bullet list that no editor can
// follow.
func lines(errs []error) string {
	text := make([]string, len(errs))
	for i, err := range errs {
		text[i] = err.Error()
	}
	return strings.Join(text, "\n")
}
