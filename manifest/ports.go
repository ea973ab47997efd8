package manifest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"sync"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/values"
	"hermes-reconcile/manifest/wording"
	"hermes-reconcile/manifest/yamlfile"
)

// port is the value of the key: a number, or `auto`.
type port struct {
	auto   bool
	number int
}

// portNumber is the kind of the key port. Its number is known only once all profiles are read.
var portNumber = values.Kind[port]{Read: readPort, Shape: values.Shape{AnyOf: []values.Shape{
	{Type: values.Types{"integer"}, Minimum: new(int64(1)), Maximum: new(int64(values.MaxPort))},
	{Enum: []any{"auto"}},
}, Sort: "whole number, or auto", Bounds: values.Span(1, values.MaxPort, "") + " or auto"}, Write: func(v port) *yaml.Node { return values.WriteInteger(v.number) }}

// readPort reads a number or auto. Another notation, such as 0x1F, is no number: see values.Decimal.
func readPort(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (port, bool) {
	if !r.IsKind(n, at, yaml.ScalarNode, "1-65535 or auto") {
		return port{}, false
	}
	if n.Value == "auto" {
		return port{auto: true}, true
	}
	if !values.IsDecimal(n.Value) {
		r.Fault(n, at, "%s is not a port (%swant 1-65535 or auto)", wording.Quote(n.Value),
			wording.DidYouMean(n.Value, []string{"auto"}))
		return port{}, false
	}
	value, ok := values.Integer[int](1, values.MaxPort).Read(r, at, n)
	return port{number: value}, ok
}

// rangeText is FIRST-LAST; whether the numbers are ports is checked apart, for a better message.
var rangeText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([0-9]+)-([0-9]+)$`)
})

// portText is 1-65535 as a range has it.
const portText = "0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"

// portRange is the kind of the key auto_ports.
var portRange = values.Kind[PortRange]{
	Read: readPortRange,
	Shape: values.Shape{
		Type:    values.Types{"string"},
		Pattern: "^" + portText + "-" + portText + "$",
		Sort:    "two ports, FIRST-LAST",
		Bounds:  values.Span(1, values.MaxPort, ""),
	},
	Write: func(v PortRange) *yaml.Node { return values.Scalar("", values.Span(int64(v.First), int64(v.Last), "")) },
}

// readPortRange reads a range, of which both ends are ports and count.
func readPortRange(r *yamlfile.Reader, at *yamlfile.Path, n *yaml.Node) (PortRange, bool) {
	text, ok := values.ReadText(r, at, n)
	if !ok {
		return PortRange{}, false
	}
	parts := rangeText().FindStringSubmatch(text)
	if parts == nil {
		r.Fault(n, at, "%s is not a range of ports (want FIRST-LAST, such as 20000-29999)",
			wording.Quote(text))
		return PortRange{}, false
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
		return PortRange{}, false
	case first > last:
		r.Fault(n, at, "%s ends before it starts (want %d-%d)", wording.Clip(text), last, first)
		return PortRange{}, false
	}
	return PortRange{int(first), int(last)}, true
}

// autoPort depends on the profile's name and the range alone, so that a port does not move when
// other profiles come and go.
func autoPort(name string, in PortRange) int {
	sum := sha256.Sum256([]byte(name))
	size := uint64(in.Last - in.First + 1)
	return in.First + int(binary.BigEndian.Uint64(sum[:8])%size)
}

// ports assigns and checks the ports of all profiles.
type ports struct {
	r       *reader
	auto    PortRange
	numbers []int       // by entry; 0 is none
	owner   map[int]int // port to entry, the first in file order
	next    int         // where to look for the next free number
}

// assignPorts returns the port of each entry, and reports those that are taken.
func (r *reader) assignPorts(auto PortRange) []int {
	p := &ports{
		r:       r,
		auto:    auto,
		numbers: make([]int, len(r.document.entries)),
		owner:   map[int]int{},
		next:    auto.First,
	}
	autoIsKnown := r.document.autoPorts.state != faulty
	for i, e := range r.document.entries {
		if e.settings.port.state != given {
			continue
		}
		if e.settings.port.value.auto && autoIsKnown {
			p.numbers[i] = autoPort(e.name, auto)
		} else {
			p.numbers[i] = e.settings.port.value.number
		}
		if _, taken := p.owner[p.numbers[i]]; !taken && p.numbers[i] != 0 {
			p.owner[p.numbers[i]] = i
		}
	}
	for i, number := range p.numbers {
		if first := p.owner[number]; number != 0 && first != i {
			p.collision(i, first)
		}
	}
	return p.numbers
}

// collision reports that entry i wants the port of an earlier entry.
func (p *ports) collision(i, first int) {
	e, other := p.r.document.entries[i], p.r.document.entries[first]
	where := e.settings.port.at
	if where == other.settings.port.at { // one text, shared through an alias
		where = e.at
	}
	own, others := e.settings.port.value.auto, other.settings.port.value.auto
	kind, hint := "", ""
	if own {
		kind = "auto port "
	}
	if free := p.free(); (own || others) && free != 0 {
		hint = fmt.Sprintf("; port %d is free", free)
	}
	suffix := ""
	if others {
		suffix = ", auto"
	}
	p.r.FaultAt(
		where,
		e.path.Key("port"),
		"%s%s is already used by profile %s (%s%s)%s",
		kind,
		strconv.Itoa(
			p.numbers[i],
		),
		wording.Quote(other.name),
		p.r.Position(other.settings.port.at),
		suffix,
		hint,
	)
}

// free gives a number that no profile has and that was not given before: one of the auto range,
// else any above, else none.
func (p *ports) free() int {
	for ; p.next <= values.MaxPort; p.next++ {
		if _, taken := p.owner[p.next]; !taken {
			p.next++
			return p.next - 1
		}
	}
	return 0
}
