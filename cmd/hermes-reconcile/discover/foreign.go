package discover

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"mvdan.cc/sh/v3/syntax"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/names"
	"hermes-reconcile/manifest/values"
)

// lost are files that s6 reads in a service directory, or in its log/, and that an adoption takes
// away: none of ours plays their part.
var lost = []string{
	"notification-fd",
	"lock-fd",
	"max-death-tally",
	"down-signal",
	"reload-signal",
	"flag-newpidns",
}

// foreign reads a service directory that another program made. An error says why it cannot be one
// of a manifest.
func (s services) foreign(name, dir string) (found, error) {
	data, err := s.f.read(path.Join(dir, "run"))
	if err != nil {
		return found{}, fmt.Errorf("run: %w", err)
	}
	run, err := readScript(data, false)
	if err != nil {
		return found{}, fmt.Errorf("run: %w", err)
	}
	one := found{profile: manifest.Builtin(name, 0), runtime: run.runtime}
	p := &one.profile
	p.Command, p.Unset = run.argv, uniqueSorted(run.unset)
	for _, key := range sortedKeys(run.env) {
		p.Env = append(p.Env, manifest.EnvVar{Name: key, Value: run.env[key]})
	}
	p.Port = portOf(run)
	if word := relative(run.argv); word != "" && !run.athome {
		return found{}, fmt.Errorf(
			"run: its command has the relative path %s, which leads elsewhere from HERMES_HOME",
			quote(short(word)))
	}
	for _, piece := range run.rest {
		one.note("run: not carried over: %s%s", piece, advice(piece))
	}
	switch {
	case run.user == "":
		one.note("run drops no privileges: it will run as user %s where s6-svscan is root", p.User)
	case names.AccountFault(run.user) != "":
		return found{}, fmt.Errorf("run: its user cannot be carried over: %s",
			names.AccountFault(run.user))
	case run.group != "" && run.group != run.user:
		return found{}, fmt.Errorf(
			"run: its group cannot be carried over: %s is not that of its user %s",
			quote(short(run.group)), run.user)
	default:
		p.User = run.user
	}
	s.logger(dir, &one)
	s.finish(dir, &one)
	s.stopTimeout(dir, &one)
	s.leftovers(dir, &one)
	return one, nil
}

// advice is how a manifest can say the like of a piece of a script all the same.
func advice(piece string) string {
	if file, ok := strings.CutPrefix(piece, ". "); ok {
		return fmt.Sprintf(` (as a wrapper: [sh, -c, ". %s && exec \"$@\"", sh])`, file)
	}
	if strings.HasPrefix(piece, "PATH=") {
		return " (env can set PATH to a fixed value)"
	}
	return ""
}

// portOf is the port that the gateway is told, if any.
func portOf(run script) int {
	text := run.env["API_SERVER_PORT"]
	if i := slices.Index(run.argv, "--port"); i >= 0 && i+1 < len(run.argv) {
		text = run.argv[i+1]
	}
	port, err := values.ParsePort(text)
	if err != nil {
		return 0
	}
	return port
}

// folderCare is what a log/run does for its folder: ours does so in its own way.
var folderCare = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(
		`^(s6-setuidgid \w+ )?(mkdir|chown|chmod|rm) |logs/gateways|^\[ -[de] `)
})

// logger reads how the log is kept from the arguments of s6-log.
func (s services) logger(dir string, one *found) {
	data, there, err := s.f.readAny(path.Join(dir, "log/run"))
	switch {
	case err != nil:
		one.note("log/run: %v: its log is kept by the defaults", err)
		return
	case !there:
		one.note("it has no logger, and will have one")
		return
	}
	run, err := readScript(data, true)
	if err == nil && path.Base(run.argv[0]) != "s6-log" {
		err = fmt.Errorf("its command is %s, not s6-log", quote(short(run.argv[0])))
	}
	if err != nil {
		one.note("log/run: %v: its log is kept by the defaults", err)
		return
	}
	var rest []string
	// Its last word is the folder, mostly one that only the running script knows.
	args, where := run.argv[1:], "$"
	if run.tail == nil && len(args) > 0 {
		args, where = args[:len(args)-1], args[len(args)-1]
	} else if run.tail != nil {
		where = string(data[run.tail[0].Pos().Offset():run.tail[0].End().Offset()])
	}
	one.profile.Log = logOf(args, &rest)
	for _, piece := range append(rest, run.rest...) {
		if !folderCare().MatchString(piece) {
			one.note("log/run: not carried over: %s", piece)
		}
	}
	if !strings.Contains(where, "logs/gateways") && !strings.Contains(where, "$") {
		one.note("its log was in %s, and will be in ${HERMES_HOME}/logs/gateways/%s", short(where),
			one.profile.Name)
	}
}

