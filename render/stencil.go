package render

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A script of one profile differs from that of the next in texts alone, most often: names, paths,
// ports. To walk a template for each takes longer than all else that an apply does for a profile
// that does not change. So a template is walked once for all profiles of the same outline, with
// marks in place of the texts; what comes out is a stencil, into which the texts of each are put.
//
// An outline is all of a script but its texts: of these it says only which are empty, since
// templates ask nothing else of a text. TestStencilsAreWhatTheTemplatesGive holds that.

// Marks stand for texts: a number between two bytes that no template holds.
const (
	markRaw    = "\x00" // the text as it is
	markQuoted = "\x01" // within single quotes of a shell
)

// stencils are those of the templates of one manifest, by template and outline. They may be used by
// several goroutines.
type stencils struct {
	mu   sync.RWMutex
	made map[string]map[string]*stencil
	n    int
}

// stencil is a rendered template: literal texts, and places in between.
type stencil struct {
	literals []string // one more than places
	places   []place
	size     int // of the literals, bytes
}

// place is where a text comes.
type place struct {
	text   int // which
	quoted bool
}

// outline tells the outline of a script, and its texts in the order in which its fields stand.
func outline(s *script) (key []byte, texts []string) {
	o := outliners.Get().(*outliner)
	defer outliners.Put(o)
	o.key, o.texts = o.key[:0], o.texts[:0]
	o.add(reflect.ValueOf(s).Elem())
	return slices.Clone(o.key), slices.Clone(o.texts)
}

// outliners have room for what is found, since it is not known before how much that is.
var outliners = sync.Pool{New: func() any { return new(outliner) }}

// outliner finds the outline of a script: what in it is empty, set or how long. Templates branch on
// that alone, so scripts of one outline differ in their texts only.
type outliner struct {
	key   []byte
	texts []string
}

// add takes a value in, field by field. A kind that it does not know is a panic, since a field left
// out would make two scripts the same.
func (o *outliner) add(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		o.flag(v.Len() > 0)
		if v.Len() > 0 {
			o.texts = append(o.texts, v.String())
		}
	case reflect.Bool:
		o.flag(v.Bool())
	case reflect.Int, reflect.Int64:
		o.key = binary.AppendVarint(o.key, v.Int())
	case reflect.Slice:
		o.key = binary.AppendUvarint(o.key, uint64(v.Len()))
		for i := range v.Len() {
			o.add(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			o.add(v.Field(i))
		}
	case reflect.Pointer:
		if o.flag(!v.IsNil()); !v.IsNil() {
			o.add(v.Elem())
		}
	default:
		panic(fmt.Sprintf("a script has a field of kind %v", v.Kind()))
	}
}

// flag adds a branch that a template can take or not.
func (o *outliner) flag(set bool) {
	if set {
		o.key = append(o.key, 1)
	} else {
		o.key = append(o.key, 0)
	}
}

// marked is a copy of a script that has marks in place of its texts.
func marked(s script) script {
	n := 0
	mark(reflect.ValueOf(&s).Elem(), &n)
	return s
}

// mark puts a numbered mark in the place of each text, to find where the template puts it.
func mark(v reflect.Value, n *int) {
	switch v.Kind() {
	case reflect.String:
		if v.Len() > 0 {
			v.SetString(markRaw + strconv.Itoa(*n) + markRaw)
			*n++
		}
	case reflect.Slice:
		list := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(list, v)
		for i := range list.Len() {
			mark(list.Index(i), n)
		}
		v.Set(list)
	case reflect.Struct:
		for i := range v.NumField() {
			mark(v.Field(i), n)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			to := reflect.New(v.Type().Elem())
			to.Elem().Set(v.Elem())
			mark(to.Elem(), n)
			v.Set(to)
		}
	}
}

// quoteMarks is the function quote of the templates: a mark in what it quotes is one of a text that
// will be within quotes.
func quoteMarks(s string) string { return strings.ReplaceAll(quote(s), markRaw, markQuoted) }

// cut makes a stencil of what a template made of a script with marks.
func cut(text string) (stencil, error) {
	s := stencil{}
	for {
		at := strings.IndexAny(text, markRaw+markQuoted)
		if at < 0 {
			s.literals = append(s.literals, text)
			s.size += len(text)
			return s, nil
		}
		number, rest, found := strings.Cut(text[at+1:], text[at:at+1])
		n, err := strconv.Atoi(number)
		if !found || err != nil {
			return s, fmt.Errorf("a template changes a text: %q", number)
		}
		s.literals = append(s.literals, text[:at])
		s.places = append(s.places, place{n, text[at:at+1] == markQuoted})
		s.size += at
		text = rest
	}
}

// fill appends what a stencil gives with these texts.
func (s *stencil) fill(out []byte, texts []string) []byte {
	size := s.size
	for _, p := range s.places {
		size += len(texts[p.text])
	}
	out = append(slices.Grow(out, size), s.literals[0]...)
	for i, p := range s.places {
		out = append(append(out, p.put(texts)...), s.literals[i+1]...)
	}
	return out
}

// put is the text that comes to a place.
func (p place) put(texts []string) string {
	text := texts[p.text]
	if p.quoted && strings.Contains(text, "'") {
		return strings.ReplaceAll(text, "'", `'\''`)
	}
	return text
}

// gives reports whether data are what fill appends, without putting that together.
func (s *stencil) gives(data []byte, texts []string) bool {
	begins := func(text string) bool {
		if len(data) < len(text) || string(data[:len(text)]) != text {
			return false
		}
		data = data[len(text):]
		return true
	}
	if !begins(s.literals[0]) {
		return false
	}
	for i, p := range s.places {
		if !begins(p.put(texts)) || !begins(s.literals[i+1]) {
			return false
		}
	}
	return len(data) == 0
}

// execute renders a template.
func (r *renderer) execute(
	template string, key []byte, texts []string, s *script,
) (*Content, error) {
	all := &r.stencils
	all.mu.RLock()
	found, ok := all.made[template][string(key)]
	all.mu.RUnlock()
	if ok {
		return filled(found, texts), nil
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	var text strings.Builder
	if err := r.templates.ExecuteTemplate(&text, template, marked(*s)); err != nil {
		return nil, err
	}
	made, err := cut(text.String())
	if err != nil {
		return nil, err
	}
	if !all.keep(template, string(key), &made) { // the rest of it is of use to no other
		return digested(made.fill(nil, texts)), nil
	}
	return filled(&made, texts), nil
}

// maxStencils bounds the memory for a manifest whose profiles have nothing in common.
const maxStencils = 300

// keep keeps a stencil up to a limit, so that memory stays bounded with thousands of outlines. It
// reports whether it has.
func (all *stencils) keep(template, key string, made *stencil) bool {
	if all.n == maxStencils {
		return false
	}
	all.n++
	if all.made == nil {
		all.made = map[string]map[string]*stencil{}
	}
	if all.made[template] == nil {
		all.made[template] = map[string]*stencil{}
	}
	all.made[template][key] = made
	return true
}
