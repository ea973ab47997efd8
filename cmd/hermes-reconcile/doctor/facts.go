//go:build linux

package doctor

import (
	"context"
	"crypto/rand"
	"maps"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/containerenv"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/cmd/hermes-reconcile/tokens"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl"
	"hermes-reconcile/s6ctl/process"
)

// Facts are what is known of one place before the checks are made. They do not change any more, so
// a look that goes on after its time limit can do no harm.
type Facts struct {
	ManifestFacts
	ScandirFacts
	Path       string // of the scandir
	ScandirErr error  // why nothing of the scandir was seen
	Homes      *homes.Homes
	// HomeElsewhere is the HERMES_HOME of gateways, and where that stands, if ours is another one.
	HomeElsewhere struct{ Path, Origin string }
	Now           time.Time

	// LogTail is the end of a gateway's log, read as its user; empty where it cannot be read.
	LogTail func(ctx context.Context, s reconcile.Service) string

	makeKey sync.Once
	keyed   []byte // see key

	environed sync.Once
	env       []string // see environ
	envErr    error

	asked sync.Once
	homes home.Answer // to inspected
}

// ManifestFacts is what became of reading the manifest.
type ManifestFacts struct {
	Names    []string           // files and folders that were to be read
	Manifest *manifest.Manifest // nil: there is none, or a wrong one
	Dirs     []render.Servicedir
	Errs     []error  // what is wrong with it
	Files    []string // its files and their folders, as absolute paths
}

// ScandirFacts is what was seen in the scandir.
type ScandirFacts struct {
	Scandir   *deploy.Place
	Actual    reconcile.Actual
	Traces    reconcile.Traces
	TracesErr error // why there are none
	Gateways  []Gateway
}

// users are the users of gateways with a home below HERMES_HOME, by profile: as the manifest says,
// else as their services do. Where s6-svscan is not root's, all are its own user's.
func (p *Facts) users() map[string]string {
	users := map[string]string{}
	for _, g := range p.Gateways {
		if g.User != "" {
			users[g.Profile] = g.User
		}
	}
	if p.Manifest != nil {
		users = map[string]string{}
		for _, profile := range p.Manifest.Profiles {
			users[profile.Name] = profile.User
		}
	}
	if owner := p.owner(); owner != 0 {
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

// owner is the user of s6-svscan; root, if there is none.
func (p *Facts) owner() uint32 {
	if p.ScandirErr != nil {
		return 0
	}
	return uint32(p.Scandir.Owner())
}

// profiles are those of the manifest, else those that services were rendered from.
func (p *Facts) profiles() []manifest.Profile {
	if p.Manifest != nil {
		return slices.Clone(p.Manifest.Profiles)
	}
	var all []manifest.Profile
	for _, s := range p.Actual.Services {
		if applied := homes.AppliedProfile(s); applied != nil {
			all = append(all, *applied)
		}
	}
	return all
}

// cannotBe says why it is not possible to look as a user: only root can be another one.
func (p *Facts) cannotBe(name string) string {
	me := uint32(os.Geteuid())
	if me == 0 || p.owner() == me {
		return ""
	}
	if uid, err := accounts.Find(name); err == nil && uid == me {
		return ""
	}
	return "only root can look as user " + name
}

// environ is the environment of s6-svscan, which reaches each gateway; see s6ctl.Environ.
func (p *Facts) environ() ([]string, error) {
	p.environed.Do(func() { p.env, p.envErr = s6ctl.Environ(process.ThisHost(), p.Path) })
	return p.env, p.envErr
}

// containerVariable is the value of a variable of the container, which reaches each gateway that
// says nothing of it.
func (p *Facts) containerVariable(name string) (string, error) {
	if value := containerenv.Kept(name); value != "" {
		return value, nil
	}
	environ, err := p.environ()
	return variableOf(environ, name), err
}

// variableOf is the value of a variable in an environment; empty where it is not set.
func variableOf(environ []string, name string) string {
	for _, entry := range environ {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value
		}
	}
	return ""
}

// homesClosed says why the homes of gateways cannot be looked at, and what that is about; why is
// empty where they can.
func (p *Facts) homesClosed() (object, why string) {
	if len(p.users()) == 0 {
		return p.Homes.Path, "no gateway is known that has a home there"
	}
	me := uint32(os.Geteuid())
	if p.Homes.Origin == homes.OriginManifest && me != 0 && me != p.owner() {
		return homes.Variable, "only root and the user of s6-svscan can see where it is"
	}
	return "", ""
}

// inspected is what is below HERMES_HOME, for all profiles and the root one. It is asked for once.
func (p *Facts) inspected(ctx context.Context) home.Answer {
	p.asked.Do(func() {
		users := p.users()
		profiles := slices.Sorted(maps.Keys(users))
		p.Homes.Users = maps.Clone(users)
		asked := profiles
		// The root gateway is not ours. Its state file says which profiles it serves.
		if users[manifest.DefaultProfile] == "" {
			p.Homes.Users[manifest.DefaultProfile] = users[profiles[0]]
			asked = append([]string{manifest.DefaultProfile}, profiles...)
		}
		p.homes = p.Homes.Inspect(ctx, asked, p.cannotBe, func(theirs []string) home.Request {
			r := home.Request{
				Inspect: theirs, Tokens: theirs, Variables: tokens.Exclusive, Key: p.key(),
			}
			if slices.Contains(theirs, manifest.DefaultProfile) {
				r.Recall = []string{manifest.DefaultProfile}
			}
			return r
		})
	})
	return p.homes
}

// key is what tokens are compared by. No file holds it, so a digest that a child passes on tells
// nothing of a token.
func (p *Facts) key() []byte {
	p.makeKey.Do(func() {
		p.keyed = make([]byte, 32) // bytes: as long as a digest
		_, _ = rand.Read(p.keyed)  // it never fails (crypto/rand)
	})
	return p.keyed
}
