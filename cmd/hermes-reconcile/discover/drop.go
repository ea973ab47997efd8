package discover

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"mvdan.cc/sh/v3/syntax"
)

// changer reads the arguments of a program that becomes another user and then runs the rest of
// them. It gives that rest.
type changer func(r *shellReader, args []string) ([]string, error)

// changers are such programs, and those that only go before one.
var changers map[string]changer

// The table refers to functions that refer to it, which Go allows in init alone.
func init() {
	changers = map[string]changer{
		"s6-setuidgid": account, "setuidgid": account, "gosu": account, "su-exec": account,
		"s6-envuidgid":   (*shellReader).envuidgid,
		"s6-applyuidgid": (*shellReader).applyuidgid,
		"chpst":          byOptions(map[string]meaning{"-u": user, "-v": harmless}),
		"setpriv": byOptions(map[string]meaning{
			"--reuid": user, "--regid": group, "--init-groups": harmless, "--clear-groups": noted,
			"--keep-groups": noted, "--no-new-privs": noted, "--nnp": noted,
		}),
		"sudo": byOptions(map[string]meaning{
			"-u": user, "--user": user, "-E": harmless, "--preserve-env": harmless, "-H": harmless,
			"--set-home": harmless, "-n": harmless, "--non-interactive": harmless,
		}),
		"doas":    byOptions(map[string]meaning{"-u": user, "-n": harmless}),
		"runuser": (*shellReader).runuser,
		"su":      (*shellReader).su,
		// They are no use without the folder, which is in no manifest.
		"s6-envdir": fromFolder, "envdir": fromFolder,
	}
}

// meaning is what an option of such a program is about.
type meaning int

const (
	unknown  meaning = iota
	harmless         // a service of ours does so, too, or needs it not
	noted            // something that a manifest cannot say
	user             // its value is the user to become
	group            // its value is the group
	command          // its value is a command for the shell
	folded           // its value is something that a manifest cannot say
)

// takesValue reports whether a word, or the rest of one, belongs to the option.
func (m meaning) takesValue() bool { return m >= user }

// peel takes the change of user off a command.
func (r *shellReader) peel(argv []string) ([]string, error) {
	for len(argv) > 0 {
		name := path.Base(argv[0])
		change, known := changers[name]
		if !known {
			break
		}
		rest, err := change(r, argv[1:])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		argv = rest
	}
	if r.pending != "" {
		return nil, errors.New("s6-envuidgid: no s6-applyuidgid -U follows")
	}
	if name := changerIn(argv); name != "" {
		return nil, fmt.Errorf("%s runs %s: cannot find out how it changes the user", argv[0], name)
	}
	return argv, nil
}

// changerIn finds a program that changes the user behind another one, as in `nice chpst -u x y` or
// in a command for a shell. Words of hermes's own command line are no programs.
func changerIn(argv []string) string {
	if len(argv) == 0 || path.Base(argv[0]) == "hermes" {
		return ""
	}
	for _, word := range argv[1:] {
		for _, token := range strings.FieldsFunc(word, noName) {
			if name := path.Base(token); changers[name] != nil {
				return name
			}
		}
	}
	return ""
}

// noName reports whether a character stands in no path of a program.
func noName(c rune) bool {
	return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-_./", c)
}

// become notes which user a program goes on as: an account, or one with a group behind a colon.
func (r *shellReader) become(account string) {
	r.user, r.group, _ = strings.Cut(account, ":")
}

// account reads what begins with the account.
func account(r *shellReader, args []string) ([]string, error) {
	if len(args) < 2 || strings.HasPrefix(args[0], "-") {
		return nil, errors.New("its arguments are not understood")
	}
	r.become(args[0])
	return args[1:], nil
}

// fromFolder refuses s6-envdir and the like: what is in the folder is known only when the script
// runs, and a manifest should say it.
func fromFolder(_ *shellReader, args []string) ([]string, error) {
	return nil, fmt.Errorf("it takes variables from a folder (want them in env or secrets): %s",
		short(strings.Join(args, " ")))
}

// envuidgid only sets variables, which s6-applyuidgid -U obeys.
func (r *shellReader) envuidgid(args []string) ([]string, error) {
	if len(args) < 2 || strings.HasPrefix(args[0], "-") {
		return nil, errors.New("its arguments are not understood")
	}
	r.pending = args[0]
	return args[1:], nil
}

// applyuidgid reads s6-applyuidgid. With -U the account comes from variables that s6-envuidgid has
// set before it, which is kept in pending.
func (r *shellReader) applyuidgid(args []string) ([]string, error) {
	o, err := r.options(args,
		map[string]meaning{"-U": harmless, "-z": noted, "-u": user, "-g": group}, false)
	switch {
	case err != nil:
		return nil, err
	case r.pending != "":
		r.become(r.pending)
		r.pending = ""
	case o.user == "":
		return nil, errors.New("it does not say which user")
	}
	return o.rest, nil
}

