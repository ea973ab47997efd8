//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// This file is hermes-agent's command line: what each release takes, and what it says of the rest.
// It is Python's argparse, rebuilt as far as a gateway's command may use it.
//
// What the real one has and this has not: commands other than these, and options that no usage line
// shows. Its gateway would start a service of s6-overlay instead of itself, unless the run script
// says that this is the service.

// releases are the columns of the options' table. STUB_RELEASE names one of them. No release is
// "phase3": it takes `gateway start --foreground --port N`, as no hermes-agent ever did.
var releases = []string{"0.15.1", "0.16.0", "0.19.1", "0.20.3", "0.21", phase3}

const (
	newest = "0.21"
	phase3 = "phase3"
)

// option is a row of the table.
type option struct {
	names string // the first one stands in the usage line
	value string // its name there; empty: it takes none. In brackets: it may be left out
	in    string // a column a release; x: it has the option
}

// has reports whether a row has a release: a word a release, x where it has it.
func has(row string, column int) bool { return strings.Fields(row)[column] == "x" }

const (
	everywhere = "x x x x x x"
	// oneGateway: one gateway serves all profiles, if nothing else is said.
	oneGateway = "- - - - x -"
)

// parser is one of argparse's: the program's, or that of a command.
type parser struct {
	prog    string
	options []option
	// The first argument that is no option has to be one of them; none: it takes no such argument.
	commands []string
	dest     string // what argparse calls that argument
}

var parsers = map[string]parser{
	"hermes": {"hermes", []option{
		{"--version -V", "", everywhere},
		{"-z --oneshot", "PROMPT", everywhere},
		{"--usage-file", "PATH", everywhere},
		{"-m --model", "MODEL", everywhere},
		{"--provider", "PROVIDER", everywhere},
		{"--reasoning", "LEVEL", "- - - x x x"},
		{"-t --toolsets", "TOOLSETS", everywhere},
		{"--resume -r", "SESSION", everywhere},
		{"--no-restore-cwd", "", everywhere},
		{"--in", "DIR", "- - - x x x"},
		{"--continue -c", "[SESSION_NAME]", everywhere},
		{"--worktree -w", "", everywhere},
		{"--accept-hooks", "", everywhere},
		{"--skills -s", "SKILLS", everywhere},
		{"--yolo", "", everywhere},
		{"--pass-session-id", "", everywhere},
		{"--ignore-user-config", "", everywhere},
		{"--ignore-rules", "", everywhere},
		{"--safe-mode", "", everywhere},
		{"--tui", "", everywhere},
		{"--cli", "", everywhere},
		{"--dev", "", everywhere},
	}, []string{"gateway", "dashboard"}, "command"},
	"gateway": {"hermes gateway", []option{
		{"--accept-hooks", "", everywhere},
	}, []string{"run", "start"}, "gateway_command"},
	"run": {"hermes gateway run", []option{
		{"-v --verbose", "", "x x x x x -"},
		{"-q --quiet", "", "x x x x x -"},
		{"--replace", "", "x x x x x -"},
		{"--force", "", "- - x x x -"},
		{"--no-supervise", "", "x x x x x -"},
		{"--external-supervisor", "", "- - x x x -"},
		{"--accept-hooks", "", "x x x x x -"},
	}, nil, ""},
	"start": {"hermes gateway start", []option{
		{"--system", "", "x x x x x -"},
		{"--all", "", "x x x x x -"},
		{"--foreground", "", "- - - - - x"},
		{"--port", "PORT", "- - - - - x"},
	}, nil, ""},
	"dashboard": {"hermes dashboard", []option{
		{"--port", "PORT", everywhere},
	}, nil, ""},
}

// call is a command line that was understood.
type call struct {
	profile string
	command string            // run, start or dashboard
	options map[string]string // by the first of an option's names
}

// refusal is what the real program says instead of running, and how it ends.
type refusal struct {
	code int
	text string
	to   io.Writer
}

func (r *refusal) Error() string { return r.text }

