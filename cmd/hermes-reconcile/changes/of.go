package changes

import (
	"slices"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/placed"
	"hermes-reconcile/manifest/writing"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// Profile is what changes of the profile of a service.
type Profile struct {
	// Known says that it is known what the service was made from. Without that nothing else is.
	Known   bool
	Changes []Change // sorted by key
	// Rendered are the files that differ because this program renders what was there before
	// differently than the one did that made them.
	Rendered []string
	// Place is where the old manifest spoke of a profile that goes; empty: not known.
	Place manifest.Position
	// RenamedFrom and RenamedTo are the other name of an entry that has moved.
	RenamedFrom, RenamedTo string
}

// Comparison is a plan in the words of the manifest.
type Comparison struct {
	fresh, old *placed.Manifest
	all        map[string]*compared // by service
	come       []string             // profiles that are new
	gone       []string             // services that are removed
}

// compared are both sides of a service; nil: there is no such profile.
type compared struct {
	before, after *side
	change        reconcile.Change
	Profile       // but for its changes
}

// Of compares what each change of a plan means for its profile. The old manifest is nil where the
// plan was made against service directories: their markers then say what was before.
func Of(plan reconcile.Plan, fresh, old *placed.Manifest) *Comparison {
	o := &Comparison{fresh: fresh, old: old, all: map[string]*compared{}}
	for _, c := range plan.Changes {
		if c.Acts() {
			o.add(c)
		}
	}
	o.remake()
	o.rename()
	return o
}

// Profile is what changes of the profile of a service.
func (o *Comparison) Profile(service string) Profile {
	if o == nil || o.all[service] == nil {
		return Profile{}
	}
	c := o.all[service]
	p := c.Profile
	p.Changes = between(c.before, c.after)
	return p
}

// add compares one service of the plan. Where what was before is not known, nothing is said of it:
// a guess would read like a fact.
func (o *Comparison) add(c reconcile.Change) {
	before, known := o.before(c)
	if !known {
		return
	}
	one := &compared{before: before, change: c, Profile: Profile{Known: true}}
	if c.Wanted() {
		one.after = placedSide(o.fresh, c.Profile)
	}
	switch {
	case before == nil && one.after == nil:
		return
	case before == nil:
		o.come = append(o.come, c.Profile)
	case one.after == nil:
		o.gone = append(o.gone, c.Service)
		if before.placed != nil {
			one.Place = before.profile.Pos
		}
	}
	o.all[c.Service] = one
}

// before is what a service was made from, nil where there was none. It may be unknown: another
// program has made it, or it has no marker that says so.
func (o *Comparison) before(c reconcile.Change) (s *side, known bool) {
	actual := c.Actual
	switch {
	case actual.Name == "":
		return nil, true
	case !actual.Owned:
		return nil, false
	case o.old != nil:
		s := placedSide(o.old, actual.Marker.Profile)
		return s, s != nil
	}
	m, err := writing.ParseExcerpt(actual.Name, actual.Marker.Excerpt())
	if err != nil || len(m.Profiles) != 1 || m.Profiles[0].Name != actual.Marker.Profile {
		return nil, false
	}
	return &side{manifest: m, profile: &m.Profiles[0]}, true
}

// placedSide is a profile of a manifest that knows its places; nil: the manifest does not name it.
func placedSide(m *placed.Manifest, profile string) *side {
	p := m.Profile(profile)
	if p == nil {
		return nil
	}
	return &side{manifest: m.Manifest, placed: m, profile: p}
}

// top is what the service directories of a manifest have in common.
type top struct {
	runtime manifest.Runtime
	home    string
	start   manifest.Start
}

// remake renders what markers say that services were made from, to find what another version has
// rendered differently. With an old manifest both sides were rendered just now.
func (o *Comparison) remake() {
	made := map[top][]*compared{}
	for _, one := range o.all {
		if one.before == nil || one.after == nil || len(one.change.Files) == 0 || o.old != nil {
			continue
		}
		m := one.before.manifest
		of := top{m.Runtime, m.HermesHome, m.Start}
		made[of] = append(made[of], one)
	}
	for of, services := range made {
		m := &manifest.Manifest{Runtime: of.runtime, HermesHome: of.home, Start: of.start}
		for _, one := range services {
			m.Profiles = append(m.Profiles, *one.before.profile)
		}
		dirs, err := render.All(m)
		if err != nil {
			continue // it was rendered once, by a version with other limits
		}
		for i, one := range services {
			one.Rendered = rendered(one.change, dirs[i])
		}
	}
}

// rendered are the files of a change that differ in what this program makes of what was there
// before, too.
func rendered(c reconcile.Change, now render.Servicedir) (paths []string) {
	marked := c.Actual.Marker
	for _, f := range c.Files {
		if f.Path == render.MarkerPath || f.Path == render.DownPath && marked.Last {
			continue
		}
		was, had := marked.Files[f.Path]
		file := now.File(f.Path)
		if had != (file != nil) || had && file.Data.Digest() != was {
			paths = append(paths, f.Path)
		}
	}
	return paths
}

// mostPairs bounds the search for renamed entries: pairs of one that goes and one that comes, with
// ports that agree.
const mostPairs = 5000

// rename finds entries that go under one name and come under another. Where several are alike it
// does not guess.
func (o *Comparison) rename() {
	// Profile that comes, service that goes.
	from, to := map[string][]string{}, map[string][]string{}
	services := o.byPort()
	pairs := 0
	for _, name := range o.come {
		for _, service := range services[o.port(name)] {
			if pairs++; pairs > mostPairs {
				return
			}
			if o.moved(o.all[service].before, name) {
				from[name] = append(from[name], service)
				to[service] = append(to[service], name)
			}
		}
	}
	for name, services := range from {
		if len(services) != 1 || len(to[services[0]]) != 1 {
			continue
		}
		was, is := o.all[services[0]], o.all[render.ServiceOf(name)]
		was.RenamedTo, is.RenamedFrom = name, was.before.profile.Name
	}
}

// anyPort stands for the port of a profile that has it by its name.
const anyPort = -1

// byPort gives the services that go by their port, and those that have one by anyPort, too.
func (o *Comparison) byPort() map[int][]string {
	services := map[int][]string{}
	for _, service := range o.gone {
		port := o.all[service].before.profile.Port
		services[port] = append(services[port], service)
		if port != 0 {
			services[anyPort] = append(services[anyPort], service)
		}
	}
	return services
}

// port is the port that an entry keeps under another name.
func (o *Comparison) port(name string) int {
	if o.fresh.IsAuto(name) {
		return anyPort
	}
	return o.fresh.Profile(name).Port
}

// moved reports whether a new profile is what another one was, but for the name.
func (o *Comparison) moved(was *side, name string) bool {
	is := o.fresh.Profile(name)
	if was.profile.Name == manifest.DefaultProfile || name == manifest.DefaultProfile ||
		!alike(was.profile, is) {
		return false
	}
	same, possible := o.fresh.As(name, was.profile.Name, -1)
	return possible && manifest.SameEntry(same, was.profile)
}

// alike sorts out most pairs of profiles, which do not mean the same, at little cost.
func alike(a, b *manifest.Profile) bool {
	names := func(v, w manifest.EnvVar) bool { return v.Name == w.Name }
	return a.State == b.State && a.User == b.User && len(a.Command) == len(b.Command) &&
		len(a.Wrapper) == len(b.Wrapper) && len(a.Secrets) == len(b.Secrets) &&
		slices.Equal(a.Unset, b.Unset) && slices.EqualFunc(a.Env, b.Env, names) && a.Log == b.Log
}
