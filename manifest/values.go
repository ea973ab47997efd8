package manifest

import (
	"fmt"
	"math"
	gopath "path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// readText takes a value as it is written. Numbers and booleans are text too: no one who writes
// `[serve, 9201]` or `user: 1e3` wants them to be anything else.
func readText(r *yamlReader, at *path, n *yaml.Node) (string, bool) {
	n = target(n)
	if !r.isKind(n, at, yaml.ScalarNode, "text") {
		return "", false
	}
	if n.Tag == "!!binary" {
		r.fault(n, at, "!!binary is allowed only for values of env (want text)")
		return "", false
	}
	return n.Value, true
}

// oneOf reads one of a few words.
func oneOf[V ~string](words ...V) kind[V] {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	read := func(r *yamlReader, at *path, n *yaml.Node) (V, bool) {
		text, ok := readText(r, at, n)
		if !ok {
			return "", false
		}
		for _, w := range words {
			if text == string(w) {
				return w, true
			}
		}
		r.fault(n, at, "%s is unknown (%swant %s)", quote(text), didYouMean(text, list),
			orList(list))
		return "", false
	}
	return kind[V]{read, shape{Enum: anys(words)}, writeText[V]}
}

var boolean = kind[bool]{readBool, shape{Type: types{"boolean"}},
	func(v bool) *yaml.Node { return scalar("!!bool", strconv.FormatBool(v)) }}

func readBool(r *yamlReader, at *path, n *yaml.Node) (value, ok bool) {
	if !r.isKind(n, at, yaml.ScalarNode, "true or false") {
		return false, false
	}
	text := strings.ToLower(n.Value)
	if n.Tag != "!!bool" || text != "true" && text != "false" {
		r.fault(n, at, "%s is not allowed here (want true or false%s)", quote(n.Value),
			withoutQuotes(n, text == "true" || text == "false"))
		return false, false
	}
	return text == "true", true
}

// withoutQuotes is a hint for a value that only its quotes make wrong.
func withoutQuotes(n *yaml.Node, right bool) string {
	if right && isQuoted(n) {
		return ", without quotes"
	}
	return ""
}

// decimal is how a number is written: other notations of YAML (0x1F, 017, 1_000, 1e3) mean
// different numbers to different readers of YAML.
var decimal = regexp.MustCompile(`^[+-]?(0|[1-9][0-9]*)$`)

// number parses decimal digits; what does not fit into 63 bits becomes the largest number, which is
// out of any range.
func number(digits string) int64 {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil && strings.HasPrefix(digits, "-") {
		return math.MinInt64
	}
	if err != nil {
		return math.MaxInt64
	}
	return n
}

// integer reads a whole number from low to high.
func integer[V int | int64](low, high int64) kind[V] {
	read := func(r *yamlReader, at *path, n *yaml.Node) (V, bool) {
		want := span(low, high, "")
		if !r.isKind(n, at, yaml.ScalarNode, "a number") {
			return 0, false
		}
		if isQuoted(n) || !decimal.MatchString(n.Value) {
			r.fault(n, at, "%s is not a whole number in plain digits (want %s%s)", quote(n.Value),
				want, withoutQuotes(n, decimal.MatchString(n.Value)))
			return 0, false
		}
		value := number(n.Value)
		if value < low || value > high {
			r.fault(n, at, "%s is out of range (want %s)", clip(n.Value), want)
			return 0, false
		}
		return V(value), true
	}
	return kind[V]{
		read,
		shape{Type: types{"integer"}, Minimum: &low, Maximum: &high},
		writeInteger[V],
	}
}

func writeInteger[V int | int64](v V) *yaml.Node {
	return scalar("!!int", strconv.FormatInt(int64(v), 10))
}

func span(low, high int64, unit string) string {
	return strconv.FormatInt(low, 10) + "-" + strconv.FormatInt(high, 10) + unit
}

// clip shortens a number of absurd length.
func clip(digits string) string {
	if len(digits) <= maxQuoted {
		return digits
	}
	return digits[:maxQuoted] + "..."
}

func checkVersion(r *yamlReader, at *path, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && !isQuoted(n) && n.Value == strconv.Itoa(knownVersion) {
		return
	}
	if n.Kind == yaml.ScalarNode && n.Value != "" {
		r.fault(n, at, "%s is not a manifest version that this program knows (want %d%s)",
			quote(n.Value), knownVersion, withoutQuotes(n, n.Value == strconv.Itoa(knownVersion)))
		return
	}
	r.fault(n, at, "%s is not allowed here (want %d)", describe(n), knownVersion)
}

var absolutePath = kind[string]{readPath, refTo("path"), writeText[string]}

// readPath reads an absolute path. A ".." is refused: dropping it as text gives another folder
// where a symlink stands before it.
func readPath(r *yamlReader, at *path, n *yaml.Node) (string, bool) {
	text, ok := readText(r, at, n)
	if !ok {
		return "", false
	}
	switch {
	case !strings.HasPrefix(text, "/"):
		r.fault(n, at, `%s is not absolute (want a path that starts with "/")`, quote(text))
	case strings.ContainsAny(text, "\x00\n"):
		r.fault(n, at, "%s holds a NUL or a newline (want a path without)", quote(text))
	case strings.Contains(text+"/", "/../"):
		r.fault(n, at, `%s holds ".." (want the path without it)`, quote(text))
	default:
		return gopath.Clean(text), true
	}
	return "", false
}

// pathTemplate is an absolute path with placeholders.
var pathTemplate = kind[string]{readPathTemplate, refTo("path_template"), nil}

// readPathTemplate reads an absolute path and keeps its placeholders.
func readPathTemplate(r *yamlReader, at *path, n *yaml.Node) (string, bool) {
	text, ok := readPath(r, at, n)
	if !ok {
		return "", false
	}
	if _, reason := expand(text, "", 0); reason != "" {
		r.fault(n, at, "%s", reason)
		return "", false
	}
	return text, true
}

// place is where the value of a key stands that has placeholders.
type place struct {
	at   spot
	path *path // below the profile, even where defaults say it
	own  bool  // the profile itself says it, not defaults
}

// faultPlace puts an error at the profile's own value, or at the profile where the value is that of
// defaults and right for others.
func (r *reader) faultPlace(e *entry, where place, format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	if where.own {
		r.faultAt(where.at, where.path, "%s", reason)
		return
	}
	r.faultAt(e.at, where.path, "what defaults say (%s) %s", r.position(where.at), reason)
}

// maxPath is the longest path that Linux takes, in bytes without its NUL (PATH_MAX).
const maxPath = 4095

// fillPath fills in the placeholders of a path.
func (r *reader) fillPath(p *Profile, e *entry, where place, template string) string {
	if !e.hasPort() && namesPort(template) {
		r.faultPlace(e, where,
			"names {port}, but the profile has none (want a port, or a path without it)")
	}
	text, _ := expand(template, p.Name, p.Port)
	if text == template {
		return text
	}
	if r.merged += len(text); len(text) > maxPath {
		r.faultPlace(e, where,
			"becomes a path of %d bytes with the placeholders filled in (want at most %d)",
			len(text), maxPath)
	}
	return text
}

// giveHome sets the profile's home. Its port is known by now.
func (r *reader) giveHome(p *Profile, e *entry, defaults *settings) {
	home := choose(e.settings.home, defaults.home, "")
	if home.state == given {
		p.Home = r.fillPath(p, e,
			place{home.at, e.path.key("home"), e.settings.home.state == given}, home.value)
	}
}

// durationUnits are those of Go's time.ParseDuration.
const durationUnits = `want a duration such as 75s, 1m30s or 500ms`

var stepNames = map[time.Duration]string{time.Millisecond: "milliseconds", time.Second: "seconds"}

// durationText is how time.ParseDuration wants it; that 0 needs no unit plays no part here.
const durationText = `^\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`

// duration is a time with a unit, in steps of what it is used with: s6 counts in milliseconds,
// sleep in seconds.
func duration(low, high, step time.Duration) kind[time.Duration] {
	read := func(r *yamlReader, at *path, n *yaml.Node) (time.Duration, bool) {
		text, ok := readText(r, at, n)
		if !ok {
			return 0, false
		}
		value, err := time.ParseDuration(text)
		_, notNumber := strconv.ParseFloat(text, 64)
		switch {
		case notNumber == nil && decimal.MatchString(text) && text[0] >= '1':
			r.fault(n, at, "%s has no unit (want a duration such as %ss)", clip(text), clip(text))
		case notNumber == nil:
			r.fault(n, at, "%s has no unit (%s)", clip(text), durationUnits)
		case err != nil:
			r.fault(n, at, "%s is not a duration (%s)", quote(text), durationUnits)
		case value < low || value > high:
			r.fault(n, at, "%s is out of range (want %v to %s)", quote(text), low, hours(high))
		case value%step != 0:
			r.fault(n, at, "%s is finer than %v (want whole %s)", quote(text), step,
				stepNames[step])
		default:
			return value, true
		}
		return 0, false
	}
	return kind[time.Duration]{
		read,
		shape{Type: types{"string"}, Pattern: durationText},
		writeDuration,
	}
}

func writeDuration(v time.Duration) *yaml.Node {
	if v%time.Second == 0 {
		return scalar("", strconv.FormatInt(int64(v/time.Second), 10)+"s")
	}
	return scalar("", strconv.FormatInt(v.Milliseconds(), 10)+"ms")
}

func hours(d time.Duration) string { return strconv.Itoa(int(d.Hours())) + "h" }

var sizeText = regexp.MustCompile(`^([0-9]+)([A-Za-z]*)$`)

// sizeUnits in bytes. s6-log has no units of its own above the byte that mean the same to
// everybody.
var sizeUnits = map[string]int64{
	"": 1, "B": 1,
	"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
}

// byteSize is a number of bytes.
func byteSize(low, high int64) kind[int64] {
	read := func(r *yamlReader, at *path, n *yaml.Node) (int64, bool) {
		text, ok := readText(r, at, n)
		if !ok {
			return 0, false
		}
		parts := sizeText.FindStringSubmatch(text)
		if parts == nil {
			r.fault(
				n,
				at,
				"%s is not a size (want a whole number of bytes such as 65536, or with a unit such as 1MB or 64KiB)",
				quote(text),
			)
			return 0, false
		}
		unit, ok := sizeUnits[parts[2]]
		if !ok {
			r.fault(n, at, "unit %s is unknown (want B, kB, MB, GB, KiB, MiB or GiB)",
				quote(parts[2]))
			return 0, false
		}
		count := number(parts[1])
		if count > high/unit || count*unit < low {
			r.fault(n, at, "%s is out of range (want %s)", clip(text), span(low, high, " bytes"))
			return 0, false
		}
		return count * unit, true
	}
	return kind[int64]{read, shape{AnyOf: []shape{
		{Type: types{"integer"}, Minimum: &low, Maximum: &high},
		{Type: types{"string"}, Pattern: "^[0-9]+(B|kB|KB|MB|GB|KiB|MiB|GiB)?$"}, // sizeUnits
	}}, writeSize}
}

func writeSize(v int64) *yaml.Node {
	for _, unit := range []string{"GB", "GiB", "MB", "MiB", "kB", "KiB"} {
		if v%sizeUnits[unit] == 0 {
			return scalar("", strconv.FormatInt(v/sizeUnits[unit], 10)+unit)
		}
	}
	return writeInteger(v)
}

// maxUser is the longest account name that useradd(8) makes.
const maxUser = 32

var userText = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.-]*$`)

var digits = regexp.MustCompile(`^[0-9]+$`)

var account = kind[string]{readUser, shape{
	Type: types{"string", "boolean"}, Pattern: userText.String(), MaxLength: maxUser,
	Not: &shape{Type: types{"string"}, Pattern: digits.String()},
}, writeText[string]}

func readUser(r *yamlReader, at *path, n *yaml.Node) (string, bool) {
	text, ok := readText(r, at, n)
	if !ok {
		return "", false
	}
	if reason := UserFault(text); reason != "" {
		r.fault(n, at, "%s", reason)
		return "", false
	}
	return text, true
}

// UserFault is why a text cannot be the account of a gateway, empty where it can.
func UserFault(text string) string {
	switch {
	case digits.MatchString(text):
		return clip(text) +
			" is a number (want the name of an account: s6-setuidgid looks its groups up by name)"
	case len(text) > maxUser:
		return fmt.Sprintf("%s has %d characters (want an account name of at most %d)", quote(text),
			len(text), maxUser)
	case !userText.MatchString(text):
		return quote(text) +
			` is not an account name (want letters, digits, "_", "." and "-", and no "-" first)`
	}
	return ""
}
