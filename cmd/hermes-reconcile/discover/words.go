package discover

import (
	"maps"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"hermes-reconcile/manifest/names"
)

// variable has a value that is known while the script runs.
type variable struct {
	value    string
	exported bool
	used     bool // in another word
}

// export takes the variables that reach the gateway.
func (r *shellReader) export(c *syntax.DeclClause) {
	for _, a := range c.Args {
		switch {
		case c.Variant.Value != "export", a.Name == nil:
			r.leave(c)
			return
		case !a.Naked:
			r.assign(a, true)
		default:
			if v, known := r.vars[a.Name.Value]; known {
				v.exported = true
				r.vars[a.Name.Value] = v
			}
		}
	}
}

// assign notes what a variable is now.
func (r *shellReader) assign(a *syntax.Assign, exported bool) {
	name, value, known, text := a.Name.Value, "", true, ""
	if a.Value != nil {
		value, known = r.literal(a.Value)
		text = r.text(a.Value)
	}
	exported = exported || r.vars[name].exported
	switch {
	case names.ScriptSets(name):
		// The script of a manifest sets it, in its own way.
		if strings.HasSuffix(name, "HOME") && value != "/opt/data" &&
			!strings.Contains(text, "HERMES_HOME") {
			r.leave(a)
			return
		}
	case !known || a.Append || a.Index != nil || a.Array != nil || strings.Contains(value, "\x00"):
		if known = false; exported {
			r.leave(a)
		}
	case exported && names.VariableFault(name) != "":
		r.leave(a)
		return
	}
	if !known {
		delete(r.vars, name)
		return
	}
	r.vars[name] = variable{value: value, exported: exported}
}

// unsets takes the variables that must not reach it.
func (r *shellReader) unsets(s *syntax.Stmt, args []*syntax.Word) {
	for _, arg := range args {
		name, known := r.literal(arg)
		switch {
		case name == "-v":
		case !known || names.VariableFault(name) != "":
			r.leave(s)
		default:
			delete(r.vars, name)
			r.unset = append(r.unset, name)
		}
	}
}

// settleVariables takes what is exported in the end for the environment. What is not, and serves
// nothing else, changes something only if the container has a variable of that name: that cannot be
// told here.
func (r *shellReader) settleVariables() {
	r.env = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(r.vars)) {
		v := r.vars[name]
		switch {
		case names.ScriptSets(name):
		case v.exported:
			r.env[name] = v.value
		case !v.used && name == strings.ToUpper(name):
			r.rest = append(r.rest, short(name+"="+v.value)+" (it is not exported)")
		}
	}
	r.unset = slices.DeleteFunc(r.unset,
		func(name string) bool { _, set := r.env[name]; return set })
}

// literal is the text of a word that is known before the script runs: it is written there, or that
// of a variable is.
func (r *shellReader) literal(w *syntax.Word) (string, bool) {
	var b strings.Builder
	for i, part := range w.Parts {
		text, known := r.part(part, i == 0)
		if !known {
			return "", false
		}
		b.WriteString(text)
	}
	return b.String(), true
}

// part is the value of a piece of a word; false: it depends on what only a run knows.
func (r *shellReader) part(part syntax.WordPart, first bool) (string, bool) {
	switch p := part.(type) {
	case *syntax.Lit:
		if strings.ContainsAny(p.Value, "*?[") || first && strings.HasPrefix(p.Value, "~") {
			return "", false
		}
		return unescape(p.Value, func(byte) bool { return true }), true
	case *syntax.SglQuoted:
		return p.Value, !p.Dollar
	case *syntax.DblQuoted:
		return r.quoted(p)
	case *syntax.ParamExp:
		text, known := r.expansion(p)
		return text, known && text != "" && !strings.ContainsAny(text, " \t\n*?[")
	}
	return "", false
}

// quoted is a text in double quotes, in which variables are filled in.
func (r *shellReader) quoted(q *syntax.DblQuoted) (string, bool) {
	var b strings.Builder
	for _, part := range q.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			b.WriteString(
				unescape(
					p.Value,
					func(c byte) bool { return strings.IndexByte("$`\"\\\n", c) >= 0 },
				),
			)
		case *syntax.ParamExp:
			text, known := r.expansion(p)
			if !known {
				return "", false
			}
			b.WriteString(text)
		default:
			return "", false
		}
	}
	return b.String(), !q.Dollar
}

// expansion is the value of $x or ${x}; of nothing that does more to it.
func (r *shellReader) expansion(p *syntax.ParamExp) (string, bool) {
	if p.Param == nil || r.text(p) != "$"+p.Param.Value && r.text(p) != "${"+p.Param.Value+"}" {
		return "", false
	}
	v, known := r.vars[p.Param.Value]
	if known {
		v.used = true
		r.vars[p.Param.Value] = v
	}
	return v.value, known
}

// unescape takes the backslashes away that quote a character; with a newline both go.
func unescape(s string, quotes func(byte) bool) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && quotes(s[i+1]) {
			if i++; s[i] == '\n' {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
