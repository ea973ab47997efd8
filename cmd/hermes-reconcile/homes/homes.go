//go:build linux

// Package homes asks what the profiles of a manifest have below HERMES_HOME: by one child process
// for each of their users, side by side. A child can say anything, so that what it says is taken
// for its own profiles alone, and in short lines.
package homes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/containerenv"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/writing"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/fault"
	"hermes-reconcile/reconcile/inputs"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl"
	"hermes-reconcile/s6ctl/process"
)

// Default is HERMES_HOME where nothing names another one, as in a manifest.
const Default = "/opt/data"

// Limit is how long a disk may take to tell what is on it.
const Limit = 5 * time.Second

// findHome finds HERMES_HOME as a gateway of the scandir would: in the container's variables, in
// s6-svscan's, in the manifest. It tells where, too. With an error it is a guess.
func findHome(scandir, fromManifest string) (path, origin string, err error) {
	if value := containerenv.Look(Variable); value != "" {
		return value, originOurs, nil
	}
	environ, err := s6ctl.Environ(process.ThisHost(), scandir)
	if value := homeIn(environ); value != "" {
		return value, originSvscan, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w; set %s to say where homes are", err, Variable)
	}
	return fromManifest, OriginManifest, err
}

// Variable names the folder that hermes keeps everything in.
const Variable = "HERMES_HOME"

// Where else it may stand.
const (
	originOurs      = "the environment" // or that of the container
	originSvscan    = "the environment of s6-svscan"
	originContainer = "the environment of the container"
)

// OriginManifest is where HERMES_HOME stands if nowhere else. A user that may not see the
// environment of s6-svscan cannot be sure of it.
const OriginManifest = "hermes_home"

// Homes are what the profiles of a manifest have below HERMES_HOME.
type Homes struct {
	Path   string                // HERMES_HOME
	Origin string                // where that stands
	Err    error                 // why that is not known
	Users  map[string]string     // by profile
	Own    map[string]home.Place // by profile: those that have a home of their own
	Limit  time.Duration         // of one question
	// Helpers keep children from one question to the next; nil: each has its own.
	Helpers *home.Helpers

	Silent atomic.Bool // the disk did not answer, so it is not asked again
}

// At knows where homes are, as far as that can be found out, and not yet their users.
func At(scandir, fromManifest string) *Homes {
	h := &Homes{Users: map[string]string{}, Own: map[string]home.Place{}, Limit: Limit}
	h.Path, h.Origin, h.Err = findHome(scandir, fromManifest)
	return h
}

// Elsewhere is the HERMES_HOME that gateways have where our own environment says another one, and
// where theirs stands; empty: it is the same, or cannot be told, as where no s6-svscan runs.
func (h *Homes) Elsewhere(scandir, fromManifest string) (path, origin string) {
	if h.Origin != originOurs {
		return "", ""
	}
	environ, err := s6ctl.Environ(process.ThisHost(), scandir)
	if err != nil || len(environ) == 0 {
		return "", ""
	}
	// Gateways under s6-overlay have the one, those of a plain tree the other.
	path, origin = homeIn(environ), originSvscan
	kept := containerenv.Kept(Variable)
	switch {
	case path == "" && kept == "":
		path, origin = fromManifest, OriginManifest
	case path == "":
		path, origin = kept, originContainer
	}
	for _, theirs := range []string{path, kept} {
		if theirs != "" && filepath.Clean(theirs) == filepath.Clean(h.Path) {
			return "", ""
		}
	}
	return path, origin
}

// homeIn is HERMES_HOME in an environment, or empty.
func homeIn(environ []string) string {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, Variable+"="); ok && value != "" {
			return value
		}
	}
	return ""
}

// New knows the homes of the profiles of a manifest, and their users.
func New(m *manifest.Manifest, scandir string) *Homes {
	h := At(scandir, m.HermesHome)
	for i := range m.Profiles {
		h.Users[m.Profiles[i].Name] = m.Profiles[i].User
		h.learn(&m.Profiles[i])
	}
	return h
}

// learn notes the home of a profile that has one of its own.
func (h *Homes) learn(p *manifest.Profile) {
	if p.Home != "" {
		h.Own[p.Name] = home.Place{Home: p.Home, Dir: p.StateDir()}
	}
}

// LearnApplied notes the homes of services as they were applied: where no manifest says them, their
// markers do.
func (h *Homes) LearnApplied(services []reconcile.Service) {
	for _, s := range services {
		if p := AppliedProfile(s); p != nil {
			h.learn(p)
		}
	}
}

// AppliedProfile is the profile that a service of ours was rendered from; nil where that is not
// known.
func AppliedProfile(s reconcile.Service) *manifest.Profile {
	if !s.Owned || s.Marker.Manifest == "" {
		return nil
	}
	m, err := writing.ParseExcerpt(render.MarkerPath, s.Marker.Excerpt())
	if err != nil || len(m.Profiles) != 1 {
		return nil
	}
	return &m.Profiles[0]
}

