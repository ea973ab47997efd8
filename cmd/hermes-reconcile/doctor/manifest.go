package doctor

import (
	"fmt"
	"strconv"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/manifest"
)

// JudgeManifest reports whether the manifest is right: m, or what is wrong with it.
func JudgeManifest(names []string, m *manifest.Manifest, errs []error) []explain.Finding {
	n := notes{check: Manifest}
	object := strings.Join(names, ", ")
	switch {
	case len(errs) > 0:
		n.add(explain.LevelError, object, validate, "%s: %v", explain.Count(len(errs), "error"),
			errs[0])
	case m == nil:
		n.unknown(object, "there is none, so less is checked: name it with -f")
	default:
		n.ok(object, "%s", explain.Count(len(m.Profiles), "profile"))
	}
	return n.list
}

// JudgePlan reports whether apply would change anything: what its plan says, or why there is none;
// dark is why what interrupted applies owe is not in it.
func JudgePlan(r *explain.Report, err, dark error) []explain.Finding {
	n := notes{check: Plan}
	const object = "manifest and scandir"
	switch {
	case err != nil:
		n.add(explain.LevelError, object,
			"remove what stands in the way, or look with hermes-reconcile diff", "cannot plan: %v",
			err)
	case r.Differs:
		n.add(explain.LevelWarning, object, diffThen, "apply would change something: %s",
			r.Summary.Text)
	case dark != nil:
		n.unknown(object, "%s, but what interrupted applies owe: %v", r.Summary.Text, dark)
	default:
		n.ok(object, "%s", r.Summary.Text)
	}
	return n.list
}

// UserFacts are who looks, whose s6-svscan it is, and the accounts that gateways run as.
type UserFacts struct {
	Me       uint32
	Owner    uint32           // of the s6-svscan
	Known    bool             // Owner is
	Accounts map[string]error // by name: why it cannot be used; nil: it can
}

// JudgeUsers tells which accounts are missing, and what who looks may see.
func JudgeUsers(p UserFacts) []explain.Finding {
	n := notes{check: Users}
	switch me := "user " + strconv.Itoa(int(p.Me)); {
	case p.Me == 0:
		n.ok("root", "may look at everything")
	case !p.Known:
		n.unknown(me, "not root: what others have cannot be looked at")
	case p.Me == p.Owner:
		n.ok(me, "s6-svscan and all gateways are this user's, too")
	default:
		n.unknown(
			me,
			"neither root nor user %d, whose s6-svscan this is: what only these can see is not checked, and apply would not work",
			p.Owner,
		)
	}
	var there []string
	for _, name := range sortedKeys(p.Accounts) {
		switch err := p.Accounts[name]; {
		case err == nil:
			there = append(there, name)
		case p.Known && p.Owner != 0:
			n.ok(name, "no such account here, and none is needed: s6-svscan is not root's")
		default:
			n.add(explain.LevelError, name, "add the account, or set user in the manifest",
				"no such account here: %v", err)
		}
	}
	if len(there) > 0 {
		n.ok(listing(there), "the accounts of the gateways are there")
	}
	return n.list
}

// HomeFacts is HERMES_HOME, and what was found there.
type HomeFacts struct {
	Path   string
	Origin string // where it stands
	Err    error  // why it is not known
	Users  map[string]string
	Found  map[string]home.Finding // by profile
}

// JudgeHome reports whether gateways and loggers can work in HERMES_HOME.
func JudgeHome(d HomeFacts) []explain.Finding {
	n := notes{check: Home}
	if d.Err != nil {
		n.unknown(d.Path, "where HERMES_HOME is: %v", d.Err)
		return n.list
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

// MissingProfiles are profiles that hermes does not know, since they have no folder in their home:
// by name, with the profile that may be meant.
type MissingProfiles map[string]string

// JudgeMissing tells of them. homeOf is the HERMES_HOME of a profile.
func JudgeMissing(m MissingProfiles, homeOf func(profile string) string) []explain.Finding {
	n := notes{check: Home}
	names := sortedKeys(m)
	const most = 8 // that are named one by one
	if len(names) > most {
		n.add(
			explain.LevelError,
			"profiles",
			"hermes profile create NAME, or mend the names in the manifest",
			"hermes does not know %d profiles: there is no profiles/NAME of them in their HERMES_HOME: %s",
			len(names),
			listing(names),
		)
		return n.list
	}
	for _, profile := range names {
		meant := ""
		if m[profile] != "" {
			meant = " (did you mean " + m[profile] + "?)"
		}
		n.add(explain.LevelError, homeOf(profile),
			"hermes profile create "+profile+", or mend the name in the manifest",
			"hermes does not know profile %s: there is no profiles/%s%s", profile, profile, meant)
	}
	return n.list
}

func as(user string) string {
	if user == "" {
		return "its user"
	}
	return user
}

// MultiplexFacts is what the root gateway says of itself.
type MultiplexFacts struct {
	Unknown string // why it could not be looked at
	Up      bool   // it runs, as it says
	Served  []string
	Says    *bool  // what it is told of whether it serves others; nil: nothing
	Where   string // that is said
	// Own are the profiles that have a gateway of their own here which runs, or should.
	Own []string
}

// JudgeMultiplex reports whether a profile has two gateways: its own, and the root one that serves
// it, too.
func JudgeMultiplex(s MultiplexFacts) []explain.Finding {
	n := notes{check: Multiplex}
	const object = "gateway_state.json"
	if s.Unknown != "" {
		n.unknown(object, "which profiles the root gateway serves: %s", s.Unknown)
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
			"the root gateway serves no other profile, says %s: that it served some is left from before: %s",
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
