package kubernetes

// The parts of Kubernetes' objects that an export has, in the order in which they are written.

const kustomizeVersion = "kustomize.config.k8s.io/v1beta1"

// kustomization lists the files of an export, so that kubectl apply -k takes them all.
type kustomization struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   *meta    `yaml:"metadata,omitempty"`
	Namespace  string   `yaml:"namespace,omitempty"`
	Resources  []string `yaml:"resources"`
}

// meta is what every object has. Labels say what an object belongs to; annotations keep what
// Kubernetes has no place for.
type meta struct {
	Name        string            `yaml:"name,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// serviceObject gives a pod its name in the cluster.
type serviceObject struct {
	APIVersion string      `yaml:"apiVersion"`
	Kind       string      `yaml:"kind"`
	Metadata   meta        `yaml:"metadata"`
	Spec       serviceSpec `yaml:"spec"`
}

// serviceSpec has no ClusterIP ("None"): the name leads to the one pod itself.
type serviceSpec struct {
	ClusterIP string            `yaml:"clusterIP"`
	Selector  map[string]string `yaml:"selector"`
	Ports     []servicePort     `yaml:"ports,omitempty"`
}

// servicePort is the port of a gateway; probes and others find it by name.
type servicePort struct {
	Name string `yaml:"name"`
	Port int    `yaml:"port"`
}

// statefulSet runs one gateway. It starts no second pod before the first is known to be gone, which
// a Deployment does.
type statefulSet struct {
	APIVersion string  `yaml:"apiVersion"`
	Kind       string  `yaml:"kind"`
	Metadata   meta    `yaml:"metadata"`
	Spec       setSpec `yaml:"spec"`
}

// setSpec has a pointer for replicas: 0 and nothing are not the same there.
type setSpec struct {
	Replicas    *int      `yaml:"replicas"`
	ServiceName string    `yaml:"serviceName"`
	Management  string    `yaml:"podManagementPolicy"`
	Retention   retention `yaml:"persistentVolumeClaimRetentionPolicy"`
	Selector    selector  `yaml:"selector"`
	Template    template  `yaml:"template"`
	Claims      []claim   `yaml:"volumeClaimTemplates"`
}

// retention says what becomes of a volume when its set is deleted, or has fewer pods.
type retention struct {
	Deleted string `yaml:"whenDeleted"`
	Scaled  string `yaml:"whenScaled"`
}

// selector are the labels that a set finds its pods by.
type selector struct {
	Labels map[string]string `yaml:"matchLabels"`
}

// template is the pod of a set.
type template struct {
	Metadata meta    `yaml:"metadata"`
	Spec     podSpec `yaml:"spec"`
}

// podSpec is a pod: what it may do, its containers and their grace, in seconds.
type podSpec struct {
	Token    bool        `yaml:"automountServiceAccountToken"`
	Links    bool        `yaml:"enableServiceLinks"`
	Grace    int64       `yaml:"terminationGracePeriodSeconds"`
	Security podSecurity `yaml:"securityContext"`

	Containers []container `yaml:"containers"`
}

// podSecurity is the account of a pod's processes, by numbers: a cluster knows no names of an
// image.
type podSecurity struct {
	NonRoot bool    `yaml:"runAsNonRoot"`
	User    int64   `yaml:"runAsUser"`
	Group   int64   `yaml:"runAsGroup"`
	FSGroup int64   `yaml:"fsGroup"`
	Change  string  `yaml:"fsGroupChangePolicy"`
	Seccomp seccomp `yaml:"seccompProfile"`
}

// seccomp bounds the system calls of a pod.
type seccomp struct {
	Type string `yaml:"type"`
}

// container runs the command of a gateway, without s6: Kubernetes itself starts it again.
type container struct {
	Name       string     `yaml:"name"`
	Image      string     `yaml:"image"`
	Command    []string   `yaml:"command"`
	Args       []string   `yaml:"args,omitempty"`
	WorkingDir string     `yaml:"workingDir"`
	EnvFrom    []envFrom  `yaml:"envFrom,omitempty"`
	Env        []envVar   `yaml:"env,omitempty"`
	Ports      []podPort  `yaml:"ports,omitempty"`
	Startup    *probe     `yaml:"startupProbe,omitempty"`
	Readiness  *probe     `yaml:"readinessProbe,omitempty"`
	Liveness   *probe     `yaml:"livenessProbe,omitempty"`
	Lifecycle  *lifecycle `yaml:"lifecycle,omitempty"`
	Resources  *resources `yaml:"resources,omitempty"`
	Security   security   `yaml:"securityContext"`
	Mounts     []mount    `yaml:"volumeMounts"`
}

// resources limit what a container may have in use.
type resources struct {
	Limits limits `yaml:"limits"`
}

// limits has a quantity: a number of bytes, or one with a unit.
type limits struct {
	Memory string `yaml:"memory,omitempty"`
}

// envFrom makes a variable of each value of a Secret. A later one wins, and Env wins over all.
type envFrom struct {
	Secret secretName `yaml:"secretRef"`
}

// secretName is a whole Secret, which the user makes.
type secretName struct {
	Name string `yaml:"name"`
}

// envVar has a value or a source. An empty value is one, too, so that it is a pointer.
type envVar struct {
	Name  string  `yaml:"name"`
	Value *string `yaml:"value,omitempty"`
	From  *source `yaml:"valueFrom,omitempty"`
}

// source is where a value comes from that must stand in no file.
type source struct {
	Secret secretKey `yaml:"secretKeyRef"`
}

// secretKey is one value of a Secret, which the user makes: an export never reads one.
type secretKey struct {
	Name string `yaml:"name"`
	Key  string `yaml:"key"`
}

// podPort is a port by name, which the probes use.
type podPort struct {
	Name string `yaml:"name"`
	Port int    `yaml:"containerPort"`
}

// probe asks a gateway whether it serves. Times are whole seconds, which is all that Kubernetes
// has.
type probe struct {
	HTTP     httpGet `yaml:"httpGet"`
	Period   int64   `yaml:"periodSeconds"`
	Timeout  int64   `yaml:"timeoutSeconds"`
	Failures int64   `yaml:"failureThreshold"`
}

// httpGet is the request of a probe.
type httpGet struct {
	Path string `yaml:"path"`
	Port string `yaml:"port"`
}

// lifecycle is what is run in a container before it is stopped.
type lifecycle struct {
	PreStop struct {
		Exec execution `yaml:"exec"`
	} `yaml:"preStop"`
}

// execution is a program with its arguments.
type execution struct {
	Command []string `yaml:"command"`
}

// security is what a container must not do.
type security struct {
	Escalation   bool         `yaml:"allowPrivilegeEscalation"`
	Capabilities capabilities `yaml:"capabilities"`
}

// capabilities are those of root that even root in the container does not get.
type capabilities struct {
	Drop []string `yaml:"drop"`
}

// mount is where a container sees a volume.
type mount struct {
	Name string `yaml:"name"`
	Path string `yaml:"mountPath"`
}

type claim struct {
	Metadata meta      `yaml:"metadata"`
	Spec     claimSpec `yaml:"spec"`
}

// claimSpec says how large a volume should be, and which pods may write there.
type claimSpec struct {
	Modes     []string `yaml:"accessModes"`
	Resources struct {
		Requests struct {
			Storage string `yaml:"storage"`
		} `yaml:"requests"`
	} `yaml:"resources"`
}