// HomeOf is the HERMES_HOME of a profile's gateway, an absolute path. The error is why it is not
// known, or is none.
func (h *Homes) HomeOf(profile string) (string, error) {
	if own, has := h.Own[profile]; has {
		return own.Home, nil
	}
	if h.Err == nil && !filepath.IsAbs(h.Path) {
		return "", fmt.Errorf("%q is not absolute", h.Path)
	}
	return h.Path, h.Err
}

// Ask has a request carried out for these profiles: by one child process for each of their users,
// side by side. Where one gives no answer, that says so of each of its profiles, and the others
// count all the same. An answer is believed for the profiles alone that its user was asked for.
func (h *Homes) Ask(
	ctx context.Context, profiles []string, request func(profiles []string) home.Request,
) home.Answer {
	if len(profiles) == 0 {
		return home.Answer{}
	}
	ctx, cancel := context.WithTimeout(ctx, h.Limit)
	defer cancel()
	whole := answers{
		home.Answer{
			States: map[string]home.State{},
			Swept:  map[string][]string{},
			Found:  map[string]home.Finding{},
			Others: map[string][]string{},
			Tokens: map[string]map[string]string{},
			Hosts:  map[string]home.Host{},
			Inputs: map[string]map[string]inputs.Look{},
		},
	}
	byUser := map[string][]string{}
	for _, p := range profiles {
		_, err := h.HomeOf(p)
		if err == nil && h.Silent.Load() {
			err = home.ErrSilent
		}
		if err != nil {
			whole.take([]string{p}, unanswered([]string{p}, err))
			continue
		}
		byUser[h.Users[p]] = append(byUser[h.Users[p]], p)
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
			whole.takeHosts(h, theirs, answer)
		})
	}
	all.Wait()
	slices.Sort(whole.Faults)
	whole.Faults = slices.Compact(whole.Faults)
	return whole.Answer
}

// askOne asks as one user.
func (h *Homes) askOne(
	ctx context.Context, name string, r home.Request, profiles []string,
) home.Answer {
	r.Home, r.Places = h.Path, map[string]home.Place{}
	for _, p := range profiles {
		if own, has := h.Own[p]; has {
			r.Places[p] = own
		}
	}
	answer, err := h.askAs(ctx, name, r)
	if errors.Is(err, home.ErrSilent) {
		h.Silent.Store(true)
	}
	if err != nil {
		return unanswered(profiles, err)
	}
	return answer
}

// unanswered is what is known where it could not be looked at.
func unanswered(profiles []string, err error) home.Answer {
	a := home.Answer{
		States: map[string]home.State{},
		Found:  map[string]home.Finding{},
		Faults: []string{fmt.Sprintf("cannot look below %s: %v", Variable, err)},
	}
	for _, p := range profiles {
		a.States[p] = home.State{Why: "it could not be looked at: " + err.Error(), Unknown: true}
		a.Found[p] = home.Finding{Unknown: err.Error()}
	}
	return a
}

// askAs asks as a user.
func (h *Homes) askAs(
	ctx context.Context, name string, request home.Request,
) (answer home.Answer, err error) {
	defer fault.Recover(&err)
	who := home.Account{}
	if os.Geteuid() == 0 { // no other user can become another one
		found, err := user.Lookup(name)
		if err != nil {
			return home.Answer{}, fmt.Errorf("this system has no account %q", name)
		}
		if who, err = Credentials(found); err != nil {
			return home.Answer{}, err
		}
	}
	return h.Helpers.Ask(ctx, who, request)
}

// Credentials are those of an account, to become it: only root can. The error is that of a number
// that is none.
func Credentials(found *user.User) (home.Account, error) {
	who, err := accounts.Of(found)
	return home.Account{UID: who.UID, GID: who.GID, Groups: who.Groups, Switch: true}, err
}

// CredentialsByID are those of a user, who need not have an account.
func CredentialsByID(uid uint32) (home.Account, error) {
	found, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return home.Account{UID: uid, GID: uid, Switch: true}, nil
	}
	return Credentials(found)
}

// Recall tells what gateways were last. It looks once for each, if it can, however often a plan is
// made anew.
func (h *Homes) Recall(
	ctx context.Context, tell func(home.Answer),
) func([]render.Servicedir) map[string]reconcile.LastState {
	was := map[string]reconcile.LastState{}
	return func(dirs []render.Servicedir) map[string]reconcile.LastState {
		var profiles []string
		for _, d := range dirs {
			if w, known := was[d.Name]; !known || w.Unknown {
				profiles = append(profiles, d.Profile)
			}
		}
		answer := h.Ask(ctx, profiles,
			func(theirs []string) home.Request { return home.Request{Recall: theirs} })
		tell(answer)
		for profile, state := range answer.States {
			was[render.ServiceOf(profile)] = reconcile.LastState(state)
		}
		return was
	}
}
