package manifest

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/placeholder"
	"hermes-reconcile/manifest/values"
)

// What all profiles of a manifest that is written share goes to `defaults`. A single value goes
// there if more than half of the profiles have it, for the others say theirs; of variables only
// what all have.

// putAll is the map with which p is written where defaults make it below; nil where they are the
// same.
func putAll[S, P any](keys []key[S, P], p, below *P, style yaml.Style) *yaml.Node {
	n := values.Mapping(style)
	for _, k := range keys {
		if k.put == nil || k.refused != "" {
			continue
		}
		if value := k.put(p, below); value != nil {
			values.Add(n, k.name, value)
		}
	}
	if len(n.Content) == 0 {
		return nil
	}
	return n
}

// shareAll sets in below what is common to all.
func shareAll[S, P any](keys []key[S, P], all []*P, below *P) {
	for _, k := range keys {
		if k.share != nil {
			k.share(all, below)
		}
	}
}

// each is the same part of all, by reference: what shareMost and shareAll set in.
func each[P, V any](all []*P, to func(*P) *V) []*V {
	values := make([]*V, len(all))
	for i, p := range all {
		values[i] = to(p)
	}
	return values
}

// unlessSame leaves out what defaults say already.
func unlessSame(value, below *yaml.Node) *yaml.Node {
	if isSame(value, below) {
		return nil
	}
	return value
}

// isSame reports whether two scalars are equal. The tag counts: "null" is a name, null is none.
func isSame(a, b *yaml.Node) bool { return a.Value == b.Value && a.Tag == b.Tag }

// shareMost sets in below the value that more than half of all have. Values are compared as they
// would be written, so that it serves types that cannot be keys of a map.
func shareMost[P, V any](all []*P, write func(V) *yaml.Node, to func(*P) *V, below *P) {
	count := map[string]int{}
	for _, p := range all {
		n := write(*to(p))
		value := n.Tag + n.Value
		if count[value]++; count[value] > len(all)/2 {
			*to(below) = *to(p)
		}
	}
}

// putPort leaves 0 out: a profile without a port says nothing of it.
func putPort(p *Profile) *yaml.Node {
	if p.Port == 0 {
		return nil
	}
	return values.WriteInteger(p.Port)
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
	if p.Port == 0 && slices.ContainsFunc(words, placeholder.NamesPort) {
		return false
	}
	return slices.EqualFunc(words, *w.get(p), func(word, want string) bool {
		text, _ := placeholder.Expand(word, p.Name, p.Port)
		return text == want
	})
}

// template puts the placeholders back that are sure to be meant: a name behind -p, a port behind
// --port.
func (w wordsOf) template(p *Profile) []string {
	var words []string
	port := strconv.Itoa(p.Port)
	for i, arg := range *w.get(p) {
		before := ""
		if i > 0 {
			before = (*w.get(p))[i-1]
		}
		switch {
		case before == "-p" && arg == p.Name && p.Name != DefaultProfile:
			words = append(words, placeholder.Profile)
		case before == "--port" && arg == port && p.Port != 0:
			words = append(words, placeholder.Port)
		case arg == "--port="+port && p.Port != 0:
			words = append(words, "--port="+placeholder.Port)
		default:
			words = append(words, placeholder.Escape(arg))
		}
	}
	return words
}

