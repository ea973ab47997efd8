package kubernetes

import (
	"strings"
	"unicode/utf8"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/wording"
)

const (
	prefix = "gateway-" // of all objects

	// maxName is the longest name of a StatefulSet: its pods bear a label of the name and a hash of
	// 11 characters, and a label has at most 63.
	maxName = 52

	// Bytes that Kubernetes takes in the annotations of an object.
	maxAnnotations = 256 << 10

	// maxFile in bytes: etcd takes no object of 1.5 MiB, and what others add to it needs room.
	maxFile = 1 << 20
)

// objectName is the name of a profile's objects, which have no underscores.
func objectName(profile string) string { return prefix + strings.ReplaceAll(profile, "_", "-") }

// name is that of a profile's objects, which no other may have.
func (e *exporter) name(p manifest.Profile) string {
	name := objectName(p.Name)
	other, taken := e.objects[name]
	switch {
	case len(name) > maxName:
		e.fault(p, "", "the name has %d characters (want at most %d: %s%s names objects of Kubernetes, which end at %d)",
			len(p.Name), maxName-len(prefix), prefix, "NAME", maxName)
	case strings.HasSuffix(name, "-"):
		e.fault(p, "", "the name ends in %s (want a letter or a digit there, as Kubernetes does)",
			wording.Quote(p.Name[len(p.Name)-1:]))
	case taken:
		e.fault(p, "", "%s is already the object of profile %s, %s (want names that differ by more than - and _: Kubernetes takes no _)",
			name, wording.Quote(other.Name), other.Pos)
	}
	if !taken {
		e.objects[name] = p
	}
	return name
}

// check reports what a profile says and no object can.
func (e *exporter) check(p manifest.Profile) {
	for _, v := range p.Env {
		if !utf8.ValidString(v.Value) {
			e.fault(p, "env."+v.Name, "is not UTF-8 (want text: Kubernetes takes no other bytes; or a file in secrets)")
		}
	}
	home, key := e.home(p), "home"
	if p.Home == "" {
		key = ""
	}
	if home == "/" || strings.Contains(home, ":") {
		e.fault(p, key, "HERMES_HOME %s cannot be a volume in Kubernetes (want a folder below /, without a colon)",
			wording.Quote(home))
	}
	if p.Ready != nil && strings.HasPrefix(p.Ready.HTTP, "//") {
		e.fault(p, "ready.http", "starts with // (want a single /: a probe of Kubernetes takes the rest for a host)")
	}
	if p.Alive != nil && strings.HasPrefix(p.Alive.HTTP, "//") {
		e.fault(p, "alive.http", "starts with // (want a single /: a probe of Kubernetes takes the rest for a host)")
	}
	e.checkWords(p)
}

// checkWords looks at what `env -u` would take for its own.
func (e *exporter) checkWords(p manifest.Profile) {
	key, first := "command", p.Command[0]
	if len(p.Wrapper) > 0 {
		key, first = "wrapper", p.Wrapper[0]
	}
	if len(p.Unset) > 0 && (strings.Contains(first, "=") || strings.HasPrefix(first, "-")) {
		e.fault(p, key, "%s cannot be told from an argument of env (want another program, or no unset: "+
			"in Kubernetes env -u drops variables)", wording.Quote(first))
	}
}

// checkSizes reports what is too large to be stored.
func (e *exporter) checkSizes(p manifest.Profile, lost string, text []byte) {
	if len(lost) > maxAnnotations-1<<10 {
		e.fault(p, "", "the keys that Kubernetes has no place for have %d bytes (want at most %d: it becomes an annotation)",
			len(lost), maxAnnotations-1<<10)
	}
	if len(text) > maxFile {
		e.fault(p, "", "its objects have %d bytes (want at most %d: Kubernetes stores no larger ones)",
			len(text), maxFile)
	}
}