// profileName is what hermes takes for the name of a profile. Another word behind -p is an argument
// like any other.
var profileName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// parseArgs reads a command line as that release does.
func parseArgs(release string, args []string) (call, error) {
	column := slices.Index(releases, release)
	if column < 0 {
		return call{}, fmt.Errorf(
			"STUB_RELEASE: %q is unknown (want one of %s)",
			release,
			strings.Join(releases, ", "),
		)
	}
	c := call{options: map[string]string{}}
	var extra []string
	c.profile, args = takeProfile(args)
	for at := "hermes"; at != ""; at = c.command {
		p := parsers[at].of(column)
		next, rest, err := p.read(args, c.options, &extra)
		if err != nil {
			return call{}, err
		}
		if next == "" && at == "gateway" {
			next = "run" // what `hermes gateway` does
		}
		if next == "" {
			break
		}
		c.command, args = next, rest
	}
	if len(extra) > 0 {
		return call{}, parsers["hermes"].of(column).
			fault("unrecognized arguments: " + strings.Join(extra, " "))
	}
	if c.command == "" {
		return call{}, fmt.Errorf("a chat is nothing that this stub does")
	}
	return c, nil
}

// takeProfile takes the profile out of a command line, wherever it stands: hermes does so before
// argparse sees it.
func takeProfile(args []string) (profile string, rest []string) {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if name, found := strings.CutPrefix(arg, "--profile="); found {
			return name, slices.Delete(slices.Clone(args), i, i+1)
		}
		if (arg == "-p" || arg == "--profile") && i+1 < len(args) &&
			profileName.MatchString(args[i+1]) {
			return args[i+1], slices.Delete(slices.Clone(args), i, i+2)
		}
	}
	return "default", args
}

// of is the parser of the release in that column.
func (p parser) of(column int) parser {
	p.options = slices.DeleteFunc(
		slices.Clone(p.options),
		func(o option) bool { return !has(o.in, column) },
	)
	p.options = slices.Insert(p.options, 0, option{names: "-h --help"})
	return p
}

// read reads arguments up to a command, which is returned with what follows it. What it does not
// know is added to extra.
func (p parser) read(
	args []string,
	options map[string]string,
	extra *[]string,
) (command string, rest []string, err error) {
	for onlyWords := false; len(args) > 0; {
		arg := args[0]
		args = args[1:]
		onlyWords = onlyWords || arg == "--"
		switch {
		case onlyWords || len(arg) < 2 || arg[0] != '-':
			if p.commands == nil {
				*extra = append(*extra, arg)
				continue
			}
			if !slices.Contains(p.commands, arg) {
				return "", nil, p.fault(
					fmt.Sprintf("argument %s: invalid choice: '%s' (choose from %s)",
						p.dest, arg, strings.Join(p.commands, ", ")),
				)
			}
			return arg, args, nil
		default:
			if args, err = p.readOption(arg, args, options, extra); err != nil {
				return "", nil, err
			}
		}
	}
	return "", nil, nil
}

// readOption reads an option and its value. It returns the arguments that follow.
func (p parser) readOption(
	arg string,
	args []string,
	options map[string]string,
	extra *[]string,
) ([]string, error) {
	name, value, attached := strings.Cut(arg, "=")
	if arg[1] != '-' && len(arg) > 2 && arg[2] != '=' {
		name, value, attached = arg[:2], arg[2:], true // -vq, -mMODEL
	}
	found := p.find(name)
	switch len(found) {
	case 0:
		*extra = append(*extra, arg)
		return args, nil
	case 1:
	default:
		return nil, p.fault(
			fmt.Sprintf("ambiguous option: %s could match %s", arg, strings.Join(found, ", ")),
		)
	}
	o := p.option(found[0])
	first := strings.Fields(o.names)[0]
	switch {
	case o.value == "" && attached && arg[1] != '-' && p.option("-"+value[:1]).names != "":
		options[first] = ""
		return p.readOption("-"+value, args, options, extra)
	case o.value == "" && attached:
		return nil, p.fault(
			fmt.Sprintf("argument %s: ignored explicit argument '%s'", o.says(), value),
		)
	case o.value != "" && !attached && len(args) > 0 && !strings.HasPrefix(args[0], "-"):
		value, args = args[0], args[1:]
	case o.value != "" && !attached && o.value[0] != '[':
		return nil, p.fault(fmt.Sprintf("argument %s: expected one argument", o.says()))
	}
	if first == "-h" {
		return nil, &refusal{0, p.usage() + "\n", os.Stdout}
	}
	options[first] = value
	return args, nil
}

