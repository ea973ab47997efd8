package kubernetes

// The parts of Kubernetes' objects that an export has, in the order in which they are written.

const kustomizeVersion = "kustomize.config.k8s.io/v1beta1"

type kustomization struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   *meta    `yaml:"metadata,omitempty"`
	Namespace  string   `yaml:"namespace,omitempty"`
	Resources  []string `yaml:"resources"`
}

type meta struct {
	Name        string            `yaml:"name,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

type serviceObject struct {
	APIVersion string      `yaml:"apiVersion"`
	Kind       string      `yaml:"kind"`
	Metadata   meta        `yaml:"metadata"`
	Spec       serviceSpec `yaml:"spec"`
}

type serviceSpec struct {
	ClusterIP string            `yaml:"clusterIP"`
	Selector  map[string]string `yaml:"selector"`
	Ports     []servicePort     `yaml:"ports,omitempty"`
}

type servicePort struct {
	Name string `yaml:"name"`
	Port int    `yaml:"port"`
}

type statefulSet struct {
	APIVersion string  `yaml:"apiVersion"`
	Kind       string  `yaml:"kind"`
	Metadata   meta    `yaml:"metadata"`
	Spec       setSpec `yaml:"spec"`
}

type setSpec struct {
	Replicas    *int      `yaml:"replicas"`
	ServiceName string    `yaml:"serviceName"`
	Management  string    `yaml:"podManagementPolicy"`
	Retention   retention `yaml:"persistentVolumeClaimRetentionPolicy"`
	Selector    selector  `yaml:"selector"`
	Template    template  `yaml:"template"`
	Claims      []claim   `yaml:"volumeClaimTemplates"`
}

type retention struct {
	Deleted string `yaml:"whenDeleted"`
	Scaled  string `yaml:"whenScaled"`
}

type selector struct {
	Labels map[string]string `yaml:"matchLabels"`
}

type template struct {
	Metadata meta    `yaml:"metadata"`
	Spec     podSpec `yaml:"spec"`
}

type podSpec struct {
	Token    bool        `yaml:"automountServiceAccountToken"`
	Links    bool        `yaml:"enableServiceLinks"`
	Grace    int64       `yaml:"terminationGracePeriodSeconds"`
	Security podSecurity `yaml:"securityContext"`

	Containers []container `yaml:"containers"`
}

type podSecurity struct {
	NonRoot bool    `yaml:"runAsNonRoot"`
	User    int64   `yaml:"runAsUser"`
	Group   int64   `yaml:"runAsGroup"`
	FSGroup int64   `yaml:"fsGroup"`
	Change  string  `yaml:"fsGroupChangePolicy"`
	Seccomp seccomp `yaml:"seccompProfile"`
}

type seccomp struct {
	Type string `yaml:"type"`
}

type container struct {
	Name       string    `yaml:"name"`
	Image      string    `yaml:"image"`
	Command    []string  `yaml:"command"`
	Args       []string  `yaml:"args,omitempty"`
	WorkingDir string    `yaml:"workingDir"`
	Env        []envVar  `yaml:"env,omitempty"`
	Ports      []podPort `yaml:"ports,omitempty"`
	Startup    *probe    `yaml:"startupProbe,omitempty"`
	Readiness  *probe    `yaml:"readinessProbe,omitempty"`
	Security   security  `yaml:"securityContext"`
	Mounts     []mount   `yaml:"volumeMounts"`
}

type envVar struct {
	Name  string  `yaml:"name"`
	Value *string `yaml:"value,omitempty"`
	From  *source `yaml:"valueFrom,omitempty"`
}

type source struct {
	Secret secretKey `yaml:"secretKeyRef"`
}

type secretKey struct {
	Name string `yaml:"name"`
	Key  string `yaml:"key"`
}

type podPort struct {
	Name string `yaml:"name"`
	Port int    `yaml:"containerPort"`
}

type probe struct {
	HTTP     httpGet `yaml:"httpGet"`
	Period   int64   `yaml:"periodSeconds"`
	Timeout  int64   `yaml:"timeoutSeconds"`
	Failures int64   `yaml:"failureThreshold"`
}

type httpGet struct {
	Path string `yaml:"path"`
	Port string `yaml:"port"`
}

type security struct {
	Escalation   bool         `yaml:"allowPrivilegeEscalation"`
	Capabilities capabilities `yaml:"capabilities"`
}

type capabilities struct {
	Drop []string `yaml:"drop"`
}

type mount struct {
	Name string `yaml:"name"`
	Path string `yaml:"mountPath"`
}

type claim struct {
	Metadata meta      `yaml:"metadata"`
	Spec     claimSpec `yaml:"spec"`
}

type claimSpec struct {
	Modes     []string `yaml:"accessModes"`
	Resources struct {
		Requests struct {
			Storage string `yaml:"storage"`
		} `yaml:"requests"`
	} `yaml:"resources"`
}
