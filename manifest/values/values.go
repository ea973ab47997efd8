package values

import (
	"fmt"
	"math"
	gopath "path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/names"
	"hermes-reconcile/manifest/placeholder"
	"hermes-reconcile/manifest/wording"
	"hermes-reconcile/manifest/yamlfile"
)

// ReadText takes a value as it is written. Numbers and booleans are text too: `[serve, 9201]` and
// `user: 1e3` are meant as texts.
func ReadText(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (string, bool) {
	n = yamlfile.Target(n)
	if !r.IsKind(n, at, yaml.ScalarNode, "text") {
		return "", false
	}
	if n.Tag == "!!binary" {
		r.Fault(n, at, "!!binary is allowed only for values of env (want text)")
		return "", false
	}
	return n.Value, true
}

// OneOf reads one of a few words.
func OneOf[V ~string](words ...V) Kind[V] {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	read := func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (V, bool) {
		text, ok := ReadText(r, at, n)
		if !ok {
			return "", false
		}
		for _, w := range words {
			if text == string(w) {
				return w, true
			}
		}
		r.Fault(
			n,
			at,
			"%s is unknown (%swant %s)",
			wording.Quote(text),
			wording.DidYouMean(text, list),
			wording.OrList(list),
		)
		return "", false
	}
	shape := Shape{Enum: anys(words), Sort: "one word", Bounds: wording.OrList(list)}
	return Kind[V]{read, shape, WriteText[V]}
}

// Boolean is true or false. YAML 1.1 has yes and on as well: other readers take these for text.
var Boolean = Kind[bool]{readBool, Shape{Type: Types{"boolean"}, Sort: "true or false"},
	func(v bool) *yaml.Node { return Scalar("!!bool", strconv.FormatBool(v)) }}

// readBool refuses quotes: a text "false" is true in many a program.
func readBool(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (value, ok bool) {
	if !r.IsKind(n, at, yaml.ScalarNode, "true or false") {
		return false, false
	}
	text := strings.ToLower(n.Value)
	if n.Tag != "!!bool" || text != "true" && text != "false" {
		r.Fault(n, at, "%s is not allowed here (want true or false%s)", wording.Quote(n.Value),
			WithoutQuotes(n, text == "true" || text == "false"))
		return false, false
	}
	return text == "true", true
}

// WithoutQuotes is a hint for a value that only its quotes make wrong.
func WithoutQuotes(n *yaml.Node, right bool) string {
	if right && yamlfile.IsQuoted(n) {
		return ", without quotes"
	}
	return ""
}

// IsDecimal reports whether a number is written in plain digits: other notations of YAML (0x1F, 017, 1_000, 1e3) mean
// different numbers to different readers of YAML.
func IsDecimal(text string) bool {
	if text != "" && (text[0] == '+' || text[0] == '-') {
		text = text[1:]
	}
	return names.IsNumber(text) && (text == "0" || text[0] != '0')
}

// Number parses decimal digits; what does not fit into 63 bits becomes the largest number, which is
// out of any range.
func Number(digits string) int64 {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil && strings.HasPrefix(digits, "-") {
		return math.MinInt64
	}
	if err != nil {
		return math.MaxInt64
	}
	return n
}

// Integer reads a whole number from low to high.
func Integer[V int | int64](low, high int64) Kind[V] {
	read := func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (V, bool) {
		if !r.IsKind(n, at, yaml.ScalarNode, "a number") {
			return 0, false
		}
		value, wrong := WholeNumber(n, low, high)
		if wrong != "" {
			r.Fault(n, at, "%s", wrong)
			return 0, false
		}
		return V(value), true
	}
	return Kind[V]{
		read,
		Shape{
			Type: Types{"integer"}, Minimum: &low, Maximum: &high,
			Sort: "whole number", Bounds: Span(low, high, ""),
		},
		WriteInteger[V],
	}
}

// WholeNumber is a whole number from low to high, or what is wrong with it.
func WholeNumber(n *yaml.Node, low, high int64) (value int64, wrong string) {
	want := Span(low, high, "")
	switch value = Number(n.Value); {
	case n.Kind != yaml.ScalarNode || yamlfile.IsNull(n):
		return 0, fmt.Sprintf("%s is not allowed here (want %s)", yamlfile.Describe(n), want)
	case yamlfile.IsQuoted(n) || !IsDecimal(n.Value):
		return 0, fmt.Sprintf("%s is not a whole number in plain digits (want %s%s)",
			wording.Quote(n.Value), want, WithoutQuotes(n, IsDecimal(n.Value)))
	case value < low || value > high:
		return 0, fmt.Sprintf("%s is out of range (want %s)", wording.Clip(n.Value), want)
	}
	return value, ""
}

// WriteInteger writes plain decimal digits, which mean the same to every reader of YAML.
func WriteInteger[V int | int64](v V) *yaml.Node {
	return Scalar("!!int", strconv.FormatInt(int64(v), 10))
}

// Span is a range in words; both ends count.
func Span(low, high int64, unit string) string {
	if low < 0 { // a "-" between the two would be taken for a sign
		return strconv.FormatInt(low, 10) + " to " + strconv.FormatInt(high, 10) + unit
	}
	return strconv.FormatInt(low, 10) + "-" + strconv.FormatInt(high, 10) + unit
}

// AbsolutePath is a path that starts with "/", cleaned.
var AbsolutePath = Kind[string]{readPath, RefTo("path"), WriteText[string]}

// readPath reads an absolute path. A ".." is refused: dropping it as text gives another folder
// where a symlink stands before it.
func readPath(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (string, bool) {
	text, ok := ReadText(r, at, n)
	if !ok {
		return "", false
	}
	switch {
	case !strings.HasPrefix(text, "/"):
		r.Fault(n, at, `%s is not absolute (want a path that starts with "/")`, wording.Quote(text))
	case strings.ContainsAny(text, "\x00\n"):
		r.Fault(n, at, "%s holds a NUL or a newline (want a path without)", wording.Quote(text))
	case strings.Contains(text+"/", "/../"):
		r.Fault(n, at, `%s holds ".." (want the path without it)`, wording.Quote(text))
	default:
		return gopath.Clean(text), true
	}
	return "", false
}

// PathTemplate is an absolute path with placeholders.
var PathTemplate = Kind[string]{ReadPathTemplate, RefTo("path_template"), nil}

// ReadPathTemplate reads an absolute path and keeps its placeholders.
func ReadPathTemplate(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (string, bool) {
	text, ok := readPath(r, at, n)
	if !ok {
		return "", false
	}
	if _, reason := placeholder.Expand(text, "", 0); reason != "" {
		r.Fault(n, at, "%s", reason)
		return "", false
	}
	return text, true
}

// PathTemplates is a list of absolute paths with placeholders, of at least one and at most so many.
func PathTemplates(most int) Kind[[]string] {
	read := func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) ([]string, bool) {
		if !r.IsKind(n, at, yaml.SequenceNode, "a list of paths") {
			return nil, false
		}
		if len(n.Content) == 0 || len(n.Content) > most {
			r.Fault(n, at, "has %d paths (want 1 to %d, or null for none)", len(n.Content), most)
			return nil, false
		}
		paths, ok := make([]string, 0, len(n.Content)), true
		for i, element := range n.Content {
			path, fine := ReadPathTemplate(r, at.Element(i), yamlfile.Target(element))
			paths, ok = append(paths, path), ok && fine
		}
		return paths, ok
	}
	return Kind[[]string]{read, Shape{
		Type: Types{"array"}, Items: RefTo("path_template"), MinItems: 1, MaxItems: most,
		Sort: "list of absolute paths", Bounds: fmt.Sprintf("1 to %d", most),
	}, nil}
}

// durationUnits are those of Go's time.ParseDuration.
const durationUnits = `want a duration such as 75s, 1m30s or 500ms`

// stepNames are the units of Duration's steps, as messages say them.
var stepNames = map[time.Duration]string{time.Millisecond: "milliseconds", time.Second: "seconds"}

// durationText is how time.ParseDuration wants it; that 0 needs no unit plays no part here.
const durationText = `^\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`

// Duration is a time with a unit, in steps of what it is used with: s6 counts in milliseconds,
// sleep in seconds.
func Duration(low, high, step time.Duration) Kind[time.Duration] {
	read := func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (time.Duration, bool) {
		text, ok := ReadText(r, at, n)
		if !ok {
			return 0, false
		}
		value, err := time.ParseDuration(text)
		_, notNumber := strconv.ParseFloat(text, 64)
		switch {
		case notNumber == nil && IsDecimal(text) && text[0] >= '1':
			r.Fault(
				n,
				at,
				"%s has no unit (want a duration such as %ss)",
				wording.Clip(text),
				wording.Clip(text),
			)
		case notNumber == nil:
			r.Fault(n, at, "%s has no unit (%s)", wording.Clip(text), durationUnits)
		case err != nil:
			r.Fault(n, at, "%s is not a duration (%s)", wording.Quote(text), durationUnits)
		case value < low || value > high:
			r.Fault(
				n,
				at,
				"%s is out of range (want %v to %s)",
				wording.Quote(text),
				low,
				hours(high),
			)
		case value%step != 0:
			r.Fault(n, at, "%s is finer than %v (want whole %s)", wording.Quote(text), step,
				stepNames[step])
		default:
			return value, true
		}
		return 0, false
	}
	return Kind[time.Duration]{
		read,
		Shape{
			Type: Types{"string"}, Pattern: durationText, Sort: "duration, in whole " + stepNames[step],
			Bounds: fmt.Sprintf("%v to %s", low, hours(high)),
		},
		writeDuration,
	}
}

// writeDuration writes whole seconds where it can, else milliseconds: the finest step of all keys.
func writeDuration(v time.Duration) *yaml.Node {
	if v%time.Second == 0 {
		return Scalar("", strconv.FormatInt(int64(v/time.Second), 10)+"s")
	}
	return Scalar("", strconv.FormatInt(v.Milliseconds(), 10)+"ms")
}

// hours writes a limit as people say it: 24h, not 24h0m0s.
func hours(d time.Duration) string { return strconv.Itoa(int(d.Hours())) + "h" }

// sizeText is a number and a unit without a blank; the unit is checked apart, for a better message.
var sizeText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([0-9]+)([A-Za-z]*)$`)
})

// sizeUnits in bytes. s6-log has no units of its own above the byte that mean the same to
// everybody.
var sizeUnits = map[string]int64{
	"": 1, "B": 1,
	"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
}

// ByteSize is a number of bytes.
func ByteSize(low, high int64) Kind[int64] {
	read := func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (int64, bool) {
		text, ok := ReadText(r, at, n)
		if !ok {
			return 0, false
		}
		parts := sizeText().FindStringSubmatch(text)
		if parts == nil || !IsDecimal(parts[1]) { // 010 is 8 for other readers of YAML
			r.Fault(
				n,
				at,
				"%s is not a size (want a whole number of bytes such as 65536, or with a unit such as 1MB or 64KiB)",
				wording.Quote(text),
			)
			return 0, false
		}
		unit, ok := sizeUnits[parts[2]]
		if !ok {
			r.Fault(n, at, "unit %s is unknown (want B, kB, MB, GB, KiB, MiB or GiB)",
				wording.Quote(parts[2]))
			return 0, false
		}
		count := Number(parts[1])
		if count > high/unit || count*unit < low {
			r.Fault(
				n,
				at,
				"%s is out of range (want %s)",
				wording.Clip(text),
				Span(low, high, " bytes"),
			)
			return 0, false
		}
		return count * unit, true
	}
	return Kind[int64]{read, Shape{
		AnyOf: []Shape{
			{Type: Types{"integer"}, Minimum: &low, Maximum: &high},
			{Type: Types{"string"}, Pattern: "^(0|[1-9][0-9]*)(B|kB|KB|MB|GB|KiB|MiB|GiB)?$"}, // sizeUnits
		},
		Sort: "size in bytes, or with a unit", Bounds: Span(low, high, " bytes"),
	}, writeSize}
}

// writeSize picks the largest unit that divides the size, so that it reads back as the same bytes.
func writeSize(v int64) *yaml.Node {
	for _, unit := range []string{"GB", "GiB", "MB", "MiB", "kB", "KiB"} {
		if v%sizeUnits[unit] == 0 {
			return Scalar("", strconv.FormatInt(v/sizeUnits[unit], 10)+unit)
		}
	}
	return WriteInteger(v)
}

// Account is the name of an account. A number is refused: s6-setuidgid would give it no groups.
var Account = Kind[string]{readName(names.AccountFault), Shape{
	Type: Types{"string", "boolean"}, Pattern: names.AccountText, MaxLength: names.MaxAccount,
	Not:  &Shape{Type: Types{"string"}, Pattern: names.NumberText},
	Sort: "name of an account", Bounds: fmt.Sprintf("at most %d characters", names.MaxAccount),
}, WriteText[string]}

// VariableName is the name of one variable.
var VariableName = Kind[string]{readName(names.VariableFault), RefTo("variable"), nil}

// readName reads a name by a rule of package names, which discover uses, too.
func readName(
	fault func(string) string,
) func(*yamlfile.Reader, *yamlfile.Path, *yaml.Node) (string, bool) {
	return func(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (string, bool) {
		name, ok := ReadText(r, at, n)
		if !ok {
			return "", false
		}
		if reason := fault(name); reason != "" {
			r.Fault(n, at, "%s", reason)
			return "", false
		}
		return name, true
	}
}
