// Package filling fills the placeholders of one profile into what it and defaults say, and reports
// what cannot be filled in, or becomes too long: at the profile's own value, or at the profile where
// the value is that of defaults and right for others.
package filling

import (
	"fmt"
	"slices"

	"hermes-reconcile/manifest/placeholder"
	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/yamlfile"
)

// Filler is a profile whose name and port are known.
type Filler struct {
	*yamlfile.Reader
	Name    string
	Port    int            // 0: there is none, or a wrong one
	HasPort bool           // the profile has a port, even a wrong one
	At      yamlfile.Spot  // of the profile's key
	Path    *yamlfile.Path // of the profile
	Size    int            // bytes of memory that the results have taken so far
}

// Place is where the value of a key stands that has placeholders.
type Place struct {
	At   yamlfile.Spot
	Path *yamlfile.Path // below the profile, even where defaults say it
	Own  bool           // the profile itself says it, not defaults
}

// fault reports a value.
func (f *Filler) fault(where Place, format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	if where.Own {
		f.FaultAt(where.At, where.Path, "%s", reason)
		return
	}
	f.FaultAt(f.At, where.Path, "what defaults say (%s) %s", f.Position(where.At), reason)
}

// maxPath is the longest path that Linux takes, in bytes without its NUL (PATH_MAX).
const maxPath = 4095

// FillPath fills in the placeholders of a path.
func (f *Filler) FillPath(where Place, template string) string {
	if !f.HasPort && placeholder.NamesPort(template) {
		f.fault(where, "names {port}, but the profile has none (want a port, or a path without it)")
	}
	text, _ := placeholder.Expand(template, f.Name, f.Port)
	if text == template {
		return text
	}
	if f.Size += len(text); len(text) > maxPath {
		f.fault(where, "becomes a path of %d bytes with the placeholders filled in (want at most %d)",
			len(text), maxPath)
	}
	return text
}

// FillValue fills in the placeholders of the value of an environment variable.
func (f *Filler) FillValue(where Place, variable, value string) string {
	if !f.HasPort && placeholder.ValueNamesPort(value) {
		f.fault(where,
			"names {port}, but the profile has none (want a port, or {{port}} for the word itself)")
	}
	text := placeholder.ExpandValue(value, f.Name, f.Port)
	if len(variable)+1+len(text) > values.MaxArgument {
		f.fault(
			where,
			"becomes too long with the placeholders filled in (want less than %d bytes with its name: "+
				"the kernel starts no program with more)",
			values.MaxArgument,
		)
	}
	if text != value {
		f.Size += len(text)
	}
	return text
}

const (
	// maxWords in bytes: half of what Linux allows for arguments and environment together, with the
	// usual stack limit of 8 MiB (execve(2)).
	maxWords = 1 << 20

	// stringBytes is what a string takes without its text; the kernel counts 8 for a pointer.
	stringBytes = 16
)

// Words is an argument list with placeholders, as the profile or defaults say it.
type Words struct {
	Key string
	Own bool // the profile itself says something of the key
	table.Setting[[]string]
}

// FillWords fills in the placeholders of an argument list.
func (f *Filler) FillWords(w Words) []string {
	if w.State == table.Faulty {
		return nil
	}
	if !f.HasPort && slices.ContainsFunc(w.Value, placeholder.NamesPort) {
		f.FaultWords(w,
			"names {port}, but the profile has none (want a port, or a "+w.Key+" without it)")
		return nil
	}
	var argv []string
	size := 0
	for _, arg := range w.Value {
		text, _ := placeholder.Expand(arg, f.Name, f.Port)
		argv = append(argv, text)
		if size += len(text) + stringBytes; size > maxWords {
			f.FaultWords(
				w,
				"is too long (want at most 1 MiB of arguments: the kernel starts no program with much more)",
			)
			return nil
		}
	}
	f.Size += size
	return argv
}

// FaultWords reports an argument list.
func (f *Filler) FaultWords(w Words, reason string) {
	if w.Own {
		f.FaultAt(w.At, f.Path.Key(w.Key), "%s", reason)
		return
	}
	f.FaultAt(f.At, f.Path, "the %s from defaults (%s) %s", w.Key, f.Position(w.At), reason)
}