// logOf reads the directives of s6-log (s6 doc/s6-log.html); what is not there is s6-log's own
// default.
func logOf(args []string, rest *[]string) manifest.Log {
	log := manifest.Log{Keep: 10, Size: 99_999, Timestamp: manifest.TimestampNone}
	for _, arg := range args {
		number, err := strconv.ParseInt(arg[min(1, len(arg)):], 10, 64)
		switch {
		case arg == "1":
			log.Stdout = true
		case arg == "T":
			log.Timestamp = manifest.TimestampISO8601
		case arg == "t":
			log.Timestamp = manifest.TimestampTAI64N
		case strings.HasPrefix(arg, "n") && err == nil && number >= 0 && number <= 10_000:
			log.Keep = int(number)
		case strings.HasPrefix(arg, "s") && err == nil && number >= manifest.MinLogSize && number <= manifest.MaxLogSize:
			log.Size = number
		case slices.Contains([]string{"-b", "-p", "-q", "-v", "--"}, arg),
			strings.HasPrefix(arg, "p"):
		default:
			*rest = append(*rest, short(arg))
		}
	}
	return log
}

// finish finds out which exit codes leave the gateway down: those that ./finish answers with 125.
func (s services) finish(dir string, one *found) {
	data, there, err := s.f.readAny(path.Join(dir, "finish"))
	if err != nil {
		one.note("finish: %v: not carried over", err)
	}
	if !there {
		return
	}
	r := shellReader{source: data}
	file, err := r.parse()
	if err != nil {
		one.note("finish: %v: not carried over", err)
		return
	}
	var codes []string
	for _, stmt := range file.Stmts {
		found := r.permanent(stmt.Cmd)
		if found == nil &&
			!slices.ContainsFunc(
				[]string{"exit 0", "set -e", "set -eu", "exec 2>&1"},
				func(known string) bool { return r.text(stmt) == known },
			) {
			one.note("finish: not carried over: %s", short(r.text(stmt)))
		}
		codes = append(codes, found...)
	}
	for _, code := range uniqueSorted(codes) {
		switch code {
		case "0":
			one.profile.Restart = manifest.RestartOnFailure
		case "78": // ours does so always
		default:
			one.note("finish: not carried over: exit code %s leaves it down", short(code))
		}
	}
}

// EndAfterZero names those of the services in a scandir that stay down after exit code 0: their
// ./finish answers it with 125, as that of hermes-agent's own image does. A gateway with a ./finish
// that cannot be read is not named.
func EndAfterZero(scandir string, names []string) []string {
	f, err := open(scandir)
	if err != nil {
		return nil
	}
	defer f.close()
	s := services{book: &book{}, f: f}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		one := found{profile: manifest.Profile{Restart: manifest.RestartAlways}}
		s.finish(name, &one)
		return one.profile.Restart != manifest.RestartOnFailure
	})
}

// permanent are the exit codes after which a statement of ./finish exits 125.
func (r *shellReader) permanent(c syntax.Command) []string {
	var codes []string
	switch c := c.(type) {
	case *syntax.CaseClause:
		for _, item := range c.Items {
			for _, pattern := range item.Patterns {
				if text, known := r.literal(pattern); known && r.exits125(item.Stmts) {
					codes = append(codes, text)
				}
			}
		}
	case *syntax.IfClause:
		if c.Else == nil && r.exits125(c.Then) {
			for _, cond := range c.Cond {
				codes = append(codes, r.numbers(cond)...)
			}
		}
	}
	return codes
}

// exits125 reports whether the last statement is `exit 125`, which tells s6-supervise to leave a
// service down.
func (r *shellReader) exits125(stmts []*syntax.Stmt) bool {
	if len(stmts) == 0 {
		return false
	}
	call, ok := stmts[len(stmts)-1].Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) != 2 {
		return false
	}
	name, _ := r.literal(call.Args[0])
	code, _ := r.literal(call.Args[1])
	return name == "exit" && code == "125"
}

// numbers are the words of a condition that are numbers.
func (r *shellReader) numbers(s *syntax.Stmt) []string {
	var found []string
	syntax.Walk(s, func(n syntax.Node) bool {
		if w, ok := n.(*syntax.Word); ok {
			text, known := r.literal(w)
			if _, err := strconv.Atoi(text); known && err == nil {
				found = append(found, text)
			}
		}
		return true
	})
	return found
}

// stopTimeout reads timeout-kill, in ms. s6 takes 0, and a file that is not there, for never.
func (s services) stopTimeout(dir string, one *found) {
	data, there, err := s.f.readAny(path.Join(dir, "timeout-kill"))
	if err != nil {
		one.note("timeout-kill: %v: not carried over", err)
	}
	if !there {
		return
	}
	ms, err := strconv.ParseInt(string(bytes.TrimSpace(data)), 10, 64)
	if err != nil || ms < 1 || ms > (24*time.Hour).Milliseconds() {
		one.note("timeout-kill: not carried over: %s", quote(short(string(data))))
		return
	}
	one.profile.StopTimeout = time.Duration(ms) * time.Millisecond
}

// leftovers names the files that s6 reads and that an adoption takes away.
func (s services) leftovers(dir string, one *found) {
	for _, name := range lost {
		for _, file := range []string{name, path.Join("log", name)} {
			if _, err := s.f.tree.Lstat(path.Join(dir, file)); err == nil {
				one.note("not carried over: the file %s, which s6 reads", file)
			}
		}
	}
}
