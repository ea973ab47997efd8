package kubernetes

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"hermes-reconcile/manifest"
)

// notes are what means less in Kubernetes, once for all profiles.
func (e *exporter) notes() []string {
	if len(e.manifest.Profiles) == 0 {
		return nil
	}
	all := []string{"backoff, log, restart and exit code 78 have no effect in Kubernetes: the kubelet restarts whatever ends, " +
		"pauses up to 5 minutes, and keeps what a container prints"}
	if e.manifest.Start.Parallel > 0 {
		all = append(all, "start has no effect in Kubernetes: all pods start at once")
	}
	if names := e.having(func(p manifest.Profile) bool { return p.State == manifest.StateLast }); names != "" {
		all = append(all, "state: last becomes up: "+names)
	}
	if names := e.having(func(p manifest.Profile) bool { return p.Ready != nil }); names != "" {
		all = append(all, "ready.timeout has no effect in Kubernetes, which does not tell a late gateway from one that starts: "+names)
	}
	if names := e.having(func(p manifest.Profile) bool { return p.Drain != nil }); names != "" {
		all = append(all, "drain needs the programs sh and sleep in the image, and asks the first process of the container, "+
			"so a wrapper has to pass the signal on: "+names)
	}
	if names := e.having(func(p manifest.Profile) bool { return p.Memory.RestartAbove > 0 }); names != "" {
		all = append(all, "memory becomes a limit of Kubernetes, which kills at once what goes over it: "+names)
	}
	if names := e.having(func(p manifest.Profile) bool { return len(p.RestartOn) > 0 }); names != "" {
		all = append(all, "restart_on has no effect in Kubernetes: a changed Secret counts when its pod is replaced: "+names)
	}
	if names := e.having(func(p manifest.Profile) bool {
		return p.Alive != nil && p.Alive.Action == manifest.AliveReport
	}); names != "" {
		all = append(all, "alive with action: report has no effect in Kubernetes, which would restart: "+names)
	}
	if names := e.having(func(p manifest.Profile) bool { return len(p.Secrets) > 0 }); names != "" {
		all = append(all, "a Secret keeps the newline at the end of a file, which hermes-reconcile drops: "+names)
	}
	if names := e.having(func(p manifest.Profile) bool { return len(p.EnvFiles) > 0 }); names != "" {
		all = append(all, "kubectl reads env_file without quotes: what stands in them becomes part of a value: "+names)
	}
	if names := e.having(func(p manifest.Profile) bool { return len(p.Unset) > 0 }); names != "" {
		all = append(all, "unset needs the program env in the image: "+names)
	}
	return all
}

// having names the profiles of a kind: the first few, and how many more there are.
func (e *exporter) having(is func(manifest.Profile) bool) string {
	const most = 5
	var names []string
	for _, p := range e.manifest.Profiles {
		if is(p) {
			names = append(names, p.Name)
		}
	}
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

// comments are what a person has to do for a profile.
func (e *exporter) comments(p manifest.Profile, name string) []string {
	all := []string{fmt.Sprintf("Profile %s.", p.Name)}
	if len(p.Secrets) > 0 {
		all = append(all, "First, where its secrets are (a newline at the end of a file stays, so let there be none):",
			"  "+createSecret(p, name, e.options.Namespace))
	}
	for i, path := range p.EnvFiles {
		all = append(all, "First, its variables of env_file:",
			"  "+e.createFrom(envFileSecret(name, i), "--from-env-file="+path))
	}
	if p.SecretsDir != "" {
		all = append(all, "First, its variables of secrets_dir:",
			"  "+e.createFrom(name+secretsDirSuffix, "--from-file="+p.SecretsDir))
	}
	home, state := e.home(p), p.StateDir()
	return append(all, fmt.Sprintf("Its files: %s of its former HERMES_HOME becomes %s of the volume %s-%s-0.",
		state, path.Join(home, state), homeVolume, name))
}

// createSecret is the command that stores a profile's secrets. Their content is never read here.
func createSecret(p manifest.Profile, name, namespace string) string {
	words := create(name, namespace)
	for _, s := range p.Secrets {
		words = append(words, quote("--from-file="+s.Name+"="+s.File))
	}
	return strings.Join(words, " ")
}

// create begins the command that stores a Secret.
func create(name, namespace string) []string {
	words := []string{"kubectl", "create", "secret", "generic", name}
	if namespace != "" {
		words = slices.Insert(words, 1, "-n", namespace)
	}
	return words
}

// createFrom is the command that stores a file or a folder of variables as a Secret.
func (e *exporter) createFrom(name, from string) string {
	return strings.Join(append(create(name, e.options.Namespace), quote(from)), " ")
}

// quote is a word for a shell.
func quote(word string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_=/.", c)
	}
	if !strings.ContainsFunc(word, func(c rune) bool { return !plain(c) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
