package discover

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/names"
	"hermes-reconcile/manifest/writing"
	"hermes-reconcile/render"
)

// Wanted reports whether s6 wants a service up now; known is false where it does not supervise it.
type Wanted func(service string) (up, known bool)

// Scandir reads the service directories gateway-* of a scandir, ours and others, or of a folder
// that render wrote. Of a live scandir, wanted tells what the files do not: a gateway may run
// although a file says down.
func Scandir(dir string, wanted Wanted) (Found, error) {
	f, b, err := begin(dir)
	if err != nil {
		return Found{}, err
	}
	defer f.close()
	b.say("The gateways of the scandir %s, written by `hermes-reconcile init`.", quote(dir))
	if !setPath(&b.manifest.Scandir, dir) {
		b.say("`scandir` is not set: %s is not a path in a container.", quote(dir))
	}
	s := services{b, f, wanted}
	list, err := s.all()
	if err != nil {
		return Found{}, fmt.Errorf("cannot read %q: %w", dir, err)
	}
	if len(list) == 0 {
		b.warn("%s has no gateway-* that a manifest could name", quote(dir))
	}
	s.settle(list)
	return b.found(), nil
}

// services reads the service directories of a scandir.
type services struct {
	*book
	f      folder
	wanted Wanted
}

// found is a profile, and what its service directory says of the manifest around it.
type found struct {
	profile    manifest.Profile
	runtime    manifest.Runtime
	hermesHome string // empty: it does not say
	start      manifest.Start
	ours       bool
	// Its marker is of an earlier version, which may differ from today's.
	former bool
	notes  []string
}

// note adds a comment that stands above the profile.
func (f *found) note(format string, args ...any) {
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
}

// all reads the service directories of gateways. One that is wrong is left out and named, and is no
// error.
func (s services) all() ([]found, error) {
	entries, err := s.f.entries(".")
	if err != nil {
		return nil, err
	}
	var list []found
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), render.Prefix)
		if !ok {
			continue
		}
		one, err := s.service(name, e.Name(), e.IsDir())
		if of := (doubleError("")); errors.As(err, &of) {
			s.say("%s is left out, and an apply keeps it down: %s.", e.Name(), err)
			continue
		}
		if err != nil {
			s.say("%s is left out, and an apply leaves it alone: %s.", e.Name(), err)
			continue
		}
		list = append(list, one)
	}
	return list, nil
}

// service reads one service directory. An error says why it cannot be in a manifest.
func (s services) service(name, dir string, isDir bool) (found, error) {
	if !isDir {
		return found{}, fmt.Errorf("it is not a folder")
	}
	if reason := names.ProfileFault(name); reason != "" {
		return found{}, fmt.Errorf("%s", reason)
	}
	data, err := s.f.read(path.Join(dir, render.MarkerPath))
	if err == nil {
		switch marker, err := render.ParseMarker(data); {
		case err == nil && marker.Profile == name:
			return s.owned(marker), nil
		case err == nil:
			return found{}, doubleError(render.ServiceOf(marker.Profile))
		}
	}
	one, err := s.foreign(name, dir)
	if err != nil {
		return found{}, err
	}
	s.state(dir, &one)
	return one, nil
}

// doubleError is about a directory of ours that was copied or renamed. It names the service that
// its marker names.
type doubleError string

func (e doubleError) Error() string { return "it is a double of " + string(e) + ", as its marker says" }

// state is up or down as the file says, or as s6 does where it supervises the service.
func (s services) state(dir string, one *found) {
	_, err := s.f.tree.Lstat(path.Join(dir, render.DownPath))
	one.profile.State = upOrDown(err != nil)
	up, known := s.wanted(dir)
	if known && upOrDown(up) != one.profile.State {
		one.profile.State = upOrDown(up)
		one.note("%s, as s6 has it now; its files would have it %s", upOrDown(up), upOrDown(!up))
	}
}

// owned reads a service that we manage: its marker says what it was rendered from. It must be in
// the manifest even if its marker lacks something: an apply removes ours that are not.
func (s services) owned(marker render.Marker) found {
	one := found{ours: true, former: marker.ManifestFormat == 0}
	m, err := writing.ParseExcerpt(render.MarkerPath, marker.Excerpt())
	if err == nil && len(m.Profiles) == 1 && m.Profiles[0].Name == marker.Profile {
		one.profile, one.runtime, one.hermesHome, one.start = m.Profiles[0], m.Runtime, m.HermesHome, m.Start
		return one
	}
	one.profile = manifest.Builtin(marker.Profile, marker.Port)
	if marker.OnFailure {
		one.profile.Restart = manifest.RestartOnFailure
	}
	one.note(
		"its marker does not say what it was rendered from: CHECK command, env, user and log before an apply",
	)
	return one
}

// settle decides what all profiles share, and takes them in.
func (s services) settle(list []found) {
	s.manifest.Runtime = most(list, s.manifest.Runtime,
		func(f found) manifest.Runtime { return f.runtime })
	s.manifest.HermesHome = most(list, s.manifest.HermesHome,
		func(f found) string { return f.hermesHome })
	s.manifest.Start = most(list, s.manifest.Start,
		func(f found) manifest.Start { return f.start })
	for _, one := range list {
		if one.runtime != "" && one.runtime != s.manifest.Runtime {
			one.note("its scripts are for runtime %s", one.runtime)
		}
		if one.hermesHome != "" && one.hermesHome != s.manifest.HermesHome {
			one.note("its scripts have hermes_home %s", quote(one.hermesHome))
		}
		for _, text := range one.notes {
			s.note(one.profile.Name, "%s", text)
		}
		s.add(one.profile)
	}
	s.compare(list)
}

// compare notes what in our own directories is not as rendered: it was edited, or another version
// of this program wrote it.
func (s services) compare(list []found) {
	dirs, err := render.All(s.manifest)
	if err != nil {
		s.warn("cannot tell whether the files are as rendered: %v", err)
		return
	}
	ours, former := map[string]bool{}, map[string]bool{}
	for _, one := range list {
		ours[one.profile.Name], former[one.profile.Name] = one.ours, one.former
	}
	for _, dir := range dirs {
		if !ours[dir.Profile] {
			continue
		}
		for _, file := range dir.Files {
			if file.Path == render.MarkerPath && former[dir.Profile] {
				continue
			}
			data, err := s.f.read(path.Join(dir.Name, file.Path))
			if err != nil || !file.Data.Is(data) {
				s.note(
					dir.Profile,
					"%s is not what it would be rendered as: an apply undoes what was changed there",
					file.Path,
				)
			}
		}
	}
}

// most is the value that most have, of those that have one; of several the first.
func most[V comparable](list []found, otherwise V, of func(found) V) V {
	count := map[V]int{}
	var none V
	for _, one := range list {
		if v := of(one); v != none {
			count[v]++
		}
	}
	best := otherwise
	for _, one := range list {
		if v := of(one); count[v] > count[best] {
			best = v
		}
	}
	return best
}

// sortedKeys makes the draft the same each time.
func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// uniqueSorted is nil where there is nothing.
func uniqueSorted(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	return slices.Compact(list)
}
