//go:build linux

package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/manifest"
	"hermes-reconcile/s6ctl/process"
)

const claimsCheck = "claims"

// claimFacts is what hermes has noted of profiles whose gateways run here, or should.
type claimFacts struct {
	Own    []string
	Parked map[string]time.Time
	Hosts  []hostFacts
}

// hostFacts is a gateway that serves several profiles, as it says.
type hostFacts struct {
	home.Host
	At    string // HERMES_HOME that it says so in
	Lives bool   // its process is here
	Ours  string // the profile whose gateway here it is, or empty
}

// judgeClaims reports whether hermes has profiles parked, or serves them by another gateway, that
// have one of their own here.
func judgeClaims(c claimFacts) []explain.Finding {
	n := notes{check: claimsCheck}
	for _, profile := range c.Own {
		if at, parked := c.Parked[profile]; parked {
			n.add(explain.LevelWarning, profile,
				"set state: down for it, or delete the file "+home.ParkedFile+" in its home",
				"hermes has it parked since %s, as `hermes gateway stop` does, and its gateway here runs, or should",
				at.UTC().Format(time.RFC3339))
		}
	}
	for _, h := range c.Hosts {
		n.host(h, c.Own)
	}
	if len(n.list) == 0 {
		n.ok("profiles", "hermes has none of %s parked, and no other gateway serves one",
			explain.Count(len(c.Own), "profile"))
	}
	return n.list
}

// host reports a gateway that serves profiles which have one of their own here. Profiles of the
// root gateway that runs here are left to the check of that one.
func (n *notes) host(h hostFacts, own []string) {
	others := make(map[string]bool, len(h.Profiles))
	for _, profile := range h.Serves() {
		others[profile] = true
	}
	if h.Ours != "" { // it serves itself, whatever it was started as
		delete(others, h.Ours)
	} else if h.Lives {
		others[h.Launched()] = true
	}
	twice := slices.DeleteFunc(slices.Clone(own), func(profile string) bool { return !others[profile] })
	if len(twice) == 0 || h.Ours == manifest.DefaultProfile {
		return
	}
	object, since := strings.TrimSuffix(h.At, "/")+"/"+home.HostFile, ""
	if !h.Since.IsZero() {
		since = ", since " + h.Since.UTC().Format(time.RFC3339)
	}
	who := fmt.Sprintf("a gateway of hermes (pid %d, profile %q%s)", h.PID, h.Launched(), since)
	hint := "end that one: hermes -p " + quote(h.Launched()) + " gateway stop, or set state: down for these"
	switch {
	case h.Ours != "":
		n.add(explain.LevelWarning, object,
			"set gateway.standalone: true in the config.yaml of their homes, or state: down for these",
			"the gateway of %s serves profiles that have one of their own, so both use the same bot token: %s", h.Ours,
			listing(twice))
	case h.Lives:
		n.add(explain.LevelWarning, object, hint,
			"%s serves profiles that have a gateway here, so both use the same bot token: %s", who, listing(twice))
	default:
		n.unknown(object,
			"whether %s still serves these: %s. No such process is here: it has ended without deleting this file, or runs in another container",
			who, listing(twice))
	}
}

// lookAtClaims looks what hermes has noted of profiles.
func lookAtClaims(ctx context.Context, p *Facts) ([]explain.Finding, error) {
	if object, why := p.homesClosed(); why != "" {
		return []explain.Finding{notChecked(claimsCheck, object, why)}, nil
	}
	answer, c := p.inspected(ctx), claimFacts{Own: p.own(), Parked: map[string]time.Time{}}
	if profile, why := unknownHome(answer.Found); profile != "" {
		return []explain.Finding{notChecked(claimsCheck, profile, why)}, nil
	}
	for profile, found := range answer.Found {
		if !found.Parked.IsZero() {
			c.Parked[profile] = found.Parked
		}
	}
	for _, at := range slices.Sorted(maps.Keys(answer.Hosts)) {
		c.Hosts = append(c.Hosts, p.hostOf(at, answer.Hosts[at]))
	}
	return judgeClaims(c), nil
}

// unknownHome is the first profile with a home that could not be looked at, and why; empty: there
// is none.
func unknownHome(found map[string]home.Finding) (profile, why string) {
	for _, name := range sortedKeys(found) {
		if f := found[name]; f.Unknown != "" {
			return name, f.Unknown
		}
	}
	return "", ""
}

// hostOf finds out whether a gateway that serves several profiles is here, and which one it is.
func (p *Facts) hostOf(at string, host home.Host) hostFacts {
	h := hostFacts{Host: host, At: at}
	session, here := process.SessionOf(process.ThisHost(), host.PID, host.Started, p.Now)
	h.Lives = here
	for _, g := range p.Gateways {
		if session != 0 && g.PID == session { // a gateway leads its session, and a wrapper may stay
			h.Ours = g.Profile
		}
	}
	return h
}
