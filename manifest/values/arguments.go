package values

import (
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/placeholder"
	"hermes-reconcile/manifest/yamlfile"
)

// MaxArgument is the longest argument or NAME=value that Linux passes to a program, in bytes
// without its NUL (MAX_ARG_STRLEN, 32 pages of 4 KiB).
const MaxArgument = 128<<10 - 1

// Arguments is an argument list with placeholders, of at least a program.
var Arguments = Kind[[]string]{readCommand, Shape{
	Type: Types{"array"}, MinItems: 1, MoreItems: new(RefTo("argument")),
	Items: []Shape{RefTo("program")}, Sort: "list of texts: a program and its arguments",
}, WriteList}

// readCommand reads an argument list and keeps its placeholders.
func readCommand(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) ([]string, bool) {
	if !r.IsKind(n, at, yaml.SequenceNode, "a list of texts") {
		return nil, false
	}
	if len(n.Content) == 0 {
		r.Fault(n, at, "is empty (want a program and its arguments)")
		return nil, false
	}
	argv, ok := make([]string, 0, len(n.Content)), true
	for i, element := range n.Content {
		arg, fine := readArgument(r, at.Element(i), yamlfile.Target(element))
		argv, ok = append(argv, arg), ok && fine
	}
	if ok && argv[0] == "" {
		r.Fault(n.Content[0], at.Element(0), "is empty (want a program)")
		ok = false
	}
	return argv, ok
}

// readArgument reads one argument. Its limits are the kernel's: a start that fails says less than
// an error here.
func readArgument(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (string, bool) {
	text, ok := ReadText(r, at, n)
	if !ok {
		return "", false
	}
	if strings.ContainsRune(text, 0) {
		r.Fault(n, at, "holds a NUL (no argument can)")
		return "", false
	}
	if len(text) > MaxArgument {
		r.Fault(n, at,
			"has %d bytes (want at most %d: the kernel starts no program with a longer argument)",
			len(text), MaxArgument)
		return "", false
	}
	if _, reason := placeholder.Expand(text, "", 0); reason != "" {
		r.Fault(n, at, "%s", reason)
		return "", false
	}
	return text, true
}
