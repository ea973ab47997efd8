//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/discover"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl"
	"hermes-reconcile/s6ctl/route"
	"hermes-reconcile/s6ctl/start"
)

// visit is a doctor's look at one place. What it has seen does not change any more, so that a look which is left to itself can do
// no harm.
type visit struct {
	flags *doctorFlags
	reading
	path  string // of the scandir
	homes *homes
	sight
	blind error // why nothing of the scandir was seen
	now   time.Time
}

func newVisit(ctx context.Context, flags *doctorFlags) (*visit, error) {
	v := &visit{flags: flags, now: time.Now()}
	var err error
	if v.reading, err = soon(ctx, flags.read); err != nil {
		v.reading = reading{names: flags.names(), errs: []error{err}}
	}
	from, fromHome := defaultScandir, defaultHome
	if v.manifest != nil {
		from, fromHome = v.manifest.Scandir, v.manifest.HermesHome
	}
	if v.path, err = flags.resolve(from); err != nil {
		return nil, err
	}
	v.homes = homesAt(v.path, fromHome)
	if v.sight, v.blind = soon(ctx, v.view); v.blind == nil {
		v.homes.learnApplied(v.actual.Services)
	}
	if v.manifest != nil {
		v.homes.own = newHomes(v.manifest, v.path).own
	}
	return v, nil
}

// findings makes all checks.
func (v *visit) findings(ctx context.Context) []explain.Finding {
	var all []explain.Finding
	add := func(check string, look func() ([]explain.Finding, error)) {
		found, err := soon(ctx, look)
		if err != nil {
			found = []explain.Finding{doctor.NotChecked(check, "all", err.Error())}
		}
		all = append(all, found...)
	}
	add(doctor.Supervisor, v.supervisor)
	add(doctor.Scandir, v.place)
	add(doctor.Manifest, func() ([]explain.Finding, error) {
		return append(doctor.OfManifest(v.names, v.manifest, v.errs), doctor.OfCommands(v.commands())...), nil
	})
	add(doctor.Plan, func() ([]explain.Finding, error) { return v.plan(ctx) })
	add(doctor.Users, v.people)
	add(doctor.Home, func() ([]explain.Finding, error) { return v.dwelling(ctx) })
	add(doctor.Gateways, func() ([]explain.Finding, error) { return v.all(ctx) })
	add(doctor.Gateways, func() ([]explain.Finding, error) { return v.strays(ctx), nil })
	add(doctor.Ports, func() ([]explain.Finding, error) { return v.ports(ctx) })
	add(doctor.Leftovers, v.leftovers)
	add(doctor.Ownership, v.ownership)
	return all
}

// errBlind is why what is in the scandir was not looked at: the look at the scandir says the cause.
var errBlind = errors.New("the scandir cannot be read")

func (v *visit) supervisor() ([]explain.Finding, error) {
	s6 := s6ctl.Open(v.path)
	h := doctor.Host{Kind: s6ctl.Detect(s6ctl.ThisHost(), v.path), Missing: s6.Installed(), Folder: s6.Folder()}
	if v.manifest != nil {
		h.Runtime = v.manifest.Runtime
	}
	_, err := os.Stat(doctor.OverlayShell)
	h.Overlay = err == nil
	return doctor.OfSupervisor(h), nil
}

func (v *visit) place() ([]explain.Finding, error) {
	noExec := ""
	if v.blind == nil {
		noExec = v.scandir.NoExec()
	}
	return doctor.OfScandir(doctor.Tree{
		Path: v.path, NoExec: noExec, Err: v.blind, Listening: v.actual.Listening, Held: v.actual.Held, Traces: v.traces, Dark: v.dark,
	}, v.now), nil
}