// putWords writes an argument list, with null where the builtin one counts in spite of defaults.
func putWords(w wordsOf, p, below *Profile) *yaml.Node {
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

// shareWords looks for what most profiles have. That of the root profile, which has no -p, follows
// from the others'.
func shareWords(w wordsOf, all []*Profile, below *Profile) {
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

// putEnv writes the variables that defaults do not have with the same value. A name that defaults
// have and the profile does not cannot be: shareEnv takes only what all have.
func putEnv(p, below *Profile) *yaml.Node {
	n := values.Mapping(0)
	for _, v := range p.Env {
		if !slices.Contains(below.Env, v) {
			values.Add(n, v.Name, writeValue(v.Value))
		}
	}
	return unlessEmpty(n)
}

// shareEnv takes the variables that all profiles have with the same value.
func shareEnv(all []*Profile, below *Profile) {
	below.Env = common(all, func(p *Profile) []EnvVar { return p.Env })
}

// putUnset writes the names that defaults do not have: lists add up.
func putUnset(p, below *Profile) *yaml.Node {
	names := slices.DeleteFunc(slices.Clone(p.Unset),
		func(name string) bool { return slices.Contains(below.Unset, name) })
	return unlessEmpty(values.WriteList(names))
}

// shareUnset takes the names that all profiles unset.
func shareUnset(all []*Profile, below *Profile) {
	below.Unset = common(all, func(p *Profile) []string { return p.Unset })
}

// writeValue is a value of env. One that is no UTF-8 becomes !!binary, where nothing is filled in.
func writeValue(value string) *yaml.Node {
	if utf8.ValidString(value) {
		value = placeholder.EscapeValue(value)
	}
	return values.WriteText(value)
}

// fits reports whether a path with placeholders becomes that of p.
func fits(template, path string, p *Profile) bool {
	if p.Port == 0 && placeholder.NamesPort(template) {
		return false
	}
	text, reason := placeholder.Expand(template, p.Name, p.Port)
	return reason == "" && text == path
}

// pathTemplates are the paths with placeholders that may stand for the path of p: with its name
// filled in, and as it is.
func pathTemplates(p *Profile, path string) []string {
	plain := placeholder.Escape(path)
	if p.Name == "" || !strings.Contains(plain, p.Name) {
		return []string{plain}
	}
	return []string{plain, strings.ReplaceAll(plain, p.Name, placeholder.Profile)}
}

// writePath is the path of a profile, or that of defaults, which has placeholders.
func writePath(p *Profile, path string) *yaml.Node {
	if p.Name != "" {
		path = placeholder.Escape(path)
	}
	return values.WriteText(path)
}

// putSecrets writes the secrets that defaults do not have, or have with another file.
func putSecrets(p, below *Profile) *yaml.Node {
	n := values.Mapping(0)
	for _, s := range p.Secrets {
		shared := func(d Secret) bool { return d.Name == s.Name && fits(d.File, s.File, p) }
		if !slices.ContainsFunc(below.Secrets, shared) {
			values.Add(n, s.Name, writePath(p, s.File))
		}
	}
	return unlessEmpty(n)
}

// shareSecrets looks for files that all profiles have, but for their names in the path.
func shareSecrets(all []*Profile, below *Profile) {
	for _, s := range all[0].Secrets {
		for _, template := range pathTemplates(all[0], s.File) {
			has := func(p *Profile) bool {
				same := func(o Secret) bool { return o.Name == s.Name && fits(template, o.File, p) }
				return slices.ContainsFunc(p.Secrets, same)
			}
			if !slices.ContainsFunc(all, func(p *Profile) bool { return !has(p) }) {
				below.Secrets = append(below.Secrets, Secret{s.Name, template})
				break
			}
		}
	}
}

// putHome writes the home of a profile, with null where it has none in spite of defaults.
func putHome(p, below *Profile) *yaml.Node {
	switch {
	case p.Name != "" && below.Home != "" && fits(below.Home, p.Home, p), p.Home == below.Home:
		return nil
	case p.Home == "":
		return values.WriteNull()
	}
	return writePath(p, p.Home)
}

// shareHome looks for the home of most profiles, but for their names in the path.
func shareHome(all []*Profile, below *Profile) {
	count := map[string]int{}
	for _, p := range all {
		if p.Home == "" {
			continue
		}
		for _, template := range pathTemplates(p, p.Home) {
			if count[template]++; count[template] > len(all)/2 {
				below.Home = template
				return
			}
		}
	}
}

// asks reports whether there is a request to make. Where nothing is said of it, the rest of Ready
// is that of the builtin.
func (r *Ready) asks() bool { return r != nil && r.HTTP != "" }

// putReady drops what defaults say for a profile that has a port; those without have none anyway.
func putReady(p, below *Profile) *yaml.Node {
	switch {
	case p.Ready.asks():
		return putAll(readyKeys(), p.Ready, below.Ready, yaml.FlowStyle)
	case below.Ready.asks() && p.Port != 0:
		return values.WriteNull()
	}
	return nil
}

// shareReady looks for what most of those that have a port say.
func shareReady(all []*Profile, below *Profile) {
	count, ports := map[Ready]int{}, 0
	for _, p := range all {
		if p.Port != 0 {
			ports++
		}
		if p.Ready.asks() {
			count[*p.Ready]++
		}
	}
	for ready, n := range count {
		if n > 1 && n > ports/2 {
			below.Ready = &ready
		}
	}
}

// unlessEmpty leaves out a map or a list without content: no key is clearer than an empty one.
func unlessEmpty(n *yaml.Node) *yaml.Node {
	if len(n.Content) == 0 {
		return nil
	}
	return n
}

// common are the elements that all profiles have.
func common[V comparable](all []*Profile, of func(*Profile) []V) []V {
	count := map[V]int{}
	for _, p := range all {
		for _, v := range of(p) {
			count[v]++
		}
	}
	var found []V
	for _, v := range of(all[0]) {
		if count[v] == len(all) {
			found = append(found, v)
		}
	}
	return found
}

// Same reports whether two manifests mean the same, wherever and however they say it.
func (m *Manifest) Same(other *Manifest) bool {
	return reflect.DeepEqual(m.withoutPositions(), other.withoutPositions())
}

// withoutPositions drops where things are said, and whether the default is said: a second file may
// say the same in another way.
func (m *Manifest) withoutPositions() Manifest {
	n := *m
	n.Profiles = slices.Clone(m.Profiles)
	for i := range n.Profiles {
		n.Profiles[i].Pos, n.Profiles[i].UserPos, n.Profiles[i].RestartSet = Position{}, Position{}, false
	}
	return n
}
