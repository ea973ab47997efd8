package kubernetes

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"hermes-reconcile/manifest"
)

const (
	containerName = "gateway"
	portName      = "http"
	homeVolume    = "home"

	homeVariable     = "HERMES_HOME"
	userHomeVariable = "HOME"
	// Of hermes's API server, which else takes only its own pod's requests.
	hostVariable = "API_SERVER_HOST"
	anyHost      = "0.0.0.0"

	// setAnnotation lists the variables that are in no `env` of the manifest.
	setAnnotation = "hermes-reconcile/set"
)

// labels are what a StatefulSet finds its pod by. They can never be changed.
func labels(name string) map[string]string {
	return map[string]string{"app.kubernetes.io/name": "hermes-gateway", "app.kubernetes.io/instance": name}
}

// service gives a pod its name in the cluster. It has no address of its own: there is one pod.
func service(p manifest.Profile, name string) serviceObject {
	s := serviceObject{
		APIVersion: "v1", Kind: "Service", Metadata: meta{Name: name, Labels: labels(name)},
		Spec: serviceSpec{ClusterIP: "None", Selector: labels(name)},
	}
	if p.Port != 0 {
		s.Spec.Ports = []servicePort{{portName, p.Port}}
	}
	return s
}

// statefulSet runs at most one pod at a time: the name of the pod is the lock. A Deployment starts
// the next pod while one that was deleted still drains. Parallel lets a fixed template replace a
// pod that never became ready; it is one pod, so there is no order to lose.
func (e *exporter) statefulSet(p manifest.Profile, name string, user Account, lost string) statefulSet {
	home := e.home(p)
	env, set := e.env(p, name, home)
	annotations := map[string]string{manifestAnnotation: lost}
	if len(set) > 0 {
		annotations[setAnnotation] = strings.Join(set, ",")
	}
	c := container{
		Name: containerName, Image: e.options.Image, WorkingDir: home,
		EnvFrom: envFroms(p, name), Env: env,
		Security: security{Capabilities: capabilities{[]string{"ALL"}}},
		Mounts:   []mount{{homeVolume, home}},
	}
	c.Command, c.Args = words(p)
	if p.Port != 0 {
		c.Ports = []podPort{{portName, p.Port}}
	}
	c.Startup, c.Readiness = probes(p.Ready)
	if most := p.Memory.RestartAbove; most > 0 {
		c.Resources = &resources{limits{strconv.FormatInt(most, 10)}}
	}
	c.Lifecycle = drainHook(p.Drain)
	if live, startup := liveness(p.Alive); live != nil {
		c.Liveness = live
		if c.Startup == nil {
			c.Startup = startup
		}
	}
	return statefulSet{
		APIVersion: "apps/v1", Kind: "StatefulSet",
		Metadata: meta{Name: name, Labels: labels(name), Annotations: annotations},
		Spec: setSpec{
			Replicas: new(replicas(p.State)), ServiceName: name, Management: "Parallel",
			Retention: retention{"Retain", "Retain"}, Selector: selector{labels(name)},
			Template: template{meta{Labels: labels(name)}, podSpec{
				Grace: grace(p), Security: podSecurityOf(user), Containers: []container{c},
			}},
			Claims: []claim{e.claim()},
		},
	}
}

// replicas is 0 for a gateway that should be down, and never more than 1: two gateways of one
// profile must not run.
func replicas(s manifest.State) int {
	if s == manifest.StateDown {
		return 0
	}
	return 1
}

// podSecurityOf is what the strictest of the Pod Security Standards asks for, `restricted`.
func podSecurityOf(user Account) podSecurity {
	return podSecurity{
		NonRoot: true, User: user.UID, Group: user.GID, FSGroup: user.GID,
		Change: "OnRootMismatch", Seccomp: seccomp{"RuntimeDefault"},
	}
}

// claim is for a volume that one pod of the whole cluster can have at a time.
func (e *exporter) claim() claim {
	c := claim{Metadata: meta{Name: homeVolume}, Spec: claimSpec{Modes: []string{"ReadWriteOncePod"}}}
	c.Spec.Resources.Requests.Storage = e.options.Storage
	return c
}

// home is HERMES_HOME of a profile's pod.
func (e *exporter) home(p manifest.Profile) string {
	if p.Home != "" {
		return p.Home
	}
	return e.manifest.HermesHome
}

