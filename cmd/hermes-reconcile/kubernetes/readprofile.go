package kubernetes

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/names"
)

// kubernetesGrace is terminationGracePeriodSeconds where an object does not say it.
const kubernetesGrace = 30

// profile is what an object says of a profile; base is what it has no place for. Where a key is in
// both, that of base counts as long as it would become the same object.
func (r *importer) profile(base manifest.Profile, o *statefulSet) (manifest.Profile, error) {
	p, pod := base, o.Spec.Template.Spec
	c := pod.Containers[0]
	p.Port = portOf(c)
	if p.State = stateOf(o.Spec.Replicas, base.State); o.Spec.Replicas != nil && *o.Spec.Replicas > 1 {
		r.note(p.Name, "it has %d replicas: a profile has one gateway", *o.Spec.Replicas)
	}
	p.Drain = readDrain(c.Lifecycle, base.Drain)
	p.StopTimeout = stopOf(pod.Grace, p)
	home := r.Manifest.HermesHome
	for _, m := range c.Mounts {
		if m.Name == homeVolume {
			home = m.Path
		}
	}
	if home != r.Manifest.HermesHome {
		p.Home = home
	} else if base.Home != home {
		p.Home = ""
	}
	p.Ready = readyOf(c, base.Ready, p.Port)
	p.Alive = aliveOf(c, base.Alive, p.Port)
	p.Memory = r.memoryOf(p.Name, c)
	if err := r.words(&p, c); err != nil {
		return p, err
	}
	r.env(&p, c, o.Metadata.Annotations[setAnnotation], home)
	r.envFrom(&p, c, o.Metadata.Name)
	return p, nil
}

// envFrom keeps the files of variables whose Secrets the object still has. Of others no file is
// known.
func (r *importer) envFrom(p *manifest.Profile, c container, name string) {
	has := map[string]bool{}
	for _, from := range c.EnvFrom {
		has[from.Secret.Name] = true
	}
	files, dir := p.EnvFiles, p.SecretsDir
	p.EnvFiles, p.SecretsDir = nil, ""
	for i, path := range files {
		if secret := envFileSecret(name, i); has[secret] {
			p.EnvFiles = append(p.EnvFiles, path)
			delete(has, secret)
		}
	}
	if secret := name + secretsDirSuffix; dir != "" && has[secret] {
		p.SecretsDir = dir
		delete(has, secret)
	}
	for _, secret := range slices.Sorted(maps.Keys(has)) {
		r.note(p.Name, "the variables of Secret %s are left out: put them into a file of env_file", secret)
	}
}

// stopOf is how long a gateway of an object may take from SIGTERM on. p has what it may take before
// that, and how long that was where the object does not say another time.
func stopOf(wait int64, p manifest.Profile) time.Duration {
	if wait == 0 {
		wait = kubernetesGrace
	}
	if wait == grace(p) {
		return p.StopTimeout
	}
	if p.Drain != nil {
		wait = max(wait-seconds(p.Drain.Timeout), 1)
	}
	return time.Duration(wait) * time.Second
}

// portOf prefers the port that an export has named; of objects made by others the first one counts.
func portOf(c container) int {
	for _, port := range c.Ports {
		if port.Name == portName {
			return port.Port
		}
	}
	if len(c.Ports) > 0 {
		return c.Ports[0].Port
	}
	return 0
}

// stateOf is down without replicas. A state of last is known from the annotation alone: the object
// has no word for it.
func stateOf(replicas *int, base manifest.State) manifest.State {
	switch {
	case replicas != nil && *replicas == 0:
		return manifest.StateDown
	case base == manifest.StateLast:
		return base
	}
	return manifest.StateUp
}

// readyOf reads the probes.
func readyOf(c container, base *manifest.Ready, port int) *manifest.Ready {
	asked := c.Startup
	if c.Readiness == nil && c.Liveness != nil { // it is there for that one alone
		asked = nil
	}
	if asked == nil {
		asked = c.Readiness
	}
	if asked == nil || asked.HTTP.Path == "" || port == 0 {
		return nil
	}
	r := manifest.Ready{HTTP: asked.HTTP.Path, Interval: time.Second, Timeout: time.Minute}
	if base != nil {
		r.Interval, r.Timeout = base.Interval, base.Timeout
	}
	if asked.Period > 0 && seconds(r.Interval) != asked.Period {
		r.Interval = time.Duration(asked.Period) * time.Second
	}
	return &r
}

// aliveOf reads the probe for liveness. An object has no word for one that is only reported.
func aliveOf(c container, base *manifest.Alive, port int) *manifest.Alive {
	asked := c.Liveness
	switch {
	case port == 0:
		return nil
	case asked == nil && base != nil && base.Action == manifest.AliveReport:
		return base
	case asked == nil || asked.HTTP.Path == "":
		return nil
	}
	const usualPeriod, usualFailures = 10, 3 // those of Kubernetes
	a := manifest.Alive{HTTP: asked.HTTP.Path, Action: manifest.AliveRestart}
	a.Interval = time.Duration(cmp.Or(asked.Period, usualPeriod)) * time.Second
	a.Failures = int(cmp.Or(asked.Failures, usualFailures))
	return &a
}

// memoryUnits are those of a quantity that are whole numbers of bytes.
var memoryUnits = []struct {
	name  string
	bytes int64
}{
	{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"", 1},
}

