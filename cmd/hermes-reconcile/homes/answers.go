//go:build linux

package homes

import (
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile/inputs"
)

// answers are those of several users. Each may say anything, but of its own profiles alone, and in
// short lines.
type answers struct{ home.Answer }

// take takes what one user says of its own profiles, shortened: an answer may be hostile.
func (a *answers) take(profiles []string, answer home.Answer) {
	for _, p := range profiles {
		if state, told := answer.States[p]; told {
			a.States[p] = home.State{Up: state.Up, Why: Short(state.Why), Unknown: state.Unknown}
		}
		for _, name := range answer.Swept[p] {
			a.Swept[p] = append(a.Swept[p], Short(name))
		}
	}
	for _, p := range profiles {
		if found, told := answer.Found[p]; told {
			a.Found[p] = home.Finding{
				Faults:  eachInShort(found.Faults, maxFaults),
				Served:  eachInShort(found.Served, maxServed),
				Mute:    Short(found.Mute),
				Unknown: Short(found.Unknown),
				Env:     atMost(found.Env),
				Config:  atMost(found.Config),
				Parked:  found.Parked,
			}
		}
	}
	for _, p := range profiles {
		if said, told := answer.Tokens[p]; told && len(said) <= maxTokens {
			a.Tokens[p] = said // digests: they are compared, and not printed
		}
	}
	for _, p := range profiles {
		if seen, told := answer.Inputs[p]; told && len(seen) <= maxFiles {
			a.Inputs[p] = sane(seen)
		}
	}
	const most = 3 // faults of a profile: two files and a wish
	for _, fault := range answer.Faults[:min(len(answer.Faults), most*len(profiles)+1)] {
		a.Faults = append(a.Faults, Short(fault))
	}
}

// sane are looks at files, as far as they can be those of an honest child.
func sane(seen map[string]inputs.Look) map[string]inputs.Look {
	looks := map[string]inputs.Look{}
	for name, look := range seen {
		look.Fault = Short(look.Fault)
		if look.Fault == "" && (look.Digest == "" || len(look.Digest) > inputs.MaxDigest) {
			look.Fault = "what was seen of it makes no sense"
		}
		looks[name] = look
	}
	return looks
}

// atMost is a file that another process passes on, if it is no longer than it may be.
func atMost(data []byte) []byte {
	if len(data) > home.MaxSettings {
		return nil
	}
	return data
}

// takeAbsent takes what is said of profiles without a folder.
func (a *answers) takeAbsent(h *Homes, profiles []string, answer home.Answer) {
	absent := make(map[string]bool, len(answer.Absent))
	for _, p := range answer.Absent {
		absent[p] = true
	}
	for _, p := range profiles {
		if !absent[p] {
			continue
		}
		a.Absent = append(a.Absent, p)
		if at, err := h.HomeOf(p); err == nil && a.Others[at] == nil {
			a.Others[at] = eachInShort(answer.Others[at], home.MaxOthers)
		}
	}
}

// takeHosts takes what is said of the homes of these profiles.
func (a *answers) takeHosts(h *Homes, profiles []string, answer home.Answer) {
	for _, p := range profiles {
		at, err := h.HomeOf(p)
		host, told := answer.Hosts[at]
		if err != nil || !told {
			continue
		}
		host.Home, host.Profiles = Short(host.Home), eachInShort(host.Profiles, home.MaxOthers)
		a.Hosts[at] = host
	}
}

// An answer may list so many faults of a profile, name so many profiles, and tell of so many
// tokens and files of one.
const (
	maxFiles  = 10
	maxFaults = 3
	maxServed = 5000
	maxTokens = 100
)

// eachInShort takes at most so many texts, each short.
func eachInShort(texts []string, most int) []string {
	var short []string
	for _, text := range texts[:min(len(texts), most)] {
		short = append(short, Short(text))
	}
	return short
}

// Short makes of what another process says a piece of one line.
func Short(text string) string {
	const limit = 500 // bytes: a path, and what is wrong with it
	return strings.Join(strings.Fields(visible.Text(Clip(text, limit))), " ")
}

// MostPrinted is how much of what a gateway has printed is a piece of a line, in bytes.
const MostPrinted = 200

// Clip cuts a text off behind so many bytes, and shows that it did.
func Clip(text string, most int) string {
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
