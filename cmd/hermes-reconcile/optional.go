//go:build linux

package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/containerenv"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
)

// findScandir finds the scandir without insisting on a manifest.
func findScandir(u ui, flags *scandirFlags, file *manifestFlags) (string, error) {
	if flags.path != "" || containerenv.Look(scandirVariable) != "" {
		return "", nil
	}
	m, err := file.loadIfAny(u)
	return scandirOf(m), err
}

// scandirOf is the scandir of a manifest, or where s6-overlay has its own; nil: there is none.
func scandirOf(m *manifest.Manifest) string {
	if m == nil {
		return defaultScandir
	}
	return m.Scandir
}

// loadIfAny reads the manifest if there is one: doctor and down have to work without a manifest, or
// with a broken one. One that was named on the command line has to be there, and right.
func (f *manifestFlags) loadIfAny(u ui) (*manifest.Manifest, error) {
	if _, err := os.Stat(defaultManifest); errors.Is(err, fs.ErrNotExist) && !f.named() {
		return nil, nil
	}
	m, err := f.load()
	if err != nil && len(f.files) == 0 {
		first, _, _ := strings.Cut(err.Error(), "\n") // of all that validate tells
		u.warning(explain.WarnNoManifest, "the manifest is ignored: %s", first)
		u.hint("%s validate", program)
		return nil, nil
	}
	return m, err
}
