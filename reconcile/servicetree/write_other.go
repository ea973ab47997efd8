//go:build !linux

package servicetree

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// writer gives what writes a service directory into an open folder.
func writer(out *os.Root, _ string) (write func(render.Servicedir) error, done func(), err error) {
	return func(d render.Servicedir) error { return writeFiles(out, d) }, func() {}, nil
}

// writeFiles makes a service directory in a folder.
func writeFiles(out *os.Root, d render.Servicedir) error {
	var made []string // folders
	for _, f := range d.Files {
		name := path.Join(d.Name, f.Path) // os.Root takes slashes on every system
		for _, folder := range []string{d.Name, path.Dir(name)} {
			if slices.Contains(made, folder) {
				continue
			}
			if err := makeFolder(out, folder); err != nil {
				return err
			}
			made = append(made, folder)
		}
		if err := writeFile(out, name, f); err != nil {
			return err
		}
	}
	return nil
}

// makeFolder makes a folder, if it is not there. Its mode is exact, the umask plays no part, where
// the system has modes.
func makeFolder(out *os.Root, name string) error {
	err := out.Mkdir(name, reconcile.ModeServicedir)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return out.Chmod(name, reconcile.ModeServicedir)
}

// writeFile writes a file. Its mode is exact, too.
func writeFile(out *os.Root, name string, f render.File) error {
	file, err := out.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, f.Mode)
	if err != nil {
		return err
	}
	_, err = file.Write(f.Data.Bytes())
	return errors.Join(err, file.Chmod(f.Mode), file.Close())
}