// byOptions reads what says the user by an option.
func byOptions(known map[string]meaning) changer {
	return func(r *shellReader, args []string) ([]string, error) {
		o, err := r.options(args, known, false)
		switch {
		case err != nil:
			return nil, err
		case o.user == "":
			return nil, errors.New("it does not say which user")
		case len(o.rest) > 0 && strings.Contains(o.rest[0], "="):
			return nil, fmt.Errorf("it sets variables: %s", short(o.rest[0]))
		}
		return o.rest, nil
	}
}

// runuser is like sudo with -u, and else like su.
func (r *shellReader) runuser(args []string) ([]string, error) {
	for _, arg := range args {
		if strings.HasPrefix(arg, "-u") || strings.HasPrefix(arg, "--user") {
			return byOptions(map[string]meaning{"-u": user, "--user": user})(r, args)
		}
	}
	return r.su(args)
}

// su takes its options anywhere, the account among them, and the command as text for a shell.
func (r *shellReader) su(args []string) ([]string, error) {
	o, err := r.options(args, map[string]meaning{
		"-c":                     command,
		"--command":              command,
		"-s":                     folded,
		"--shell":                folded,
		"-":                      noted,
		"-l":                     noted,
		"--login":                noted,
		"-m":                     harmless,
		"-p":                     harmless,
		"--preserve-environment": harmless,
	}, true)
	switch {
	case err != nil:
		return nil, err
	case len(o.rest) != 1:
		return nil, errors.New("its arguments are not understood")
	case o.command == "":
		return nil, errors.New("it has no -c")
	}
	r.become(o.rest[0])
	return words(o.command)
}

// chosen is what options say.
type chosen struct {
	user, command string
	rest          []string // what follows them
}

// options reads the options of a program, those behind the first other word only where they may
// stand there.
func (r *shellReader) options(
	args []string,
	known map[string]meaning,
	anywhere bool,
) (chosen, error) {
	var o chosen
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			o.rest = append(o.rest, args...)
			return o, nil
		case !strings.HasPrefix(arg, "-") && anywhere:
			o.rest = append(o.rest, arg)
			continue
		case !strings.HasPrefix(arg, "-"):
			o.rest = append([]string{arg}, args...)
			return o, nil
		}
		name, value, attached := splitOption(arg)
		what := known[name]
		switch {
		case what == unknown, !what.takesValue() && attached && strings.HasPrefix(name, "--"):
			return o, fmt.Errorf("%s is not understood", short(name))
		case !what.takesValue() && attached: // -nE is -n -E
			args = append([]string{"-" + value}, args...)
		case what.takesValue() && !attached:
			if len(args) == 0 {
				return o, fmt.Errorf("%s has no value", name)
			}
			value, args = args[0], args[1:]
		}
		r.chose(&o, what, name, value)
	}
	return o, nil
}

// splitOption takes an option from a value in the same word.
func splitOption(arg string) (name, value string, attached bool) {
	if strings.HasPrefix(arg, "--") {
		return strings.Cut(arg, "=")
	}
	if len(arg) > len("-x") {
		return arg[:len("-x")], arg[len("-x"):], true
	}
	return arg, "", false
}

// chose takes in what one option says.
func (r *shellReader) chose(o *chosen, what meaning, name, value string) {
	switch what {
	case user:
		o.user = value
		before := r.group
		if r.become(value); r.group == "" {
			r.group = before
		}
	case group:
		r.group = value
	case command:
		o.command = value
	case noted:
		r.rest = append(r.rest, name)
	case folded:
		r.rest = append(r.rest, short(name+" "+value))
	}
}

// words are those of a command for a shell, if it is one simple command with words that are known.
func words(text string) ([]string, error) {
	vague := fmt.Errorf("its command is not known before it runs: %s", short(text))
	r := shellReader{source: []byte(text)}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).
		Parse(strings.NewReader(text), "")
	if err != nil || len(file.Stmts) != 1 {
		return nil, vague
	}
	call, simple := file.Stmts[0].Cmd.(*syntax.CallExpr)
	if !simple || len(call.Assigns) > 0 || file.Stmts[0].Background {
		return nil, vague
	}
	var argv []string
	for _, word := range call.Args {
		text, known := r.literal(word)
		if !known {
			return nil, vague
		}
		argv = append(argv, text)
	}
	redirected := slices.ContainsFunc(file.Stmts[0].Redirs,
		func(x *syntax.Redirect) bool { return r.text(x) != "2>&1" })
	if len(argv) > 0 && argv[0] == "exec" {
		argv = argv[1:]
	}
	if len(argv) == 0 || redirected || strings.HasPrefix(argv[0], "-") {
		return nil, vague
	}
	return argv, nil
}

// relative finds a path in a command that means something else once the command runs in another
// folder; empty where there is none.
func relative(argv []string) string {
	for i, word := range argv {
		value := word
		if _, after, found := strings.Cut(word, "="); found && strings.HasPrefix(word, "-") {
			value = after
		}
		dotted := value == "." || value == ".." || strings.HasPrefix(value, "./") ||
			strings.HasPrefix(value, "../")
		if dotted || i == 0 && strings.Contains(word, "/") && !path.IsAbs(word) {
			return word
		}
	}
	return ""
}
