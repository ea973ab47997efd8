package discover

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"hermes-reconcile/manifest"
)

// maxScript is the longest foreign script that is read, in bytes; those of hermes-agent's image
// have 1 kB. Its parser descends into brackets, so 32,768 of them take some MiB of stack, and their
// time is quadratic: less than a second.
const maxScript = 32 << 10

// script is what a shell script of another program does, as far as that is known without running
// it.
type script struct {
	runtime manifest.Runtime
	argv    []string // of its last exec, without the privilege drop
	// That s6-setuidgid, or its like, drops to; empty: it drops nothing.
	user   string
	group  string // that it drops to, where it says so
	athome bool   // it has gone to HERMES_HOME before
	env    map[string]string
	unset  []string
	rest   []string // what a manifest cannot say
	tail   []*syntax.Word
}

// readScript reads a script for the shell that ends in an exec of words known before it runs.
func readScript(data []byte, withTail bool) (script, error) {
	r := shellReader{source: data, withTail: withTail, vars: map[string]variable{}}
	file, err := r.parse()
	if err != nil {
		return script{}, err
	}
	for _, s := range file.Stmts {
		if r.stmt(s); r.done {
			break
		}
	}
	switch {
	case r.wrong != nil:
		return script{}, r.wrong
	case r.argv == nil:
		return script{}, errors.New("it has no exec of a command that is known before it runs")
	case r.argv[0] == "":
		return script{}, errors.New("its command is empty")
	}
	r.settleVariables()
	return r.script, nil
}

// shellReader walks the statements of a script in their order.
type shellReader struct {
	script
	source []byte
	// Words of an exec from the first on that is not known go to tail.
	withTail  bool
	vars      map[string]variable // what is known of variables so far
	exportAll bool                // `set -a`
	// An exec that nothing guards: what follows is never reached.
	done    bool
	pending string // the account that s6-envuidgid has named
	wrong   error  // why a command cannot be carried over
}

// parse reads the script as bash does, which knows all that sh knows.
func (r *shellReader) parse() (*syntax.File, error) {
	if len(r.source) > maxScript {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(r.source), maxScript)
	}
	var err error
	if r.runtime, err = runtimeOf(r.source); err != nil {
		return nil, err
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).
		Parse(bytes.NewReader(r.source), "")
	if err != nil {
		return nil, fmt.Errorf("it cannot be read as a shell script: %w", err)
	}
	return file, nil
}

// runtimeOf reads the line that names the interpreter.
func runtimeOf(data []byte) (manifest.Runtime, error) {
	line, _, _ := bytes.Cut(data, []byte{'\n'})
	words := strings.Fields(strings.TrimPrefix(string(line), "#!"))
	if !bytes.HasPrefix(line, []byte("#!")) || len(words) == 0 {
		return "", errors.New("its first line names no interpreter")
	}
	runtime := manifest.RuntimeS6
	if path.Base(words[0]) == "with-contenv" {
		runtime, words = manifest.RuntimeS6Overlay, words[1:]
	}
	if len(words) > 1 && path.Base(words[0]) == "env" {
		words = words[1:]
	}
	if len(words) == 0 ||
		!slices.Contains([]string{"sh", "dash", "ash", "bash"}, path.Base(words[0])) {
		return "", fmt.Errorf("it is a script for %s, not for a shell",
			quote(short(strings.TrimPrefix(string(line), "#!"))))
	}
	return runtime, nil
}

// leave notes a statement that a manifest cannot say. The variables that it sets are not known any
// more.
func (r *shellReader) leave(n syntax.Node) {
	r.rest = append(r.rest, short(r.text(n)))
	syntax.Walk(n, func(n syntax.Node) bool {
		if a, ok := n.(*syntax.Assign); ok && a.Name != nil {
			delete(r.vars, a.Name.Value)
		}
		return true
	})
}

// text is a piece of the script as it is written, for comments.
func (r *shellReader) text(n syntax.Node) string {
	return string(r.source[n.Pos().Offset():n.End().Offset()])
}

