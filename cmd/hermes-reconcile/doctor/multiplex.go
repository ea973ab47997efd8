//go:build linux

package doctor

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"hermes-reconcile/cmd/hermes-reconcile/discover"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
)

const multiplexCheck = "multiplex"

// multiplexFacts is what the root gateway says of itself.
type multiplexFacts struct {
	Unknown string // why it could not be looked at
	Up      bool   // it runs, as it says
	Served  []string
	Says    *bool  // what it is told of whether it serves others; nil: nothing
	Where   string // that is said
	// Own are the profiles that have a gateway of their own here which runs, or should.
	Own []string
}

// judgeMultiplex reports whether a profile has two gateways: its own, and the root one that serves
// it, too.
func judgeMultiplex(s multiplexFacts) []explain.Finding {
	n := notes{check: multiplexCheck}
	const object = "gateway_state.json"
	if s.Unknown != "" {
		n.unknown(object, "cannot find out which profiles the root gateway serves: %s", s.Unknown)
		return n.list
	}
	served := make(map[string]bool, len(s.Served))
	for _, profile := range s.Served {
		served[profile] = true
	}
	var twice []string
	for _, profile := range s.Own {
		if profile != manifest.DefaultProfile && served[profile] {
			twice = append(twice, profile)
		}
	}
	const hint = "set state: down for these, or gateway.standalone: true in the config.yaml of their homes"
	switch {
	case len(twice) > 0 && s.Says != nil && !*s.Says:
		n.ok(
			object,
			"the root gateway serves no other profile according to %s; it served these before: %s",
			s.Where,
			listing(twice),
		)
	case len(twice) > 0 && s.Up:
		n.add(
			explain.LevelWarning,
			object,
			hint,
			"the root gateway serves profiles that have a gateway of their own, so both use the same bot token: %s",
			listing(twice),
		)
	case len(twice) > 0:
		n.ok(
			object,
			"the root gateway does not run; when it last did, it served profiles that have a gateway of their own: %s",
			listing(twice),
		)
	default:
		n.ok(object, "the root gateway serves no profile that has a gateway of its own")
	}
	return n.list
}

// lookAtMultiplex looks what the root gateway has written of itself, and what it is told.
func lookAtMultiplex(ctx context.Context, p *Facts) ([]explain.Finding, error) {
	if object, why := p.homesClosed(); why != "" {
		return []explain.Finding{notChecked(multiplexCheck, object, why)}, nil
	}
	answer := p.inspected(ctx)
	root := answer.Found[manifest.DefaultProfile]
	told, err := p.rootVariable(discover.MultiplexVariable)
	says, where := discover.Multiplexes(root.Env, told, root.Config)
	facts := multiplexFacts{
		Unknown: cmp.Or(root.Unknown, root.Mute),
		Up:      answer.States[manifest.DefaultProfile].Up,
		Served:  root.Served,
		Own:     p.own(),
		Says:    says,
		Where:   where,
	}
	if err != nil && where != ".env" { // which goes before all else
		facts.Unknown = cmp.Or(facts.Unknown, err.Error())
	}
	// Releases that write this no longer heed what they are told.
	host, known := answer.Hosts[p.Homes.Path]
	if known && p.hostOf(p.Homes.Path, host).Ours == manifest.DefaultProfile {
		facts.Served, facts.Up, facts.Says = host.Profiles, true, nil
	}
	return judgeMultiplex(facts), nil
}

// rootVariable is the value of a variable that reaches the root gateway.
func (p *Facts) rootVariable(name string) (string, error) {
	for _, profile := range p.profiles() {
		if profile.Name != manifest.DefaultProfile {
			continue
		}
		if slices.Contains(profile.Unset, name) {
			return "", nil
		}
		for _, e := range profile.Env {
			if e.Name == name {
				return e.Value, nil
			}
		}
	}
	return p.containerVariable(name)
}

// own are the profiles with a gateway of their own, that runs or should.
func (p *Facts) own() []string {
	own := map[string]bool{}
	for _, g := range p.Gateways {
		own[g.Profile] = g.PID != 0 || g.Wanted == string(manifest.StateUp)
	}
	if p.Manifest != nil {
		for _, profile := range p.Manifest.Profiles {
			own[profile.Name] = own[profile.Name] || profile.State == manifest.StateUp
		}
	}
	maps.DeleteFunc(own, func(_ string, has bool) bool { return !has })
	return slices.Sorted(maps.Keys(own))
}