// memoryOf reads the limit of memory.
func (r *importer) memoryOf(profile string, c container) manifest.Memory {
	if c.Resources == nil || c.Resources.Limits.Memory == "" {
		return manifest.Memory{}
	}
	text := c.Resources.Limits.Memory
	for _, unit := range memoryUnits {
		number, found := strings.CutSuffix(text, unit.name)
		n, err := strconv.ParseInt(number, 10, 64)
		if found && err == nil && n >= manifest.LeastMemory/unit.bytes && n <= manifest.MostMemory/unit.bytes {
			return manifest.Memory{RestartAbove: n * unit.bytes}
		}
	}
	r.note(profile, "its limit of memory, %s, is left out: memory.restart_above takes 1 MB to 1 PiB, in whole bytes", text)
	return manifest.Memory{}
}

// words reads the command.
func (r *importer) words(p *manifest.Profile, c container) error {
	command, ok := unescapeAll(c.Command)
	args, ok2 := unescapeAll(c.Args)
	if !ok || !ok2 {
		r.note(p.Name, "its command has variables that Kubernetes fills in: they stand there as they are")
		command, args = c.Command, c.Args
	}
	drop := dropping(p.Unset)
	if len(command) > len(drop) && slices.Equal(command[:len(drop)], drop) {
		command = command[len(drop):]
	} else {
		p.Unset = nil
	}
	if p.Wrapper, p.Command = command, args; len(args) == 0 {
		p.Wrapper, p.Command = nil, command
	}
	if len(p.Command) == 0 || len(command) == 0 {
		return fmt.Errorf("gateway of %q has no command (want one: that of its image is not known here)", p.Name)
	}
	return nil
}

// unescapeAll is false where a text has something for Kubernetes to fill in: a manifest cannot say
// that.
func unescapeAll(texts []string) ([]string, bool) {
	out, all := make([]string, len(texts)), true
	for i, text := range texts {
		one, ok := unescape(text)
		out[i], all = one, all && ok
	}
	return out, all
}

// env reads the variables. Those of the annotation are not the manifest's, unless a user has
// changed them.
func (r *importer) env(p *manifest.Profile, c container, set, home string) {
	files := map[string]string{}
	for _, s := range p.Secrets {
		files[s.Name] = s.File
	}
	p.Env, p.Secrets = nil, nil
	extra := map[string]string{}
	for _, name := range strings.Split(set, ",") {
		extra[name] = map[string]string{
			homeVariable: home, userHomeVariable: home, hostVariable: anyHost,
			p.PortEnv: strconv.Itoa(p.Port),
		}[name]
	}
	for _, v := range c.Env {
		reason := names.VariableFault(v.Name)
		if _, ours := extra[v.Name]; reason != "" && ours && v.Value != nil && *v.Value == escape(home) {
			continue
		}
		switch {
		case reason != "":
			r.note(p.Name, "variable %s is left out: it %s", v.Name, reason)
		case v.From != nil && v.From.Secret.Key != "":
			p.Secrets = append(p.Secrets, r.secret(p.Name, v, files[v.Name]))
		case v.From != nil:
			r.note(p.Name, "variable %s is left out: Kubernetes fills it in", v.Name)
		default:
			r.variable(p, v, extra)
		}
	}
	slices.SortStableFunc(p.Env, func(a, b manifest.EnvVar) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(p.Secrets, func(a, b manifest.Secret) int { return strings.Compare(a.Name, b.Name) })
	// A user has given it a value since.
	p.Unset = slices.DeleteFunc(p.Unset, func(name string) bool {
		return slices.ContainsFunc(c.Env, func(v envVar) bool { return v.Name == name })
	})
}

// variable takes in a variable of a container. What the object has only because Kubernetes needs it
// is left out: the manifest does not say it.
func (r *importer) variable(p *manifest.Profile, v envVar, extra map[string]string) {
	value := ""
	if v.Value != nil {
		value = *v.Value
	}
	text, ok := unescape(value)
	if !ok {
		r.note(p.Name, "variable %s has variables that Kubernetes fills in: they stand there as they are", v.Name)
		text = value
	}
	if usual, found := extra[v.Name]; !found || text != usual {
		p.Env = append(p.Env, manifest.EnvVar{Name: v.Name, Value: text})
	}
}

// secret reads a variable that comes from a Secret. The annotation says which file it was.
func (r *importer) secret(profile string, v envVar, file string) manifest.Secret {
	if file == "" {
		file = "/run/secrets/" + v.From.Secret.Name + "/" + v.From.Secret.Key
		r.note(profile, "variable %s is that of a Secret: put it into %s", v.Name, file)
	}
	return manifest.Secret{Name: v.Name, File: file}
}

// differences are the places where two documents differ, and where only one has something.
func differences(at string, was, is any) []string {
	a, mapA := was.(map[string]any)
	b, mapB := is.(map[string]any)
	if mapA && mapB {
		var all []string
		both := maps.Clone(a)
		maps.Copy(both, b)
		for _, key := range slices.Sorted(maps.Keys(both)) {
			all = append(all, differences(at+"."+key, a[key], b[key])...)
		}
		return all
	}
	if x, ok := was.([]any); ok {
		if y, ok := is.([]any); ok && len(x) == len(y) {
			var all []string
			for i := range x {
				all = append(all, differences(fmt.Sprintf("%s[%d]", at, i), x[i], y[i])...)
			}
			return all
		}
	}
	if reflect.DeepEqual(was, is) {
		return nil
	}
	return []string{at}
}
