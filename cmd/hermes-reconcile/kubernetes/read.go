package kubernetes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/names"
	"hermes-reconcile/manifest/wording"
)

// Imported is what objects say of a manifest. Its profiles may have ports in common: in Kubernetes
// each has its own network.
type Imported struct {
	Manifest *manifest.Manifest
	Notes    map[string][]string // by profile: what is not carried over
	LeftOut  []string            // objects that are no gateway
}

// Import reads the files of an export back, as they are by now. The error names the first file that
// cannot be understood. What an object says beyond a manifest is in Notes.
func Import(files []File) (Imported, error) {
	m, err := builtinDocument()
	if err != nil {
		return Imported{}, err
	}
	r := &importer{Imported{Manifest: m, Notes: map[string][]string{}}, map[string]string{}}
	files, err = r.kustomization(files)
	if err != nil {
		return Imported{}, err
	}
	for _, f := range files {
		if err := r.file(f); err != nil {
			return Imported{}, fmt.Errorf("cannot read %q: %w", f.Name, err)
		}
	}
	slices.SortFunc(r.Manifest.Profiles,
		func(a, b manifest.Profile) int { return strings.Compare(a.Name, b.Name) })
	return r.Imported, nil
}

// importer collects what objects say. Files are kept for errors: two of them may name one profile.
type importer struct {
	Imported

	files map[string]string // profile to the file that it is in
}

// kustomization reads what the manifest says around its profiles, and gives the files that count:
// those that kustomize names, or all where there is no kustomization.
func (r *importer) kustomization(files []File) ([]File, error) {
	at := slices.IndexFunc(files, func(f File) bool { return f.Name == Kustomization })
	if at < 0 {
		return files, nil
	}
	var k kustomization
	if err := yaml.Unmarshal(files[at].Data, &k); err != nil {
		return nil, fmt.Errorf("cannot read %q: %w", Kustomization, err)
	}
	if k.Metadata != nil && k.Metadata.Annotations[manifestAnnotation] != "" {
		m, err := parseLost(Kustomization, k.Metadata.Annotations[manifestAnnotation])
		if err != nil {
			return nil, err
		}
		m.Profiles = nil
		r.Manifest = m
	}
	var named []File
	for _, name := range k.Resources {
		at := slices.IndexFunc(files, func(f File) bool { return f.Name == path.Clean(name) })
		if at < 0 {
			r.LeftOut = append(r.LeftOut, fmt.Sprintf("%s: %s is not a file of the folder", Kustomization, wording.Quote(name)))
			continue
		}
		named = append(named, files[at])
	}
	return named, nil
}

// file reads the objects of a file.
func (r *importer) file(f File) error {
	d := yaml.NewDecoder(bytes.NewReader(f.Data))
	for {
		var n yaml.Node
		if err := d.Decode(&n); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := r.object(f.Name, &n); err != nil {
			return err
		}
	}
}

// object takes in one object. What is no StatefulSet is left out, and that is said.
func (r *importer) object(file string, n *yaml.Node) error {
	var o statefulSet
	if err := n.Decode(&o); err != nil {
		var kind struct {
			Kind string `yaml:"kind"`
		}
		if n.Decode(&kind) == nil && kind.Kind != "StatefulSet" {
			r.leaveOut(file, kind.Kind, "")
			return nil
		}
		return err
	}
	name, ours := strings.CutPrefix(o.Metadata.Name, prefix)
	switch {
	case o.Kind == "Service" && ours: // follows from the StatefulSet
		return nil
	case o.Kind != "StatefulSet" || !ours:
		r.leaveOut(file, o.Kind, o.Metadata.Name)
		return nil
	}
	return r.statefulSet(file, name, &o, n)
}

// leaveOut notes an object that becomes no profile, so that its user does not look for it.
func (r *importer) leaveOut(file, kind, name string) {
	r.LeftOut = append(r.LeftOut, fmt.Sprintf("%s: %s %s is left out: it is not a gateway", file,
		wording.Quote(kind), wording.Quote(name)))
}

// statefulSet takes a profile in.
func (r *importer) statefulSet(file, name string, o *statefulSet, n *yaml.Node) error {
	if len(o.Spec.Template.Spec.Containers) != 1 {
		return fmt.Errorf("%s has %d containers (want the gateway's alone)", o.Metadata.Name,
			len(o.Spec.Template.Spec.Containers))
	}
	base, err := r.base(file, name, o)
	if err != nil {
		return err
	}
	if reason := names.ProfileFault(base.Name); reason != "" {
		return fmt.Errorf("%s names no profile: %s", o.Metadata.Name, reason)
	}
	if other, taken := r.files[base.Name]; taken {
		return fmt.Errorf("profile %s is in %s, too", wording.Quote(base.Name), wording.Quote(other))
	}
	r.files[base.Name] = file
	p, err := r.profile(base, o)
	if err != nil {
		return err
	}
	r.Manifest.Profiles = append(r.Manifest.Profiles, p)
	return r.compare(p, o, n)
}

// base is what the annotation says of a profile, under the name that the object has by now.
func (r *importer) base(file, name string, o *statefulSet) (manifest.Profile, error) {
	text := o.Metadata.Annotations[manifestAnnotation]
	if text == "" {
		r.note(name, "%s has no annotation %s: keys that Kubernetes has no place for have their defaults",
			o.Metadata.Name, manifestAnnotation)
		return manifest.Builtin(name, 0), nil
	}
	m, err := parseLost(file, text)
	if err != nil {
		return manifest.Profile{}, err
	}
	if len(m.Profiles) != 1 {
		return manifest.Profile{}, fmt.Errorf("annotation %s has %d profiles (want one)", manifestAnnotation, len(m.Profiles))
	}
	p := m.Profiles[0]
	if objectName(p.Name) != o.Metadata.Name {
		p.Name = name
	}
	return p, nil
}

// note is for the comments above a profile in the draft.
func (r *importer) note(profile, format string, args ...any) {
	r.Notes[profile] = append(r.Notes[profile], fmt.Sprintf(format, args...))
}

// compare notes what of an object an export of the profile would not have.
func (r *importer) compare(p manifest.Profile, o *statefulSet, n *yaml.Node) error {
	c := o.Spec.Template.Spec.Containers[0]
	s := o.Spec.Template.Spec.Security
	options := Options{Image: c.Image, RunAs: Accounts{"": {s.User, s.Group}}, Storage: DefaultStorage}
	for _, claim := range o.Spec.Claims {
		options.Storage = claim.Spec.Resources.Requests.Storage
	}
	m := *r.Manifest
	m.Profiles = []manifest.Profile{p}
	again, err := Export(&m, options)
	if err != nil {
		r.note(p.Name, "an export would refuse it: %s", err)
		return nil
	}
	var was, is any
	if err := errors.Join(n.Decode(&was), yaml.Unmarshal(again.Files[0].Data, &is)); err != nil {
		return err
	}
	for _, where := range differences("", was, is) {
		r.note(p.Name, "not carried over: %s", strings.TrimPrefix(where, "."))
	}
	return nil
}
