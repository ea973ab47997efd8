package discover

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/dotenv"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/hermesconfig"
	"hermes-reconcile/manifest/names"
	"hermes-reconcile/manifest/values"
	"hermes-reconcile/s6ctl/safefile"
)

// Home reads a HERMES_HOME: the profile `default` is the folder itself, the others are the folders
// below profiles/ that have a SOUL.md. Only a folder that cannot be opened is an error: what else
// is wrong is a warning, or a comment in the draft.
func Home(dir string) (Found, error) {
	f, b, err := begin(dir)
	if err != nil {
		return Found{}, err
	}
	defer f.close()
	b.say("The profiles of the Hermes home %s, written by `hermes-reconcile init`.", quote(dir))
	b.say(
		"`state: last` follows gateway_state.json at each boot, and so what `hermes gateway stop` and `start` leave there.",
	)
	b.say(
		"`port` reaches a gateway as API_SERVER_PORT. That goes before its config.yaml, but its own .env goes before that.",
	)
	if !setPath(&b.manifest.HermesHome, dir) {
		b.say("`hermes_home` is not set: %s is not a path in a container.", quote(dir))
	}
	h := homes{b, f}
	h.all(dir)
	return b.found(), nil
}

// homes reads the homes of all profiles below one HERMES_HOME.
type homes struct {
	*book
	f folder
}

// profileHome is what the files of one profile say.
type profileHome struct {
	name   string
	dir    string
	env    map[string]string
	config hermesconfig.Config
	state  home.State
	served []string  // by the root gateway, at its last start
	parked time.Time // since when; zero: it is not
	lasts  bool      // there is a gateway_state.json
}

// all reads the root profile, and the folders of the others.
func (h homes) all(dir string) {
	list := []profileHome{h.read(manifest.DefaultProfile, ".")}
	if !h.exists("SOUL.md") && !h.exists("config.yaml") && !h.exists(".env") &&
		!h.exists("profiles") {
		h.warn(
			"%s has neither SOUL.md nor config.yaml nor .env nor profiles/ (is it a Hermes home?)",
			quote(dir))
	}
	entries, err := h.f.entries("profiles")
	if err != nil {
		h.warn("cannot read profiles/: %v", err)
	}
	twins := h.twins(entries)
	for _, e := range entries {
		if twin := twins[e.Name()]; twin != "" {
			h.say("profiles/%s is left out: it is the same folder as that of %s.", e.Name(), twin)
			continue
		}
		if why := h.noProfile(e.Name()); why != "" {
			h.say("profiles/%s is left out: %s.", e.Name(), why)
			continue
		}
		list = append(list, h.read(e.Name(), path.Join("profiles", e.Name())))
	}
	if len(list) > 1 {
		h.say(
			"From 0.21 on hermes refuses a gateway beside the root one without --force, which the default command has, or gateway.standalone: true in the profile's config.yaml.",
		)
	}
	host := h.host()
	if host.Launched() == manifest.DefaultProfile && len(host.Serves()) > 0 {
		list[0].served, list[0].config.Multiplex = host.Profiles, nil // releases that write this do not heed it
		delete(list[0].env, MultiplexVariable)
	}
	shared := multiplexed(list[0])
	if shared {
		h.warn(
			"the root gateway serves other profiles, too (multiplex): these are down, since a gateway of their own would use the same bot token",
		)
		h.say("To give one its own all the same, set that, and `state: up` here.")
	}
	for _, one := range list {
		h.profile(one, shared && serves(list[0], one), host)
	}
}

// host is the gateway that serves several profiles, as it says; the zero one where there is none.
func (h homes) host() (host home.Host) {
	data, there, err := h.f.readAny(home.HostFile)
	if there {
		host, err = home.ParseHost(data)
	}
	if err != nil {
		h.say("%s: %s.", home.HostFile, short(err.Error()))
	}
	return host
}

// exists reports whether a file is there; whether it can be read shows when it is read.
func (h homes) exists(name string) bool {
	_, err := h.f.tree.Stat(name)
	return err == nil
}

// twins finds folders that are those of other profiles, by symlinks or mounts, and names these: two
// gateways must not share one home. The folder itself goes before a symlink to it.
func (h homes) twins(entries []fs.DirEntry) map[string]string {
	type owner struct {
		profile string
		info    fs.FileInfo
	}
	// By the time of their last change: one folder has one.
	owners := map[int64][]owner{}
	twins := map[string]string{}
	take := func(profile, dir string) {
		info, err := h.f.tree.Stat(dir)
		if err != nil {
			return
		}
		at := info.ModTime().UnixNano()
		for _, o := range owners[at] {
			if safefile.Same(o.info, info) {
				twins[profile] = o.profile
				return
			}
		}
		owners[at] = append(owners[at], owner{profile, info})
	}
	take(manifest.DefaultProfile, ".")
	for _, links := range []bool{false, true} {
		for _, e := range entries {
			if (e.Type()&fs.ModeSymlink != 0) == links && h.noProfile(e.Name()) == "" {
				take(e.Name(), path.Join("profiles", e.Name()))
			}
		}
	}
	return twins
}