// stmt follows one statement, or notes that it is not understood.
func (r *shellReader) stmt(s *syntax.Stmt) {
	switch c := s.Cmd.(type) {
	case *syntax.CallExpr:
		r.call(s, c)
	case *syntax.DeclClause:
		r.export(c)
	case *syntax.BinaryCmd:
		if (c.Op == syntax.AndStmt || c.Op == syntax.OrStmt) && r.asksForRoot(c.X) {
			r.guarded(c.Y)
			return
		}
		r.leave(s)
	case *syntax.IfClause:
		r.branches(s, c)
	case *syntax.Block:
		for _, inner := range c.Stmts {
			r.stmt(inner)
		}
	default:
		r.leave(s)
	}
}

// asksForRoot reports whether a condition is about nothing but being root, as in `[ "$(id -u)" = 0
// ]`: a gateway that s6 starts as root drops its privileges, another need not.
func (r *shellReader) asksForRoot(s *syntax.Stmt) bool {
	text := r.text(s)
	return strings.HasPrefix(text, "[ ") && strings.Contains(text, "id -u")
}

// branches follows an if that asks for root, all ways: which one is taken depends on the user that
// starts the script. Any other is left, and noted.
func (r *shellReader) branches(s *syntax.Stmt, c *syntax.IfClause) {
	if len(c.Cond) != 1 || !r.asksForRoot(c.Cond[0]) {
		r.leave(s)
		return
	}
	for ; c != nil; c = c.Else {
		for _, inner := range c.Then {
			r.guarded(inner)
		}
	}
}

// guarded reads a statement that may not be reached, so that the ones behind it count, too.
func (r *shellReader) guarded(s *syntax.Stmt) {
	r.stmt(s)
	r.done = false
}

// call reads a simple command.
func (r *shellReader) call(s *syntax.Stmt, c *syntax.CallExpr) {
	if len(c.Args) == 0 {
		for _, a := range c.Assigns {
			r.assign(a, r.exportAll)
		}
		return
	}
	name, _ := r.literal(c.Args[0])
	switch {
	case name == "exec" && len(c.Args) == 1:
		r.redirects(s)
	case name == "exec":
		r.redirects(s)
		r.exec(s, c)
	case len(c.Assigns) > 0 || len(s.Redirs) > 0:
		r.leave(s)
	case name == "set" && len(c.Args) == 2:
		r.exportAll = r.exportAll ||
			strings.HasPrefix(r.text(c.Args[1]), "-") && strings.Contains(r.text(c.Args[1]), "a")
	case name == ":", name == "true":
	case name == "cd" && len(c.Args) == 2:
		if dir := r.text(c.Args[1]); strings.Trim(dir, `"'`) != "/opt/data" &&
			!strings.Contains(dir, "HOME") {
			r.leave(s)
			r.athome = false
		} else {
			r.athome = true
		}
	case name == "unset":
		r.unsets(s, c.Args[1:])
	default:
		r.leave(s)
	}
}

// redirects notes redirections but the one that ours have, too: stderr to where stdout goes.
func (r *shellReader) redirects(s *syntax.Stmt) {
	for _, redirect := range s.Redirs {
		if r.text(redirect) != "2>&1" {
			r.rest = append(r.rest, short(r.text(redirect)))
		}
	}
}

// exec takes the command of an exec. The last one counts; where there are several, they mostly
// differ in who runs them.
func (r *shellReader) exec(s *syntax.Stmt, c *syntax.CallExpr) {
	var argv []string
	var tail []*syntax.Word
	for i, word := range c.Args[1:] {
		text, known := r.literal(word)
		if !known && r.withTail {
			tail = c.Args[1+i:]
			break
		}
		if !known {
			r.leave(s)
			return
		}
		argv = append(argv, text)
	}
	for _, a := range c.Assigns {
		r.assign(a, true)
	}
	argv, err := r.peel(argv)
	if err != nil {
		r.wrong, r.done = err, true
		return
	}
	if len(argv) == 0 || strings.HasPrefix(argv[0], "-") { // an option of exec
		r.leave(s)
		return
	}
	if r.argv != nil && !slices.Equal(r.argv, argv) {
		r.rest = append(r.rest, "exec "+short(strings.Join(r.argv, " ")))
	}
	r.argv, r.tail, r.done = argv, tail, true
}
