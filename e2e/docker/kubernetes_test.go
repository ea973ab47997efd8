//go:build docker

package docker

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// pod is what matters of examples/kubernetes/statefulset.yaml to a container. The whole of it is
// checked in e2e/kubernetes.
type pod struct {
	init, main podContainer
}

type podContainer struct {
	Command         []string `yaml:"command"`
	SecurityContext struct {
		RunAsUser    int  `yaml:"runAsUser"`
		ReadOnly     bool `yaml:"readOnlyRootFilesystem"`
		Escalation   bool `yaml:"allowPrivilegeEscalation"`
		Capabilities struct{ Drop, Add []string }
	} `yaml:"securityContext"`
	Env   []struct{ Name, Value string }
	Ready struct {
		Exec struct{ Command []string }
	} `yaml:"readinessProbe"`
	Mounts []struct {
		Name      string `yaml:"name"`
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

func examplePod(t *testing.T) pod {
	t.Helper()
	data, err := os.ReadFile("../../examples/kubernetes/statefulset.yaml")
	require.NoError(t, err)
	var set struct {
		Spec struct {
			Template struct {
				Spec struct {
					InitContainers []podContainer `yaml:"initContainers"`
					Containers     []podContainer `yaml:"containers"`
				} `yaml:"spec"`
			} `yaml:"template"`
		} `yaml:"spec"`
	}
	require.NoError(t, yaml.Unmarshal(data, &set))
	spec := set.Spec.Template.Spec
	require.Len(t, spec.InitContainers, 1)
	require.Len(t, spec.Containers, 1)
	return pod{spec.InitContainers[0], spec.Containers[0]}
}

// flags are those of `docker create` that say the same.
func (p podContainer) flags(volumes map[string]string) []string {
	args := []string{"--user", fmt.Sprint(p.SecurityContext.RunAsUser), "--network", "none"}
	if p.SecurityContext.ReadOnly {
		args = append(args, "--read-only")
	}
	if !p.SecurityContext.Escalation {
		args = append(args, "--security-opt", "no-new-privileges")
	}
	for _, name := range p.SecurityContext.Capabilities.Drop {
		args = append(args, "--cap-drop", name)
	}
	for _, name := range p.SecurityContext.Capabilities.Add {
		args = append(args, "--cap-add", name)
	}
	for _, v := range p.Env {
		args = append(args, "--env", v.Name+"="+v.Value)
	}
	for _, m := range p.Mounts {
		mount := volumes[m.Name] + ":" + m.MountPath
		if m.ReadOnly {
			mount += ":ro"
		}
		args = append(args, "--volume", mount)
	}
	return args
}

// kubelet makes the volumes of a pod: what is empty is open to all, and a ConfigMap or a Secret is
// a folder of links, which an edit swaps at once.
type kubelet struct {
	t       *testing.T
	volumes map[string]string
}

func newKubelet(t *testing.T, names ...string) kubelet {
	t.Helper()
	k := kubelet{t, map[string]string{}}
	for _, name := range names {
		volume := newName() + "-" + name
		t.Cleanup(func() {
			if _, err := docker("volume", "rm", "--force", volume); err != nil {
				t.Errorf("%v", err)
			}
		})
		_, err := docker("volume", "create", volume)
		require.NoError(t, err)
		k.volumes[name] = volume
	}
	return k
}

func (k kubelet) sh(volume, script string, args ...string) {
	k.t.Helper()
	all := []string{"run", "--rm", "--network", "none", "--volume", k.volumes[volume] + ":/volume", "--workdir", "/volume",
		"--entrypoint", "/bin/busybox", systemImage, "sh", "-euc", script, "sh"}
	_, err := docker(append(all, args...)...)
	require.NoError(k.t, err)
}

// write gives a ConfigMap or a Secret that content.
func (k kubelet) write(volume, mode, version string, files map[string]string) {
	k.t.Helper()
	args := []string{version, mode}
	for name, text := range files {
		args = append(args, name, text)
	}
	k.sh(volume, `version=..$1 mode=$2; shift 2; chmod 1777 .; mkdir "$version"
		while [ $# -gt 0 ]; do
			printf %s "$2" >"$version/$1"; chmod "$mode" "$version/$1"; ln -sf "..data/$1" "$1"; shift 2
		done
		ln -s "$version" ..data_tmp; mv -T ..data_tmp ..data`, args...)
}

// TestKubernetesExample: the pod of examples/kubernetes, by Docker, with its rights, volumes and
// limits: it gets ready, follows its ConfigMap without a new pod, and drains.
func TestKubernetesExample(t *testing.T) {
	t.Parallel()
	p := examplePod(t)
	manifest, err := os.ReadFile("../../examples/kubernetes/profiles.yaml")
	require.NoError(t, err)
	k := newKubelet(t, "run", "tmp", "data", "manifest", "secrets")
	for _, empty := range []string{"run", "tmp"} {
		k.sh(empty, "chmod 777 .")
	}
	k.write("manifest", "644", "1", map[string]string{"profiles.yaml": string(manifest)})
	k.write("secrets", "400", "1", map[string]string{"default_api_key": "key of default", "coder_api_key": "key of coder"})

	run := append([]string{"run", "--rm", "--entrypoint", p.init.Command[0]}, p.init.flags(k.volumes)...)
	_, err = docker(append(append(run, image), p.init.Command[1:]...)...)
	require.NoError(t, err)

	c := &container{t: t, name: newName()}
	t.Cleanup(c.end)
	_, err = docker(append(append([]string{"create", "--name", c.name}, p.main.flags(k.volumes)...), image)...)
	require.NoError(t, err)
	c.start()
	eventually(t, func() bool { return c.exec(p.main.Ready.Exec.Command...).code == 0 }, "the pod is ready")
	c.answers("coder", 9201)
	c.answers("default", 8642)
	require.Contains(t, c.started("coder", 1).Env, "API_SERVER_KEY=key of coder")
	r := c.exec("hermes-reconcile", "doctor")
	require.Equal(t, 0, r.code, "%v", r)
	require.NotContains(t, r.stdout, "everybody", "%v", r) // could change a path that root follows

	edited := strings.Replace(string(manifest), "{port: 9201}", "{port: 9201, env: {TONE: warm}}", 1)
	require.NotEqual(t, string(manifest), edited)
	k.write("manifest", "644", "2", map[string]string{"profiles.yaml": edited})
	require.Contains(t, c.started("coder", 2).Env, "TONE=warm")
	require.Len(t, c.starts("default"), 1, "it was not concerned")

	c.stop()
	require.Equal(t, 0, c.exitCode())
	require.Len(t, c.stops("default"), 2, "it has drained")
}
