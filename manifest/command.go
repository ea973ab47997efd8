package manifest

import (
	"slices"

	"hermes-reconcile/manifest/placeholder"
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

const (
	// maxCommand in bytes: half of what Linux allows for arguments and environment together, with
	// the usual stack limit of 8 MiB (execve(2)).
	maxCommand = 1 << 20

	// stringBytes is what a string takes without its text; the kernel counts 8 for a pointer.
	stringBytes = 16
)

// giveCommand sets the profile's command and its wrapper. Its port is known by now.
func (r *reader) giveCommand(p *Profile, e *entry, defaults *settings) {
	wrapper := words{
		"wrapper",
		e.settings.wrapper,
		choose(e.settings.wrapper, defaults.wrapper, nil),
	}
	command := words{
		"command",
		e.settings.command,
		choose(e.settings.command, defaults.command, builtinCommand),
	}
	p.Wrapper = r.giveWords(p, e, wrapper)
	if p.Name == DefaultProfile {
		command.chosen.value = dropProfileOption(command.chosen.value)
	}
	p.Command = r.giveWords(p, e, command)
	if command.chosen.state != faulty &&
		(len(command.chosen.value) == 0 || command.chosen.value[0] == "") {
		r.faultWords(e, command,
			`has no program once "-p {profile}" is dropped, as it is for the profile "default"`)
	}
}

// words is an argument list with placeholders: the profile's own, and the one that counts.
type words struct {
	key         string
	own, chosen setting[[]string]
}

// giveWords expands an argument list for a profile.
func (r *reader) giveWords(p *Profile, e *entry, w words) []string {
	if w.chosen.state == faulty || !r.portIsThere(e, w) {
		return nil
	}
	var argv []string
	size := 0
	for _, arg := range w.chosen.value {
		text, _ := placeholder.Expand(arg, p.Name, p.Port)
		argv = append(argv, text)
		if size += len(text) + stringBytes; size > maxCommand {
			r.faultWords(
				e,
				w,
				"is too long (want at most 1 MiB of arguments: the kernel starts no program with much more)",
			)
			return nil
		}
	}
	r.merged += size
	return argv
}

// hasPort reports whether a profile has a port, be it a wrong one.
func (e *entry) hasPort() bool {
	return e.settings.port.state == given || e.settings.port.state == faulty
}

// portIsThere reports an argument list that names a port which the profile does not have; one with
// a wrong port has an error already.
func (r *reader) portIsThere(e *entry, w words) bool {
	if e.hasPort() || !slices.ContainsFunc(w.chosen.value, placeholder.NamesPort) {
		return true
	}
	r.faultWords(e, w,
		"names {port}, but the profile has none (want a port, or a "+w.key+" without it)")
	return false
}

// faultWords puts an error at the profile's own argument list, or at the profile where the list is
// that of defaults and right for others.
func (r *reader) faultWords(e *entry, w words, reason string) {
	if w.own.state == given {
		r.FaultAt(w.chosen.at, e.path.Key(w.key), "%s", reason)
		return
	}
	r.FaultAt(e.at, e.path, "the %s from defaults (%s) %s", w.key, r.Position(w.chosen.at), reason)
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