// env are the variables of the container, and which of them the manifest does not name.
func (e *exporter) env(p manifest.Profile, name, home string) (env []envVar, set []string) {
	add := func(variable, value string) {
		env = append(env, envVar{Name: variable, Value: new(escape(value))})
	}
	extra := func(variable, value string) {
		if !p.Says(variable) {
			add(variable, value)
			set = append(set, variable)
		}
	}
	port, told := p.PortVariable()
	for _, v := range []manifest.EnvVar{{Name: homeVariable, Value: home}, {Name: userHomeVariable, Value: home}} {
		if !told || port.Name != v.Name {
			extra(v.Name, v.Value)
		}
	}
	if p.Port != 0 && (!told || port.Name != hostVariable) {
		extra(hostVariable, anyHost)
	}
	if told {
		extra(port.Name, port.Value)
	}
	for _, v := range p.Env {
		add(v.Name, v.Value)
	}
	for _, s := range p.Secrets {
		env = append(env, envVar{Name: s.Name, From: &source{secretKey{name, s.Name}}})
	}
	return env, set
}

// envFroms are the Secrets of a profile whose values are variables by their own names.
func envFroms(p manifest.Profile, name string) (all []envFrom) {
	for i := range p.EnvFiles {
		all = append(all, envFrom{secretName{envFileSecret(name, i)}})
	}
	if p.SecretsDir != "" {
		all = append(all, envFrom{secretName{name + secretsDirSuffix}})
	}
	return all
}

// secretsDirSuffix ends the name of the Secret that a folder of variables becomes. No profile has a
// dot in its name, so it is the name of no other Secret.
const secretsDirSuffix = ".dir"

// envFileSecret is the name of the Secret that a .env file becomes, the first of a profile being 0.
func envFileSecret(name string, i int) string { return fmt.Sprintf("%s.env-%d", name, i+1) }

// words are the command and the arguments of the container: a wrapper and what it wraps, or all of
// it. Nothing can take a variable of the image away but a program in the container.
func words(p manifest.Profile) (command, args []string) {
	command, args = p.Wrapper, p.Command
	if len(command) == 0 {
		command, args = args, nil
	}
	return escapeAll(append(dropping(p.Unset), command...)), escapeAll(args)
}

// dropping is the start of a command that drops variables.
func dropping(unset []string) []string {
	if len(unset) == 0 {
		return nil
	}
	argv := []string{"env"}
	for _, name := range unset {
		argv = append(argv, "-u", name)
	}
	return argv
}

// What probes do beyond what the manifest says.
const (
	probePatience   = 5  // s for an answer, as hermes-reconcile probe has it
	readinessPeriod = 10 // s, once the gateway has served
	readinessMisses = 3
)

// probes ask until the gateway serves, and then whether it still does. A gateway that is late is
// asked on and not killed: the first probe never gives up.
func probes(r *manifest.Ready) (startup, readiness *probe) {
	if r == nil {
		return nil, nil
	}
	ask := httpGet{r.HTTP, portName}
	return &probe{ask, seconds(r.Interval), probePatience, math.MaxInt32},
		&probe{ask, readinessPeriod, probePatience, readinessMisses}
}

// liveness is the probe that restarts a gateway, and the startup probe that it waits for: a gateway
// that starts is left alone. The kubelet can restart, and not only report.
func liveness(a *manifest.Alive) (live, startup *probe) {
	if a == nil || a.Action != manifest.AliveRestart {
		return nil, nil
	}
	ask := httpGet{a.HTTP, portName}
	return &probe{ask, seconds(a.Interval), probePatience, int64(a.Failures)},
		&probe{ask, seconds(a.Interval), probePatience, math.MaxInt32}
}

// seconds rounds up: Kubernetes knows whole seconds, and no time may become shorter.
func seconds(d time.Duration) int64 {
	return int64((d + time.Second - 1) / time.Second)
}

// escape says a text so that the kubelet puts no variable into it.
func escape(text string) string { return strings.ReplaceAll(text, "$", "$$") }

// escapeAll keeps Kubernetes from filling in $(NAME) in texts that mean it as it is.
func escapeAll(texts []string) []string {
	out := slices.Clone(texts)
	for i := range out {
		out[i] = escape(out[i])
	}
	return out
}

// unescape is what the kubelet makes of a text. It is false where the kubelet puts a variable into
// it, which no manifest can say.
func unescape(text string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		b.WriteByte(text[i])
		if text[i] != '$' || i+1 == len(text) {
			continue
		}
		switch {
		case text[i+1] == '$':
			i++
		case text[i+1] == '(' && strings.ContainsRune(text[i+1:], ')'):
			return "", false
		}
	}
	return b.String(), true
}
