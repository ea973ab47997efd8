package ports

import (
	"regexp"
	"sync"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/wording"
	"hermes-reconcile/manifest/yamlfile"
)

// Port is what a profile says: a number, or `auto`.
type Port struct {
	Auto   bool
	Number int
}

// Range is a range of TCP ports, both ends included.
type Range struct {
	First int
	Last  int
}

// Number is the kind of the key port. Its number is known only once all profiles are read.
var Number = values.Kind[Port]{Read: readPort, Shape: values.Shape{AnyOf: []values.Shape{
	{Type: values.Types{"integer"}, Minimum: new(int64(1)), Maximum: new(int64(values.MaxPort))},
	{Enum: []any{"auto"}},
}, Sort: "whole number, or auto", Bounds: values.Span(1, values.MaxPort, "") + " or auto"}, Write: func(v Port) *yaml.Node { return values.WriteInteger(v.Number) }}

// readPort reads a number or auto. Another notation, such as 0x1F, is no number: see values.Decimal.
func readPort(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (Port, bool) {
	if !r.IsKind(n, at, yaml.ScalarNode, "1-65535 or auto") {
		return Port{}, false
	}
	if n.Value == "auto" {
		return Port{Auto: true}, true
	}
	if !values.IsDecimal(n.Value) {
		r.Fault(n, at, "%s is not a port (%swant 1-65535 or auto)", wording.Quote(n.Value),
			wording.DidYouMean(n.Value, []string{"auto"}))
		return Port{}, false
	}
	value, ok := values.Integer[int](1, values.MaxPort).Read(r, at, n)
	return Port{Number: value}, ok
}

// rangeText is FIRST-LAST; whether the numbers are ports is checked apart, for a better message.
var rangeText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([0-9]+)-([0-9]+)$`)
})

// portText is 1-65535 as a range has it.
const portText = "0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"

// Automatic is the kind of the key auto_ports.
var Automatic = values.Kind[Range]{
	Read: readRange,
	Shape: values.Shape{
		Type:    values.Types{"string"},
		Pattern: "^" + portText + "-" + portText + "$",
		Sort:    "two ports, FIRST-LAST",
		Bounds:  values.Span(1, values.MaxPort, ""),
	},
	Write: func(v Range) *yaml.Node { return values.Scalar("", values.Span(int64(v.First), int64(v.Last), "")) },
}

// readRange reads a range. Both ends are ports, and belong to it.
func readRange(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (Range, bool) {
	text, ok := values.ReadText(r, at, n)
	if !ok {
		return Range{}, false
	}
	parts := rangeText().FindStringSubmatch(text)
	if parts == nil {
		r.Fault(n, at, "%s is not a range of ports (want FIRST-LAST, such as 20000-29999)",
			wording.Quote(text))
		return Range{}, false
	}
	first, last := values.Number(parts[1]), values.Number(parts[2])
	switch {
	case first < 1 || first > values.MaxPort || last < 1 || last > values.MaxPort:
		r.Fault(
			n,
			at,
			"%s is out of range (want ports of %s)",
			wording.Clip(text),
			values.Span(1, values.MaxPort, ""),
		)
		return Range{}, false
	case first > last:
		r.Fault(n, at, "%s ends before it starts (want %d-%d)", wording.Clip(text), last, first)
		return Range{}, false
	}
	return Range{int(first), int(last)}, true
}
