package manifest

import (
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/filling"
	"hermes-reconcile/manifest/placeholder"
	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
)

// builtinCommand is what a gateway runs where nothing else is said. hermes-agent takes it from 0.19
// on. --external-supervisor makes its own restarts ask this supervisor; --force is for a gateway
// beside a root gateway that would serve the profile, too (from 0.21 on). It is not --replace,
// which ends whatever serves the profile already.
var builtinCommand = []string{
	"hermes",
	"-p",
	placeholder.Profile,
	"gateway",
	"run",
	"--external-supervisor",
	"--force",
}

func commandKey() row {
	return table.Raw[[]string, settings, Profile](
		"command",
		values.Arguments,
		table.Says{
			Title: "Command of the gateway",
			About: "Program and arguments. {profile} and {port} are filled in, {{ and }} are braces. " +
				"For the profile `default`, `-p {profile}` is left out.",
			Examples: []any{
				[]string{"hermes", "-p", "{profile}", "gateway", "run", "--verbose"},
			},
		},
		func(s *settings) *table.Setting[[]string] { return &s.command },
	).
		Written(commandOf.put, commandOf.share).
		Told(func(p *Profile) []Value { return table.TellList("command", p.Command) }).
		DefaultsTo(builtinCommand)
}

func wrapperKey() row {
	return table.Raw[[]string, settings, Profile](
		"wrapper",
		values.Arguments,
		table.Says{
			Title:    "Wrapper of the command",
			About:    "Program and arguments that stand before the command. They run as the gateway's user.",
			Examples: []any{[]string{"doppler", "run", "--"}},
		},
		func(s *settings) *table.Setting[[]string] { return &s.wrapper },
	).
		Written(wrapperOf.put, wrapperOf.share).
		Told(func(p *Profile) []Value { return table.TellList("wrapper", p.Wrapper) })
}

// giveCommand sets the profile's command and its wrapper. Its port is known by now.
func giveCommand(f *filling.Filler, p *Profile, own, defaults *settings) {
	p.Wrapper = f.FillWords(filling.Words{
		Key:     "wrapper",
		Own:     own.wrapper.State == table.Given,
		Setting: table.Choose(own.wrapper, defaults.wrapper, nil),
	})
	command := filling.Words{
		Key:     "command",
		Own:     own.command.State == table.Given,
		Setting: table.Choose(own.command, defaults.command, builtinCommand),
	}
	if p.Name == DefaultProfile {
		command.Value = dropProfileOption(command.Value)
	}
	p.Command = f.FillWords(command)
	if command.State != table.Faulty && (len(command.Value) == 0 || command.Value[0] == "") {
		f.FaultWords(command,
			`has no program once "-p {profile}" is dropped, as it is for the profile "default"`)
	}
}

// dropProfileOption takes each `-p {profile}` out: the root profile has no name that hermes would
// know.
func dropProfileOption(argv []string) []string {
	var kept []string
	for i := 0; i < len(argv); i++ {
		if argv[i] == "-p" && i+1 < len(argv) && argv[i+1] == placeholder.Profile {
			i++
			continue
		}
		kept = append(kept, argv[i])
	}
	return kept
}

// wordsOf is an argument list with placeholders: of a profile, which has them filled in, or of
// defaults, which is the profile without a name.
type wordsOf struct {
	get     func(*Profile) *[]string
	builtin []string
	drop    func(words []string) []string // what the root profile makes of them
}

var (
	commandOf = wordsOf{
		func(p *Profile) *[]string { return &p.Command },
		builtinCommand,
		dropProfileOption,
	}
	wrapperOf = wordsOf{
		func(p *Profile) *[]string { return &p.Wrapper },
		nil,
		func(words []string) []string { return words },
	}
)

// gives reports whether an argument list with placeholders becomes that of p.
func (w wordsOf) gives(words []string, p *Profile) bool {
	if p.Name == DefaultProfile {
		words = w.drop(words)
	}
	return placeholder.FitWords(words, *w.get(p), p.Name, p.Port)
}

// template puts the placeholders back. The command of the root profile has no -p with its name.
func (w wordsOf) template(p *Profile) []string {
	name := p.Name
	if name == DefaultProfile {
		name = ""
	}
	return placeholder.WordsTemplate(*w.get(p), name, p.Port)
}

// put writes an argument list, with null where the builtin one counts in spite of defaults.
func (w wordsOf) put(p, below *Profile) *yaml.Node {
	if p.Name == "" {
		if len(*w.get(p)) == 0 {
			return nil
		}
		return values.WriteList(*w.get(p))
	}
	words := *w.get(below)
	if len(words) == 0 {
		words = w.builtin
	}
	switch {
	case w.gives(words, p):
		return nil
	case w.gives(w.builtin, p):
		return values.WriteNull()
	}
	return values.WriteList(w.template(p))
}

// share looks for what most profiles have. That of the root profile, which has no -p, follows
// from the others'.
func (w wordsOf) share(all []*Profile, below *Profile) {
	count := map[string]int{}
	for _, p := range all {
		if words := w.template(p); p.Name != DefaultProfile && len(words) > 0 &&
			!w.gives(w.builtin, p) {
			count[strings.Join(words, "\x00")]++
		}
	}
	for _, text := range slices.Sorted(maps.Keys(count)) {
		if count[text]+1 <= len(all)/2 { // the root profile may be one more
			continue
		}
		words, most := strings.Split(text, "\x00"), 0
		for _, p := range all {
			if w.gives(words, p) {
				most++
			}
		}
		if most > len(all)/2 {
			*w.get(below) = words
			return
		}
	}
}
