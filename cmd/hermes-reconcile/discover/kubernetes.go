package discover

import (
	"fmt"
	"path"

	"hermes-reconcile/cmd/hermes-reconcile/kubernetes"
)

// maxObjects is how many bytes of a folder of objects are read in all: twice what the 20,000
// profiles that a manifest may have take.
const maxObjects = 256 << 20

// Kubernetes reads a folder that export wrote, as its objects are by now. One that cannot be
// understood is an error: a draft without it would remove its gateway.
func Kubernetes(dir string) (Found, error) {
	f, b, err := begin(dir)
	if err != nil {
		return Found{}, err
	}
	defer f.close()
	files, err := f.objects()
	if err != nil {
		return Found{}, fmt.Errorf("cannot read %q: %w", dir, err)
	}
	got, err := kubernetes.Import(files)
	if err != nil {
		return Found{}, fmt.Errorf("cannot take over %q: %w", dir, err)
	}
	b.say("The gateways of the objects of Kubernetes in %s, written by `hermes-reconcile init`.", quote(dir))
	for _, text := range got.LeftOut {
		b.warn("%s", text)
	}
	profiles := got.Manifest.Profiles
	b.manifest = got.Manifest
	b.manifest.Profiles = nil
	for _, p := range profiles {
		for _, note := range got.Notes[p.Name] {
			b.note(p.Name, "%s", note)
		}
		b.add(p)
	}
	if len(profiles) == 0 {
		b.warn("%s has no StatefulSet gateway-* that a manifest could name", quote(dir))
	}
	return b.found(), nil
}

// objects are the YAML files of a folder.
func (f folder) objects() ([]kubernetes.File, error) {
	entries, err := f.entries(".")
	if err != nil {
		return nil, err
	}
	var files []kubernetes.File
	room := maxObjects
	for _, e := range entries {
		if ext := path.Ext(e.Name()); e.IsDir() || ext != ".yaml" && ext != ".yml" {
			continue
		}
		data, err := f.read(e.Name())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		if room -= len(data); room < 0 {
			return nil, fmt.Errorf("the files up to %s have more than %d MiB in all", e.Name(), maxObjects>>20)
		}
		files = append(files, kubernetes.File{Name: e.Name(), Data: data})
	}
	return files, nil
}
