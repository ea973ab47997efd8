//go:build linux

package home

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"hermes-reconcile/cmd/hermes-reconcile/content"
	"hermes-reconcile/cmd/hermes-reconcile/dotenv"
	"hermes-reconcile/cmd/hermes-reconcile/tokens"
	"hermes-reconcile/reconcile/inputs"
	"hermes-reconcile/s6ctl/safefile"
)

// inspect finds what a profile's gateway and its logger would stumble over. It asks the kernel what
// this user may do, and does nothing.
func (s *server) inspect(profile string) Finding {
	var found Finding
	if profile == rootProfile {
		found.Served, found.Mute = s.served()
		found.Env, found.Config = s.settings(".env"), s.settings("config.yaml")
	} else if info, err := safefile.StatOwn(s.path(profile, ParkedFile)); err == nil {
		found.Parked = info.ModTime() // hermes ignores that of the root profile
	}
	if err := usable(s.homeOf(profile)); err != nil {
		found.Faults = []string{err.Error()}
		return found
	}
	note := func(err error) {
		if err != nil {
			found.Faults = append(found.Faults, err.Error())
		}
	}
	if dir := s.path(profile, ""); dir != s.homeOf(profile) && isThere(dir) {
		note(usable(dir))
	}
	note(s.logsUsable(profile))
	return found
}

// lookForHost notes the gateway that serves several profiles of a home. One whose record cannot be
// understood is none: hermes does not believe it either.
func (s *server) lookForHost(homeDir string) {
	if _, known := s.answer.Hosts[homeDir]; known {
		return
	}
	data, err := readFile(filepath.Join(homeDir, HostFile))
	if err != nil {
		return
	}
	if host, err := ParseHost(data); err == nil {
		s.answer.Hosts[homeDir] = host
	}
}

// served are the profiles that the root gateway says it serves, or why that is not known.
func (s *server) served() (profiles []string, mute string) {
	if err := enterable(s.homeOf(rootProfile)); err != nil {
		return nil, err.Error()
	}
	data, err := readFile(s.path(rootProfile, stateFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ""
	case err != nil:
		return nil, fmt.Sprintf("%s cannot be read: %v", stateFile, safefile.Cause(err))
	}
	if profiles, err = ParseServed(data); err != nil {
		mute = err.Error()
	}
	return profiles, mute
}

// tokens are the digests of what a profile's .env gives these variables. A file that cannot be read
// for a reason that may pass tells nothing: then known is false.
func (s *server) tokens(
	profile string,
	variables []string,
	key []byte,
) (found map[string]string, known bool) {
	data, _, err := safefile.ReadOwn(s.path(profile, ".env"), MaxSettings)
	if err != nil && !tells(err) {
		return nil, false
	}
	says, found := dotenv.Parse(data), map[string]string{}
	for _, name := range variables {
		if value, set := says[name]; set {
			found[name] = tokens.Digest(key, value)
		}
	}
	return found, true
}

// inputs looks at files of a profile.
func (s *server) inputs(profile string, wanted Inputs) map[string]inputs.Look {
	looks := map[string]inputs.Look{}
	for _, name := range wanted.Files {
		looks[name] = content.Own(wanted.Key, s.path(profile, name))
	}
	return looks
}

// settings is a file of the root profile.
func (s *server) settings(name string) []byte {
	data, _, err := safefile.ReadOwn(s.path(rootProfile, name), MaxSettings)
	if err != nil {
		return nil
	}
	return data
}

// logsUsable tells why a profile's logger could not write its log. Folders that are not there are
// made when it starts.
func (s *server) logsUsable(profile string) error {
	above := s.homeOf(profile)
	for _, name := range []string{"logs", "gateways", profile} {
		dir := filepath.Join(above, name)
		if !isThere(dir) {
			return usable(above)
		}
		if err := enterable(dir); err != nil {
			return err
		}
		above = dir
	}
	if err := usable(above); err != nil {
		return err
	}
	current := filepath.Join(above, "current")
	info, err := safefile.StatOwn(current)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !isThere(current):
		return nil
	case err != nil:
		return fmt.Errorf("cannot use %q: %w", current, safefile.Cause(err))
	case !info.Mode().IsRegular():
		return fmt.Errorf("cannot use %q: it is not a regular file", current)
	}
	return allowed("write to", current, unix.W_OK)
}

// isThere counts a file that cannot be looked at as there: a fault elsewhere says why.
func isThere(path string) bool {
	_, err := safefile.LstatOwn(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// enterable tells why this user could not use what is in a folder.
func enterable(dir string) error {
	info, err := safefile.StatOwn(dir)
	if err != nil {
		return fmt.Errorf("cannot use %q: %w", dir, safefile.Cause(err))
	}
	if !info.IsDir() {
		return fmt.Errorf("cannot use %q: it is not a folder", dir)
	}
	return allowed("enter", dir, unix.X_OK)
}

// usable tells why this user could not keep files in a folder.
func usable(dir string) error {
	if err := enterable(dir); err != nil {
		return err
	}
	return allowed("write to", dir, unix.W_OK)
}

// allowed asks the kernel, which knows modes, access lists and read-only mounts, instead of
// guessing.
func allowed(verb, path string, mode uint32) error {
	if err := unix.Access(path, mode); err != nil {
		return fmt.Errorf("cannot %s %q: %w", verb, path, err)
	}
	return nil
}
