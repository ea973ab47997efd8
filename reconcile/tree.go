package reconcile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"hermes-reconcile/render"
)

// modeServicedir is the mode of a service directory and of the folders in it: s6-svscan may run as another user than those
// who ask for the state of a service.
const modeServicedir = 0o755

// WriteTree writes service directories into the folder at path, which must be empty or missing. It is for a look, or for
// an image: nothing there is supervised.
func WriteTree(name string, dirs []render.Servicedir) error {
	if err := os.Mkdir(name, modeServicedir); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot make folder %q: %w", name, cause(name, err))
	}
	out, err := os.OpenRoot(name)
	if err != nil {
		return fmt.Errorf("cannot open folder %q: %w", name, cause(name, err))
	}
	defer out.Close()
	entries, err := fs.ReadDir(out.FS(), ".")
	if err != nil {
		return fmt.Errorf("cannot read folder %q: %w", name, cause(".", err))
	}
	if len(entries) > 0 {
		return fmt.Errorf("cannot write to folder %q: %w", name, ErrNotEmpty)
	}
	for _, d := range dirs {
		if err := writeFiles(out, d); err != nil {
			return fmt.Errorf("cannot write %s to folder %q: %w", d.Name, name, err)
		}
	}
	return nil
}

// writeFiles makes a service directory in a folder. The modes are exact, whatever the umask, where the system has modes.
func writeFiles(out *os.Root, d render.Servicedir) error {
	for _, f := range d.Files {
		name := path.Join(d.Name, f.Path) // os.Root takes slashes on every system
		for _, folder := range []string{d.Name, path.Dir(name)} {
			if err := out.Mkdir(folder, modeServicedir); errors.Is(err, fs.ErrExist) {
				continue
			} else if err != nil {
				return err
			}
			if err := out.Chmod(folder, modeServicedir); err != nil {
				return err
			}
		}
		if err := out.WriteFile(name, f.Data, f.Mode); err != nil {
			return err
		}
		if err := out.Chmod(name, f.Mode); err != nil {
			return err
		}
	}
	return nil
}

// ErrNotEmpty says that a folder that should be empty is not.
var ErrNotEmpty = errors.New("it is not empty")
