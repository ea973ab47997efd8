// Package kubernetes says a manifest as objects of Kubernetes, one pod a profile, and reads such
// objects back.
//
// Export and Import are the entry points. Both are pure: they take and give files in memory. What
// Kubernetes has no place for stands in an annotation, so that nothing is lost on the way back;
// where an object was edited since, the object counts.
//
// The files:
//
//	kubernetes.go   a manifest to files; options.go: what a manifest does not say
//	check.go        names, and what cannot be said at all
//	mapping.go      a profile to objects; objects.go: the parts that those have
//	drain.go        the hook that asks a gateway to end before it is stopped
//	notes.go        what means less in Kubernetes; lost.go: what it has no place for
//	text.go         objects as YAML, with comments
//	read.go         objects back to a manifest; readprofile.go: one profile
package kubernetes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/writing"
	"hermes-reconcile/manifest/yamlfile"
)

// File is one file of an export.
type File struct {
	Name string // in one folder
	Data []byte // YAML
}

// Exported are the files of an export, that of kustomize last, and what their user should know at
// once: some keys mean less in Kubernetes.
type Exported struct {
	Files []File
	Notes []string // a sentence each
}

// Kustomization is the name of the file that names the others.
const Kustomization = "kustomization.yaml"

// Export says a manifest as objects. Its error lists all that the objects cannot say, each with its
// place: then nothing is exported. What they can say in another way only is in Notes.
func Export(m *manifest.Manifest, o Options) (Exported, error) {
	builtin, err := builtinDocument()
	if err != nil {
		return Exported{}, err
	}
	e := &exporter{
		options: o, manifest: m, excerpts: writing.NewExcerpts(builtin),
		objects: map[string]manifest.Profile{}, unnumbered: map[string]bool{},
	}
	for _, p := range m.Profiles {
		if err := e.profile(p); err != nil {
			return Exported{}, err
		}
	}
	if len(e.faults) > 0 {
		return Exported{}, e.allFaults()
	}
	slices.SortFunc(e.files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	last, err := e.kustomization()
	if err != nil {
		return Exported{}, err
	}
	return Exported{append(e.files, last), e.notes()}, nil
}

// exporter collects the files of an export, or what is wrong with it.
type exporter struct {
	options  Options
	manifest *manifest.Manifest
	excerpts *writing.Excerpts
	// Name of the objects to the profile that has it.
	objects map[string]manifest.Profile
	files   []File
	faults  []*manifest.Error
	// Accounts without a number that are among the faults.
	unnumbered map[string]bool
}

// fault notes what a key of a profile cannot be.
func (e *exporter) fault(p manifest.Profile, key, format string, args ...any) {
	path := "profiles." + p.Name
	if key != "" {
		path += "." + key
	}
	e.faults = append(e.faults, &manifest.Error{Pos: p.Pos, Path: path, Msg: fmt.Sprintf(format, args...)})
}

// allFaults lists what is wrong, in the order of the manifest.
func (e *exporter) allFaults() error {
	slices.SortStableFunc(e.faults, func(a, b *manifest.Error) int {
		return cmp.Or(strings.Compare(a.Pos.File, b.Pos.File), a.Pos.Line-b.Pos.Line, a.Pos.Column-b.Pos.Column)
	})
	all := &multierror.Error{}
	for _, f := range e.faults {
		if len(all.Errors) == yamlfile.MaxErrors {
			return multierror.Append(all, fmt.Errorf("%d more errors", len(e.faults)-yamlfile.MaxErrors))
		}
		all.Errors = append(all.Errors, f)
	}
	return all
}

// profile makes the file of a profile.
func (e *exporter) profile(p manifest.Profile) error {
	name := e.name(p)
	e.check(p)
	user, ok := e.options.RunAs.of(p.User)
	if !ok && !e.unnumbered[p.User] { // one flag mends it for all that have the account
		e.unnumbered[p.User] = true
		e.fault(p, "user", "Kubernetes knows users by their number (want that of %q with --run-as %s=UID)",
			p.User, p.User)
	}
	if len(e.faults) > 0 {
		return nil // to find what else is wrong
	}
	lost, err := e.lost(p)
	if err != nil {
		return err
	}
	set := e.statefulSet(p, name, user, lost)
	text, err := document(e.comments(p, name), set, service(p, name))
	if err != nil {
		return err
	}
	e.checkSizes(p, lost, text)
	e.files = append(e.files, File{name + ".yaml", text})
	return nil
}

// kustomization makes the file that names the others.
func (e *exporter) kustomization() (File, error) {
	k := kustomization{
		APIVersion: kustomizeVersion, Kind: "Kustomization",
		Namespace: e.options.Namespace, Resources: []string{},
	}
	around, err := documentExcerpt(e.manifest)
	if err != nil {
		return File{}, err
	}
	if around != "" {
		k.Metadata = &meta{Annotations: map[string]string{manifestAnnotation: around}}
	}
	for _, f := range e.files {
		k.Resources = append(k.Resources, f.Name)
	}
	text, err := document(append([]string{
		"The gateways of a manifest, one pod each: kubectl apply -k FOLDER",
		"Written by hermes-reconcile export. hermes-reconcile init --from-kubernetes FOLDER reads it back.",
	}, e.notes()...), k)
	return File{Kustomization, text}, err
}
