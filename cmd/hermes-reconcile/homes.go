//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/fault"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl"
)

// defaultHome is HERMES_HOME where nothing names another one, as in a manifest.
const defaultHome = "/opt/data"

// homeLimit is how long a disk may take to tell what is on it.
const homeLimit = 5 * time.Second

// findHome finds HERMES_HOME as a gateway of the scandir would: in the container's variables, in
// s6-svscan's, in the manifest. It tells where, too. With an error it is a guess.
func findHome(scandir, fromManifest string) (path, origin string, err error) {
	if value := variable(homeVariable); value != "" {
		return value, "the environment", nil
	}
	environ, err := s6ctl.Environ(s6ctl.ThisHost(), scandir)
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, homeVariable+"="); ok && value != "" {
			return value, "the environment of s6-svscan", nil
		}
	}
	return fromManifest, originManifest, err
}

const homeVariable = "HERMES_HOME"

// originManifest is where HERMES_HOME stands if nowhere else. Who may not see the environment of
// s6-svscan cannot be sure of it.
const originManifest = "hermes_home"

// homes are what the profiles of a manifest have below HERMES_HOME.
type homes struct {
	path   string                // HERMES_HOME
	origin string                // where that stands
	err    error                 // why that is not known
	users  map[string]string     // by profile
	own    map[string]home.Place // by profile: those that have a home of their own
	limit  time.Duration         // of one question

	silent atomic.Bool // the disk did not answer, so it is not asked again
}

// homesAt knows where homes are, as far as that can be found out, and not yet whose.
func homesAt(scandir, fromManifest string) *homes {
	h := &homes{users: map[string]string{}, own: map[string]home.Place{}, limit: homeLimit}
	h.path, h.origin, h.err = findHome(scandir, fromManifest)
	return h
}

func newHomes(m *manifest.Manifest, scandir string) *homes {
	h := homesAt(scandir, m.HermesHome)
	for i := range m.Profiles {
		h.users[m.Profiles[i].Name] = m.Profiles[i].User
		h.learn(&m.Profiles[i])
	}
	return h
}

// learn notes the home of a profile that has one of its own.
func (h *homes) learn(p *manifest.Profile) {
	if p.Home != "" {
		h.own[p.Name] = home.Place{Home: p.Home, Dir: p.StateDir()}
	}
}

// learnApplied notes the homes of services as they were applied: where no manifest says them, their
// markers do.
func (h *homes) learnApplied(services []reconcile.Service) {
	for _, s := range services {
		if p := appliedProfile(s); p != nil {
			h.learn(p)
		}
	}
}

// appliedProfile is the profile that a service of ours was rendered from; nil where that is not
// known.
func appliedProfile(s reconcile.Service) *manifest.Profile {
	if !s.Owned || s.Marker.Manifest == "" {
		return nil
	}
	m, err := manifest.ParseExcerpt(render.MarkerPath, s.Marker.Excerpt())
	if err != nil || len(m.Profiles) != 1 {
		return nil
	}
	return &m.Profiles[0]
}

// homeOf is the HERMES_HOME of a profile's gateway.
func (h *homes) homeOf(profile string) (string, error) {
	if own, has := h.own[profile]; has {
		return own.Home, nil
	}
	if h.err == nil && !filepath.IsAbs(h.path) {
		return "", fmt.Errorf("%q is not absolute", h.path)
	}
	return h.path, h.err
}