// noProfile is why a folder below profiles/ is none, empty where it is one.
func (h homes) noProfile(name string) string {
	dir := path.Join("profiles", name)
	info, err := h.f.tree.Stat(dir)
	switch {
	case err != nil:
		return fmt.Sprintf("%v", cause(err))
	case !info.IsDir():
		return "it is not a folder"
	case !h.exists(path.Join(dir, "SOUL.md")):
		return "it has no SOUL.md"
	case name == manifest.DefaultProfile:
		return "`default` is the Hermes home itself"
	}
	return names.ProfileFault(name)
}

// read reads the files of one profile. What cannot be read is noted and counts as not there.
func (h homes) read(name, dir string) profileHome {
	one := profileHome{name: name, dir: dir}
	if info, err := h.f.tree.Stat(path.Join(dir, home.ParkedFile)); err == nil && dir != "." {
		one.parked = info.ModTime() // hermes ignores that of the root profile
	}
	take := func(file string, parse func([]byte) error) {
		data, there, err := h.f.readAny(path.Join(dir, file))
		if there {
			err = parse(data)
		}
		if err != nil {
			h.note(name, "%s: %s", file, short(err.Error()))
		}
	}
	take(".env", func(data []byte) error { one.env = dotenv.Parse(data); return nil })
	take(
		"config.yaml",
		func(data []byte) (err error) { one.config, err = hermesconfig.Parse(data); return err },
	)
	one.state.Why = "there is no gateway_state.json that can be read"
	take("gateway_state.json", func(data []byte) error {
		one.lasts, one.state = true, home.ParseState(data)
		one.served, _ = home.ParseServed(data) // the state says what is wrong
		return nil
	})
	return one
}

// profile turns what was read of one profileHome into a profile.
func (h homes) profile(one profileHome, served bool, host home.Host) {
	p := manifest.Builtin(one.name, 0)
	p.Port = h.port(one)
	switch {
	case !served && slices.Contains(host.Serves(), one.name):
		p.State = manifest.StateDown
		h.note(one.name, "down: the gateway of %s serves it, as that has said%s; by itself it would be %s: %s",
			quote(host.Launched()), since(host.Since), upOrDown(one.state.Up), one.state.Why)
	case served:
		p.State = manifest.StateDown
		h.note(one.name, "down: the root gateway serves it; by itself it would be %s: %s",
			upOrDown(one.state.Up), one.state.Why)
	case !one.parked.IsZero():
		p.State = manifest.StateDown
		h.note(one.name, "down: it has a file gateway.parked%s", since(one.parked))
	case one.lasts:
		p.State = manifest.StateLast
		h.note(one.name, "last, which is %s now: %s", upOrDown(one.state.Up), one.state.Why)
	default:
		p.State = manifest.StateDown
		h.note(one.name, "down: %s", one.state.Why)
	}
	h.add(p)
}

// since says a time, if it is known.
func since(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return " (" + at.UTC().Format(time.RFC3339) + ")"
}

// port is the one of the API server: the environment goes before the configuration, as in hermes.
func (h homes) port(one profileHome) int {
	text, there := one.env["API_SERVER_PORT"]
	if !there {
		return one.config.Port
	}
	port, err := values.ParsePort(text)
	if err != nil {
		h.note(one.name, ".env: API_SERVER_PORT: %v", err)
	}
	return port
}

// upOrDown is the state that keeps a gateway as it is.
func upOrDown(up bool) manifest.State {
	if up {
		return manifest.StateUp
	}
	return manifest.StateDown
}

// multiplexed reports whether the root gateway serves other profiles. The environment goes before
// the configuration. What it did at its last start counts where neither says anything: some
// releases never clear it.
func multiplexed(root profileHome) bool {
	if says := saysMultiplex(root.env[MultiplexVariable]); says != nil {
		return *says
	}
	if root.config.Multiplex != nil {
		return *root.config.Multiplex
	}
	return len(root.served) > 0
}

// MultiplexVariable is where the environment of the root gateway says that it serves other
// profiles.
const MultiplexVariable = "GATEWAY_MULTIPLEX_PROFILES"

// saysMultiplex is what the value of that variable says; nil: nothing.
func saysMultiplex(value string) *bool {
	says := func(yes bool) *bool { return &yes }
	switch strings.ToLower(value) {
	case "1", "true", "yes", "on":
		return says(true)
	case "0", "false", "no", "off":
		return says(false)
	}
	return nil
}

// Multiplexes is what a root profile is told of whether its gateway serves other profiles, too, and
// where; nil where nothing says so. Its .env goes before the variable in its environment, and that
// before its config.yaml.
func Multiplexes(env []byte, variable string, config []byte) (says *bool, where string) {
	if says := saysMultiplex(dotenv.Parse(env)[MultiplexVariable]); says != nil {
		return says, ".env"
	}
	if says := saysMultiplex(variable); says != nil {
		return says, "the environment"
	}
	parsed, err := hermesconfig.Parse(config)
	if err != nil {
		return nil, ""
	}
	return parsed.Multiplex, "config.yaml"
}

// serves reports whether the root gateway, which multiplexes, serves this profile.
func serves(root, one profileHome) bool {
	if one.name == manifest.DefaultProfile || one.config.Standalone {
		return false
	}
	return len(root.served) == 0 || slices.Contains(root.served, one.name)
}
