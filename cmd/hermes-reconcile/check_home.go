//go:build linux

package main

import (
	"cmp"
	"context"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/containerenv"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/discover"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/manifest"
	"hermes-reconcile/s6ctl"
)

func (c *checkup) accounts() ([]explain.Finding, error) {
	p := doctor.UserFacts{Me: uint32(os.Geteuid()), Accounts: map[string]error{}}
	if c.scandirErr == nil {
		p.Owner, p.Known = uint32(c.scandir.Owner()), true
	}
	if c.manifest != nil {
		for _, profile := range c.manifest.Profiles {
			if _, known := p.Accounts[profile.User]; !known {
				_, p.Accounts[profile.User] = accounts.Find(profile.User)
			}
		}
	}
	return doctor.JudgeUsers(p), nil
}

// users are those whose gateways have their homes below HERMES_HOME, by profile: as the manifest
// says, else as their services do. Where s6-svscan is not root's, all are its own user's.
func (c *checkup) users() map[string]string {
	users := map[string]string{}
	for _, g := range c.gateways {
		if users[g.Profile] = deploy.Controller(filepath.Join(c.path, g.Service)); users[g.Profile] == "" {
			delete(users, g.Profile)
		}
	}
	if c.manifest != nil {
		users = map[string]string{}
		for _, p := range c.manifest.Profiles {
			users[p.Name] = p.User
		}
	}
	if owner := c.owner(); owner != 0 {
		name := strconv.Itoa(int(owner))
		if found, err := user.LookupId(name); err == nil {
			name = found.Username
		}
		for profile := range users {
			users[profile] = name
		}
	}
	return users
}

// owner is whose s6-svscan this is; root's, if there is none.
func (c *checkup) owner() uint32 {
	if c.scandirErr != nil {
		return 0
	}
	return uint32(c.scandir.Owner())
}

// homesBelow looks at HERMES_HOME, and which profiles the root gateway serves.
func (c *checkup) homesBelow(ctx context.Context) ([]explain.Finding, error) {
	users := c.users()
	profiles := slices.Sorted(maps.Keys(users))
	if len(profiles) == 0 {
		const why = "no gateway is known that has a home there"
		return []explain.Finding{
			doctor.NotChecked(doctor.Home, c.homes.Path, why),
			doctor.NotChecked(doctor.Multiplex, c.homes.Path, why),
		}, nil
	}
	if me := uint32(os.Geteuid()); c.homes.Origin == homes.OriginManifest && me != 0 && me != c.owner() {
		const why = "where it is, only root and the user of s6-svscan can see"
		return []explain.Finding{
			doctor.NotChecked(doctor.Home, homes.Variable, why),
			doctor.NotChecked(doctor.Multiplex, homes.Variable, why),
		}, nil
	}
	c.homes.Users = maps.Clone(users)
	asked := profiles
	if users[manifest.DefaultProfile] == "" { // its state file says which profiles a root gateway serves that is not ours
		c.homes.Users[manifest.DefaultProfile] = users[profiles[0]]
		asked = append([]string{manifest.DefaultProfile}, profiles...)
	}
	answer := c.inspect(ctx, asked)
	root := answer.Found[manifest.DefaultProfile]
	says, where := discover.Multiplexes(root.Env, c.rootVariable(discover.MultiplexVariable),
		root.Config)
	return append(append(c.eachHome(answer, users), c.missing(ctx)...),
		doctor.JudgeMultiplex(doctor.MultiplexFacts{
			Unknown: cmp.Or(root.Unknown, root.Mute),
			Up:      answer.States[manifest.DefaultProfile].Up, Served: root.Served, Own: c.own(),
			Says: says, Where: where,
		})...), nil
}