// plan looks what apply would do, and whether there is room for it.
func (v *visit) plan(ctx context.Context) ([]explain.Finding, error) {
	if v.blind != nil {
		return []explain.Finding{
			doctor.NotChecked(doctor.Plan, "all", errBlind.Error()), doctor.NotChecked(doctor.Room, "all", errBlind.Error()),
		}, nil
	}
	found := []explain.Finding{doctor.NotChecked(doctor.Plan, "all", "there is no manifest to compare with")}
	var changes doctor.Changes
	if v.manifest != nil {
		// What cannot be seen of homes is said once, by the look at them.
		v.scandir.Users, _ = findUsers(v.manifest) // another check says which are missing
		v.scandir.Recall = newHomes(v.manifest, v.path).recall(ctx, ui{io.Discard, io.Discard})
		plan, err := v.scandir.Plan(v.dirs, reconcile.PruneOwned)
		report := explain.New(plan, explain.Options{NoFiles: true})
		found, changes = doctor.OfPlan(&report, err, v.dark), comesAndGoes(plan)
	}
	vacancy, err := v.scandir.Vacancy(ctx, v.actual.Hidden)
	return append(found, doctor.OfRoom(vacancy, err, changes)...), nil
}

// comesAndGoes counts the directories that a plan adds and takes away.
func comesAndGoes(plan reconcile.Plan) (c doctor.Changes) {
	for _, change := range plan.Changes {
		if change.Op == reconcile.Create || change.Replace {
			c.Comes++
		}
		if change.Op == reconcile.Remove || change.Replace {
			c.Goes++
		}
	}
	return c
}

func (v *visit) people() ([]explain.Finding, error) {
	p := doctor.People{Me: uint32(os.Geteuid()), Accounts: map[string]error{}}
	if v.blind == nil {
		p.Owner, p.Known = v.scandir.Owner(), true
	}
	if v.manifest != nil {
		for _, profile := range v.manifest.Profiles {
			if _, known := p.Accounts[profile.User]; !known {
				_, p.Accounts[profile.User] = findUser(profile.User)
			}
		}
	}
	return doctor.OfUsers(p), nil
}