func (o option) says() string { return strings.ReplaceAll(o.names, " ", "/") }

// find finds the names that an argument may mean. Of a long one the beginning is enough, if only
// one begins so.
func (p parser) find(arg string) []string {
	var found []string
	for _, o := range p.options {
		for name := range strings.FieldsSeq(o.names) {
			if name == arg {
				return []string{name}
			}
			if strings.HasPrefix(arg, "--") && strings.HasPrefix(name, arg) {
				found = append(found, name)
			}
		}
	}
	return found
}

// option is the option of that name; the zero one: there is none.
func (p parser) option(name string) option {
	i := slices.IndexFunc(
		p.options,
		func(o option) bool { return slices.Contains(strings.Fields(o.names), name) },
	)
	if i < 0 {
		return option{}
	}
	return p.options[i]
}

// fault is what argparse says, and its exit code.
func (p parser) fault(text string) error {
	return &refusal{2, fmt.Sprintf("%s\n%s: error: %s\n", p.usage(), p.prog, text), os.Stderr}
}

// usage is laid out as argparse does it on a terminal of 80 columns.
func (p parser) usage() string {
	const width = 78
	parts, begin := []string{p.prog}, "usage: "
	for _, o := range p.options {
		first := strings.Fields(o.names)[0]
		if o.value != "" {
			first += " " + o.value
		}
		parts = append(parts, "["+first+"]")
	}
	words := []string{}
	if p.commands != nil {
		words = []string{"{" + strings.Join(p.commands, ",") + "}", "..."}
	}
	all := append(slices.Clone(parts), words...)
	if line := begin + strings.Join(all, " "); len(line) <= width {
		return line
	}
	indent := strings.Repeat(" ", len(begin)+len(p.prog)+1)
	lines := wrap(parts, begin, indent, width)
	if len(words) > 0 {
		lines = append(lines, wrap(words, indent, indent, width)...)
	}
	return strings.Join(lines, "\n")
}

// wrap breaks a usage line where argparse does: before the part that would not fit.
func wrap(parts []string, begin, indent string, width int) (lines []string) {
	line := begin + parts[0]
	for _, part := range parts[1:] {
		if len(line)+1+len(part) > width {
			lines, line = append(lines, line), indent+part
		} else {
			line += " " + part
		}
	}
	return append(lines, line)
}

// refuseUnknown is what hermes says of a profile that it does not have. It does so before it reads
// the rest of the command line. home is HERMES_HOME.
func refuseUnknown(args []string, home string) error {
	profile, _ := takeProfile(args)
	if profile == "default" {
		return nil
	}
	if info, err := os.Stat(filepath.Join(home, "profiles", profile)); err == nil && info.IsDir() {
		return nil
	}
	return &refusal{
		1,
		fmt.Sprintf(
			"Error: Profile '%[1]s' does not exist. Create it with: hermes profile create %[1]s\n",
			profile,
		),
		os.Stderr,
	}
}

// refuseSecond is what hermes says of a gateway of one profile where one gateway serves them all:
// it has to be asked for. The stub looks for no other gateway.
func (c call) refuseSecond(release, home string) error {
	_, force := c.options["--force"]
	_, replace := c.options["--replace"]
	asked := force || replace ||
		isStandalone(filepath.Join(home, "profiles", c.profile, "config.yaml"))
	if c.command != "run" || c.profile == "default" || asked ||
		!has(oneGateway, slices.Index(releases, release)) {
		return nil
	}
	return &refusal{
		78,
		fmt.Sprintf("✗ Profile '%s' does not get a gateway of its own.\n", c.profile),
		os.Stdout,
	}
}

// isStandalone reports whether a config.yaml has standalone: true below gateway. It knows no YAML
// but lines.
func isStandalone(path string) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	below := ""
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, " #")
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if key != "" && line[0] != ' ' && line[0] != '#' {
			below = key
		}
		if line[0] == ' ' && below == "gateway" && key == "standalone" &&
			strings.TrimSpace(value) == "true" {
			return true
		}
	}
	return false
}