// rootVariable is the value of a variable that reaches the root gateway.
func (c *checkup) rootVariable(name string) string {
	for _, p := range c.profiles() {
		if p.Name != manifest.DefaultProfile {
			continue
		}
		if slices.Contains(p.Unset, name) {
			return ""
		}
		for _, e := range p.Env {
			if e.Name == name {
				return e.Value
			}
		}
	}
	if value := containerenv.Kept(name); value != "" {
		return value
	}
	environ, _ := s6ctl.Environ(s6ctl.ThisHost(), c.path) // as little as may be seen
	for _, entry := range environ {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value
		}
	}
	return ""
}

// missing looks for the profiles that hermes does not know.
func (c *checkup) missing(ctx context.Context) []explain.Finding {
	homeOf := func(profile string) string {
		path, _ := c.homes.HomeOf(profile)
		return path
	}
	return doctor.JudgeMissing(
		c.homes.Absent(ctx, slices.DeleteFunc(c.profiles(), func(p manifest.Profile) bool {
			return c.cannotBe(c.homes.Users[p.Name]) != ""
		})),
		homeOf,
	)
}

// profiles are those of the manifest, else those that services were rendered from.
func (c *checkup) profiles() []manifest.Profile {
	if c.manifest != nil {
		return slices.Clone(c.manifest.Profiles)
	}
	var all []manifest.Profile
	for _, s := range c.actual.Services {
		if p := homes.AppliedProfile(s); p != nil {
			all = append(all, *p)
		}
	}
	return all
}

// eachHome judges each HERMES_HOME: that of the container, and those that profiles have for
// themselves.
func (c *checkup) eachHome(answer home.Answer, users map[string]string) []explain.Finding {
	byPath := map[string]doctor.HomeFacts{}
	for profile, found := range answer.Found {
		if users[profile] == "" {
			continue
		}
		d := doctor.HomeFacts{Path: c.homes.Path, Origin: c.homes.Origin, Err: c.homes.Err}
		if own, has := c.homes.Own[profile]; has {
			d = doctor.HomeFacts{Path: own.Home, Origin: "home of the manifest"}
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
	for _, path := range slices.Sorted(maps.Keys(byPath)) {
		all = append(all, doctor.JudgeHome(byPath[path])...)
	}
	return all
}

// inspect asks what is below HERMES_HOME, as far as that is possible.
func (c *checkup) inspect(ctx context.Context, profiles []string) home.Answer {
	closed := map[string]home.Finding{}
	open := slices.DeleteFunc(slices.Clone(profiles), func(profile string) bool {
		if why := c.cannotBe(c.homes.Users[profile]); why != "" {
			closed[profile] = home.Finding{Unknown: why}
		}
		return closed[profile].Unknown != ""
	})
	answer := c.homes.Ask(ctx, open, func(theirs []string) home.Request {
		r := home.Request{Inspect: theirs}
		if slices.Contains(theirs, manifest.DefaultProfile) {
			r.Recall = []string{manifest.DefaultProfile}
		}
		return r
	})
	if answer.Found == nil {
		answer.Found = map[string]home.Finding{}
	}
	maps.Copy(answer.Found, closed)
	for _, profile := range profiles {
		if _, told := answer.Found[profile]; !told {
			answer.Found[profile] = home.Finding{
				Unknown: "no answer from the process that looks there",
			}
		}
	}
	return answer
}

// cannotBe says why it is not possible to look as a user: only root can be another one.
func (c *checkup) cannotBe(name string) string {
	me := uint32(os.Geteuid())
	if me == 0 || c.owner() == me {
		return ""
	}
	if uid, err := accounts.Find(name); err == nil && uid == me {
		return ""
	}
	return "only root can look as user " + name
}

// own are the profiles with a gateway of their own, that runs or should.
func (c *checkup) own() []string {
	own := map[string]bool{}
	for _, g := range c.gateways {
		own[g.Profile] = g.PID != 0 || g.Wanted == string(manifest.StateUp)
	}
	if c.manifest != nil {
		for _, p := range c.manifest.Profiles {
			own[p.Name] = own[p.Name] || p.State == manifest.StateUp
		}
	}
	maps.DeleteFunc(own, func(_ string, has bool) bool { return !has })
	return slices.Sorted(maps.Keys(own))
}