// users are those whose gateways have their homes below HERMES_HOME, by profile: as the manifest says, else as their services do.
// Where s6-svscan is not root's, all are its own user's.
func (v *visit) users() map[string]string {
	users := map[string]string{}
	for _, g := range v.gateways {
		if users[g.Profile] = controller(filepath.Join(v.path, g.Service)); users[g.Profile] == "" {
			delete(users, g.Profile)
		}
	}
	if v.manifest != nil {
		users = map[string]string{}
		for _, p := range v.manifest.Profiles {
			users[p.Name] = p.User
		}
	}
	if owner := v.owner(); owner != 0 {
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
func (v *visit) owner() uint32 {
	if v.blind != nil {
		return 0
	}
	return v.scandir.Owner()
}

// dwelling looks at HERMES_HOME, and which profiles the root gateway serves.
func (v *visit) dwelling(ctx context.Context) ([]explain.Finding, error) {
	users := v.users()
	profiles := slices.Sorted(maps.Keys(users))
	if len(profiles) == 0 {
		const why = "no gateway is known that has a home there"
		return []explain.Finding{doctor.NotChecked(doctor.Home, v.homes.path, why), doctor.NotChecked(doctor.Multiplex, v.homes.path, why)}, nil
	}
	if me := uint32(os.Geteuid()); v.homes.origin == originManifest && me != 0 && me != v.owner() {
		const why = "where it is, only root and the user of s6-svscan can see"
		return []explain.Finding{doctor.NotChecked(doctor.Home, homeVariable, why), doctor.NotChecked(doctor.Multiplex, homeVariable, why)}, nil
	}
	v.homes.users = maps.Clone(users)
	asked := profiles
	if users[manifest.DefaultProfile] == "" { // its state file says which profiles a root gateway serves that is not ours
		v.homes.users[manifest.DefaultProfile] = users[profiles[0]]
		asked = append([]string{manifest.DefaultProfile}, profiles...)
	}
	answer := v.inspect(ctx, asked)
	root := answer.Found[manifest.DefaultProfile]
	says, where := discover.Multiplexes(root.Env, v.rootVariable(discover.MultiplexVariable), root.Config)
	return append(append(v.eachHome(answer, users), v.missing(ctx)...),
		doctor.OfMultiplex(doctor.Serving{
			Unknown: cmp.Or(root.Unknown, root.Mute), Up: answer.States[manifest.DefaultProfile].Up, Served: root.Served, Own: v.own(),
			Says: says, Where: where,
		})...), nil
}

// rootVariable is the value of a variable that reaches the root gateway.
func (v *visit) rootVariable(name string) string {
	for _, p := range v.profiles() {
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
	if value := (variables{containerFolder}).kept(name); value != "" {
		return value
	}
	environ, _ := s6ctl.Environ(s6ctl.ThisHost(), v.path) // as little as may be seen
	for _, entry := range environ {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value
		}
	}
	return ""
}

// missing looks for the profiles that hermes does not know.
func (v *visit) missing(ctx context.Context) []explain.Finding {
	homeOf := func(profile string) string {
		path, _ := v.homes.homeOf(profile)
		return path
	}
	return doctor.OfMissing(v.homes.absent(ctx, slices.DeleteFunc(v.profiles(), func(p manifest.Profile) bool {
		return v.cannotBe(v.homes.users[p.Name]) != ""
	})), homeOf)
}

// profiles are those of the manifest, else those that services were rendered from.
func (v *visit) profiles() []manifest.Profile {
	if v.manifest != nil {
		return slices.Clone(v.manifest.Profiles)
	}
	var all []manifest.Profile
	for _, s := range v.actual.Services {
		if p := appliedProfile(s); p != nil {
			all = append(all, *p)
		}
	}
	return all
}

// eachHome judges each HERMES_HOME: that of the container, and those that profiles have for themselves.
func (v *visit) eachHome(answer home.Answer, users map[string]string) []explain.Finding {
	byPath := map[string]doctor.Dwelling{}
	for profile, found := range answer.Found {
		if users[profile] == "" {
			continue
		}
		d := doctor.Dwelling{Path: v.homes.path, Origin: v.homes.origin, Err: v.homes.err}
		if own, has := v.homes.own[profile]; has {
			d = doctor.Dwelling{Path: own.Home, Origin: "home of the manifest"}
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
		all = append(all, doctor.OfHome(byPath[path])...)
	}
	return all
}

// inspect asks what is below HERMES_HOME, as far as that is possible.
func (v *visit) inspect(ctx context.Context, profiles []string) home.Answer {
	closed := map[string]home.Finding{}
	open := slices.DeleteFunc(slices.Clone(profiles), func(profile string) bool {
		if why := v.cannotBe(v.homes.users[profile]); why != "" {
			closed[profile] = home.Finding{Unknown: why}
		}
		return closed[profile].Unknown != ""
	})
	answer := v.homes.ask(ctx, open, func(theirs []string) home.Request {
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
			answer.Found[profile] = home.Finding{Unknown: "no answer from the process that looks there"}
		}
	}
	return answer
}

// cannotBe says why it is not possible to look as a user: only root can be another one.
func (v *visit) cannotBe(name string) string {
	me := uint32(os.Geteuid())
	if me == 0 || v.owner() == me {
		return ""
	}
	if uid, err := findUser(name); err == nil && uid == me {
		return ""
	}
	return "only root can look as user " + name
}

// own are the profiles with a gateway of their own, that runs or should.
func (v *visit) own() []string {
	own := map[string]bool{}
	for _, g := range v.gateways {
		own[g.Profile] = g.PID != 0 || g.Wanted == string(manifest.StateUp)
	}
	if v.manifest != nil {
		for _, p := range v.manifest.Profiles {
			own[p.Name] = own[p.Name] || p.State == manifest.StateUp
		}
	}
	maps.DeleteFunc(own, func(_ string, has bool) bool { return !has })
	return slices.Sorted(maps.Keys(own))
}

// ports looks who listens on the ports of gateways: those of the manifest, and of services that it does not name.
func (v *visit) ports(ctx context.Context) ([]explain.Finding, error) {
	byProfile := map[string]doctor.Port{}
	sockets := doctor.Sockets{Services: map[int]string{}}
	for _, g := range v.gateways {
		sockets.Services[g.PID] = g.Service
		up := g.PID != 0 || g.Wanted == string(manifest.StateUp)
		byProfile[g.Profile] = doctor.Port{Number: g.Port, Profile: g.Profile, Wanted: up, PID: g.PID, Since: g.Status.Since}
	}
	if v.manifest != nil {
		for _, p := range v.manifest.Profiles {
			port := byProfile[p.Name]
			port.Number, port.Profile = p.Port, p.Name
			port.Wanted = p.State == manifest.StateUp || p.State == manifest.StateLast && port.PID != 0
			byProfile[p.Name] = port
		}
	}
	delete(sockets.Services, 0)
	var ports []doctor.Port
	for _, profile := range slices.Sorted(maps.Keys(byProfile)) {
		if byProfile[profile].Number != 0 {
			ports = append(ports, byProfile[profile])
		}
	}
	if len(ports) == 0 {
		return doctor.OfPorts(nil, sockets, v.now), nil
	}
	sockets.Listeners, sockets.Err = s6ctl.Listeners(s6ctl.ThisHost())
	sockets.Listeners = v.completed(ctx, sockets.Listeners, ports)
	return doctor.OfPorts(ports, sockets, v.now), nil
}

// all looks at the gateways.
func (v *visit) all(ctx context.Context) ([]explain.Finding, error) {
	if v.blind != nil {
		return nil, errBlind
	}
	v.readRefusals(ctx)
	return doctor.OfGateways(v.gateways, v.actual.Listening, v.now), nil
}

// strays looks for processes that have outlived their gateways. The gateway of a supervisor that was killed is another
// matter, and told of as such.
func (v *visit) strays(ctx context.Context) []explain.Finding {
	if v.blind != nil {
		return nil
	}
	running := map[string]int{}
	for _, g := range v.gateways {
		running[g.Service] = g.PID
	}
	byUID := map[uint32]account{}
	for _, name := range v.users() {
		who := lookUp(name)
		byUID[who.uid] = who
	}
	all := s6ctl.Strays(s6ctl.ThisHost(), v.path, running, func(uid uint32) (seen map[int]string) {
		if who, known := byUID[uid]; known && uid != 0 && os.Geteuid() == 0 {
			_ = ask(ctx, who, lookAtMarks, &seen) // what cannot be seen is not told
		}
		return seen
	})
	byProfile := map[string][]s6ctl.Stray{}
	for _, s := range all {
		former := func(d reconcile.Displaced) bool { return d.Former }
		if !slices.ContainsFunc(v.actual.DisplacedOf(s.Service), former) {
			profile := strings.TrimPrefix(s.Service, render.Prefix)
			byProfile[profile] = append(byProfile[profile], s)
		}
	}
	return doctor.OfStrays(byProfile)
}

// commands are the commands of gateways by profile: as the manifest says, else as they were applied.
func (v *visit) commands() map[string][]string {
	commands := map[string][]string{}
	for _, p := range v.profiles() {
		commands[p.Name] = p.Command
	}
	return commands
}

func (v *visit) leftovers() ([]explain.Finding, error) {
	if v.blind != nil {
		return nil, errBlind
	}
	named := map[string]bool{}
	for _, d := range v.dirs {
		named[d.Profile] = true
	}
	return doctor.OfLeftovers(doctor.Remains{
		Services: v.gateways, Hidden: v.actual.Hidden, Owed: slices.Sorted(maps.Keys(v.actual.Owed)), Traces: v.traces, Dark: v.dark,
		Culprits: v.scandir.Culprits(), Named: named,
	}), nil
}

// ownership looks who could change what runs as the user of s6-svscan.
func (v *visit) ownership() ([]explain.Finding, error) {
	h := doctor.Holding{Scandir: v.path, Unknown: v.unseen()}
	if v.blind == nil {
		h.Exposed, h.Services = v.scandir.Exposed(), v.actual.Services
		h.Holder = v.holder()
		h.Looked = append(h.Looked, "scandir")
	}
	if len(v.files()) > 0 {
		h.Looked = append(h.Looked, "manifest")
	}
	if v.manifest != nil {
		h.Looked = append(h.Looked, "secrets")
	}
	h.Risks = v.risks()
	var dark []string
	h.Searched, dark = v.searched()
	h.Unknown = append(h.Unknown, dark...)
	return doctor.OfOwnership(h), nil
}

// holder is the user of a gateway whose the scandir is, and with it what root's s6-svscan runs.
func (v *visit) holder() string {
	uid, alone := v.scandir.Holder()
	if !alone || os.Geteuid() != 0 || v.owner() != 0 {
		return ""
	}
	for _, name := range v.users() {
		if lookUp(name).uid == uid {
			return name
		}
	}
	return ""
}

// searched are the folders on a PATH that others can change, and those of which that cannot be
// told.
func (v *visit) searched() (found []doctor.Searched, unknown []string) {
	environ, _ := s6ctl.Environ(s6ctl.ThisHost(), v.path) // as little as may be seen
	ofSvscan := ""
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, "PATH="); ok {
			ofSvscan = value
		}
	}
	at := map[string]int{} // of what is found, by folder
	for _, p := range []struct{ whose, path string }{
		{"the PATH here", os.Getenv("PATH")},
		{"the PATH of the container", variables{containerFolder}.kept("PATH")},
		{"the PATH of s6-svscan", ofSvscan},
	} {
		var rest []string
		var bad []doctor.Searched
		for _, folder := range start.PathFolders(p.path) {
			f := doctor.Searched{Folder: folder, Whose: p.whose}
			if filepath.IsAbs(folder) {
				exposed, err := route.Expose(folder, v.owner())
				closed := errors.Is(err, fs.ErrPermission) && v.owner() == uint32(os.Geteuid())
				if err != nil && !closed { // where we cannot look, our own shell cannot search
					unknown = append(unknown, fmt.Sprintf("cannot tell who can change %q, on %s: %v", folder, p.whose, bare(err)))
					continue
				}
				if exposed == nil {
					rest = append(rest, folder)
					continue
				}
				f.At, f.Who = exposed.At, exposed.Who
			}
			bad = append(bad, f)
		}
		for _, f := range bad {
			f.Rest = cmp.Or(strings.Join(rest, ":"), standardPath)
			if i, known := at[f.Folder]; known {
				found[i].Whose += strings.TrimPrefix(f.Whose, "the PATH")
				continue
			}
			at[f.Folder] = len(found)
			found = append(found, f)
		}
	}
	return found, unknown
}

// standardPath is root's where nothing else is known.
const standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// unseen are the files whose owners cannot be told.
func (v *visit) unseen() []string {
	var unseen []string
	if v.blind != nil {
		unseen = append(unseen, "the scandir cannot be read")
	}
	for _, file := range append(v.files(), v.secrets()...) {
		if _, err := route.Of(file); err != nil {
			unseen = append(unseen, fmt.Sprintf("cannot look at %q: %v", file, bare(err)))
		}
	}
	return unseen
}

// secrets are the files that hold secrets.
func (v *visit) secrets() []string {
	var files []string
	if v.manifest != nil {
		for _, p := range v.manifest.Profiles {
			for _, s := range p.Secrets {
				files = append(files, s.File)
			}
		}
	}
	return files
}

// risks are the files that a gateway's user, or everybody, could put others in the place of: this
// program, the scandir, manifests, secrets. Where s6-svscan is not root's, gateways run as the one
// who reads all of this.
func (v *visit) risks() []doctor.Risk {
	who := suspects{everybody: {uid: nobodys}}
	if v.owner() == 0 {
		for _, name := range v.users() {
			who[name] = lookUp(name)
		}
	}
	var risks []doctor.Risk
	look := func(what, path string) {
		if at, name := who.reach(path); at != "" {
			risks = append(risks, doctor.Risk{What: what, File: path, Path: at, Users: name})
		}
	}
	if self, err := os.Executable(); err == nil {
		look("this program", self)
	}
	look("folder of the scandir", filepath.Dir(v.path))
	if target, err := filepath.EvalSymlinks(v.path); err == nil && target != v.path {
		look("folder of the scandir", filepath.Dir(target))
	}
	who.each(v.files(), func(file, at, name string) {
		risks = append(risks, doctor.Risk{What: "manifest", File: file, Path: at, Users: name})
	})
	if v.manifest != nil && v.owner() == 0 {
		for _, s := range seizable(v.manifest) {
			what := "secret " + s.secret.Name + " of " + s.profile
			risks = append(risks, doctor.Risk{What: what, File: s.secret.File, Path: s.path, Users: s.user})
		}
	}
	return risks
}

// nobodys is a uid that no account has: who has it can do what everybody can.
const nobodys = 1<<32 - 2

// files are the files of the manifest, if there is one.
func (v *visit) files() []string {
	if v.manifest == nil && len(v.errs) == 0 {
		return nil
	}
	return v.flags.places()
}