// ask has a request carried out for these profiles: by one child process for each of their users,
// side by side.
func (h *homes) ask(
	ctx context.Context,
	profiles []string,
	request func(profiles []string) home.Request,
) home.Answer {
	if len(profiles) == 0 {
		return home.Answer{}
	}
	ctx, cancel := context.WithTimeout(ctx, h.limit)
	defer cancel()
	whole := answers{
		home.Answer{
			States: map[string]home.State{},
			Swept:  map[string][]string{},
			Found:  map[string]home.Finding{},
			Others: map[string][]string{},
		},
	}
	byUser := map[string][]string{}
	for _, p := range profiles {
		_, err := h.homeOf(p)
		if err == nil && h.silent.Load() {
			err = home.ErrSilent
		}
		if err != nil {
			whole.take([]string{p}, unanswered([]string{p}, err))
			continue
		}
		byUser[h.users[p]] = append(byUser[h.users[p]], p)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	for name, theirs := range byUser {
		all.Go(func() {
			answer := h.askOne(ctx, name, request(theirs), theirs)
			mu.Lock()
			defer mu.Unlock()
			whole.take(theirs, answer)
			whole.takeAbsent(h, theirs, answer)
		})
	}
	all.Wait()
	slices.Sort(whole.Faults)
	whole.Faults = slices.Compact(whole.Faults)
	return whole.Answer
}

// askOne asks as one user.
func (h *homes) askOne(
	ctx context.Context,
	name string,
	r home.Request,
	profiles []string,
) home.Answer {
	r.Home, r.Places = h.path, map[string]home.Place{}
	for _, p := range profiles {
		if own, has := h.own[p]; has {
			r.Places[p] = own
		}
	}
	answer, err := askAs(ctx, name, r)
	if errors.Is(err, home.ErrSilent) {
		h.silent.Store(true)
	}
	if err != nil {
		return unanswered(profiles, err)
	}
	return answer
}

// answers are those of several users. Each may say anything, but of its own profiles alone, and in
// short lines.
type answers struct{ home.Answer }

func (a *answers) take(profiles []string, answer home.Answer) {
	for _, p := range profiles {
		if state, told := answer.States[p]; told {
			a.States[p] = home.State{Up: state.Up, Why: inShort(state.Why), Unknown: state.Unknown}
		}
		for _, name := range answer.Swept[p] {
			a.Swept[p] = append(a.Swept[p], inShort(name))
		}
	}
	for _, p := range profiles {
		if found, told := answer.Found[p]; told {
			a.Found[p] = home.Finding{
				Faults:  eachInShort(found.Faults, maxFaults),
				Served:  eachInShort(found.Served, maxServed),
				Mute:    inShort(found.Mute),
				Unknown: inShort(found.Unknown),
				Env:     atMost(found.Env),
				Config:  atMost(found.Config),
			}
		}
	}
	const most = 3 // faults of a profile: two files and a wish
	for _, fault := range answer.Faults[:min(len(answer.Faults), most*len(profiles)+1)] {
		a.Faults = append(a.Faults, inShort(fault))
	}
}

// atMost is a file that another process passes on, if it is no longer than it may be.
func atMost(data []byte) []byte {
	if len(data) > home.MaxSettings {
		return nil
	}
	return data
}

// takeAbsent takes what is said of profiles without a folder.
func (a *answers) takeAbsent(h *homes, profiles []string, answer home.Answer) {
	absent := make(map[string]bool, len(answer.Absent))
	for _, p := range answer.Absent {
		absent[p] = true
	}
	for _, p := range profiles {
		if !absent[p] {
			continue
		}
		a.Absent = append(a.Absent, p)
		if at, err := h.homeOf(p); err == nil && a.Others[at] == nil {
			a.Others[at] = eachInShort(answer.Others[at], home.MaxOthers)
		}
	}
}

// Who answers may list so many faults of a profile, and name so many profiles.
const (
	maxFaults = 3
	maxServed = 5000
)

func eachInShort(texts []string, most int) []string {
	var short []string
	for _, text := range texts[:min(len(texts), most)] {
		short = append(short, inShort(text))
	}
	return short
}

// inShort makes of what another process says a piece of one line.
func inShort(text string) string {
	const limit = 500 // bytes: a path, and what is wrong with it
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "..."
	}
	return strings.Join(strings.Fields(visible.Text(text)), " ")
}

// unanswered is what is known where it could not be looked at.
func unanswered(profiles []string, err error) home.Answer {
	a := home.Answer{
		States: map[string]home.State{},
		Found:  map[string]home.Finding{},
		Faults: []string{fmt.Sprintf("cannot look below %s: %v", homeVariable, err)},
	}
	for _, p := range profiles {
		a.States[p] = home.State{Why: "it could not be looked at: " + err.Error(), Unknown: true}
		a.Found[p] = home.Finding{Unknown: err.Error()}
	}
	return a
}

// askAs asks as a user.
func askAs(ctx context.Context, name string, request home.Request) (answer home.Answer, err error) {
	defer fault.Recover(&err)
	who := home.Account{}
	if os.Geteuid() == 0 { // no other user can become another one
		found, err := user.Lookup(name)
		if err != nil {
			return home.Answer{}, fmt.Errorf("this system has no account %q", name)
		}
		if who, err = credentials(found); err != nil {
			return home.Answer{}, err
		}
	}
	return home.Ask(ctx, who, request)
}

// credentials are those of an account.
func credentials(found *user.User) (home.Account, error) {
	who, err := accountOf(found)
	return home.Account{UID: who.uid, GID: who.gid, Groups: who.gids, Switch: true}, err
}

// recall tells what gateways were last. It looks once for each, if it can, however often a plan is
// made anew.
func (h *homes) recall(
	ctx context.Context,
	tell func(home.Answer),
) func([]render.Servicedir) map[string]reconcile.LastState {
	was := map[string]reconcile.LastState{}
	return func(dirs []render.Servicedir) map[string]reconcile.LastState {
		var profiles []string
		for _, d := range dirs {
			if w, known := was[d.Name]; !known || w.Unknown {
				profiles = append(profiles, d.Profile)
			}
		}
		answer := h.ask(ctx, profiles,
			func(theirs []string) home.Request { return home.Request{Recall: theirs} })
		tell(answer)
		for profile, state := range answer.States {
			was[render.Prefix+profile] = reconcile.LastState(state)
		}
		return was
	}
}

// faults prints what could not be done below HERMES_HOME.
func (u ui) faults(answer home.Answer) {
	for _, fault := range answer.Faults {
		u.warning("%s", fault)
	}
}
