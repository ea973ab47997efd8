//go:build linux

package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
)

const homeCheck = "home"

// homeFacts is HERMES_HOME, and what was found there.
type homeFacts struct {
	Path   string
	Origin string // where it stands
	Err    error  // why it is not known
	// Gateways is the HERMES_HOME that gateways have, and where that stands, if it is another one.
	Gateways, GatewaysOrigin string
	Users                    map[string]string
	Found                    map[string]home.Finding // by profile
}

// judgeHome reports whether gateways and loggers can work in HERMES_HOME.
func judgeHome(d homeFacts) []explain.Finding {
	n := notes{check: homeCheck}
	if d.Err != nil {
		n.unknown(d.Path, "cannot find out where HERMES_HOME is: %v", d.Err)
		return n.list
	}
	if !strings.HasPrefix(d.Path, "/") {
		n.add(explain.LevelError, d.Path,
			"set HERMES_HOME to an absolute path where s6-svscan is started",
			"HERMES_HOME, as %s says, is not absolute: each gateway would look for it in its service directory",
			d.Origin)
		return n.list
	}
	if d.Gateways != "" {
		n.add(explain.LevelWarning, d.Path, "unset HERMES_HOME, or set it to that of the gateways",
			"HERMES_HOME, as %s says, but gateways have %q, as %s says: what is said here of their files is not theirs",
			d.Origin, d.Gateways, d.GatewaysOrigin)
	}
	var faults, unknown grouped
	good := 0
	for _, profile := range sortedKeys(d.Found) {
		switch f := d.Found[profile]; {
		case f.Unknown != "":
			unknown.add(f.Unknown, profile)
		case len(f.Faults) == 0:
			good++
		default:
			for _, fault := range f.Faults {
				faults.add(fmt.Sprintf("%s: %s", as(d.Users[profile]), fault), profile)
			}
		}
	}
	for _, text := range faults.texts {
		n.add(explain.LevelError, d.Path,
			"let the user of the gateways write there, or set another HERMES_HOME", "%s (%s)", text,
			listing(faults.names[text]))
	}
	for _, text := range unknown.texts {
		n.unknown(d.Path, "%s (%s)", text, listing(unknown.names[text]))
	}
	if good > 0 || !n.bad() {
		n.ok(d.Path, "HERMES_HOME, as %s says: %s can write there", d.Origin,
			explain.Count(good, "gateway"))
	}
	return n.list
}

// as names the user that looked; the user of a service of another program may not be known.
func as(user string) string {
	if user == "" {
		return "its user"
	}
	return user
}

// lookAtHome has each user look whether its gateways and loggers can work in their HERMES_HOME.
func lookAtHome(ctx context.Context, p *Facts) ([]explain.Finding, error) {
	if object, why := p.homesClosed(); why != "" {
		return []explain.Finding{notChecked(homeCheck, object, why)}, nil
	}
	return eachHome(p, p.inspected(ctx)), nil
}

// eachHome judges each HERMES_HOME: that of the container, and those that profiles have for
// themselves.
func eachHome(p *Facts, answer home.Answer) []explain.Finding {
	users, byPath := p.users(), map[string]homeFacts{}
	for profile, found := range answer.Found {
		if users[profile] == "" {
			continue
		}
		d := homeFacts{Path: p.Homes.Path, Origin: p.Homes.Origin, Err: p.Homes.Err}
		d.Gateways, d.GatewaysOrigin = p.HomeElsewhere.Path, p.HomeElsewhere.Origin
		if own, has := p.Homes.Own[profile]; has {
			d = homeFacts{Path: own.Home, Origin: "home of the manifest"}
		}
		if before, known := byPath[d.Path]; known {
			d = before
		} else {
			d.Users, d.Found = users, map[string]home.Finding{}
		}
		d.Found[profile] = found
		byPath[d.Path] = d
	}
	var all []explain.Finding
	for _, at := range slices.Sorted(maps.Keys(byPath)) {
		all = append(all, judgeHome(byPath[at])...)
	}
	return all
}
