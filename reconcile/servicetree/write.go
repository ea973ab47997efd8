//go:build linux

package servicetree

import (
	"os"
	"path"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/render"
)

// writer gives what writes a service directory into the folder at path, as apply stages one: os.Root
// walks to each file anew, and os.File asks of each whether it can be waited for.
func writer(_ *os.Root, name string) (write func(render.Servicedir) error, done func(), err error) {
	out, err := dirfd.Open(name)
	if err != nil {
		return nil, nil, err
	}
	out.LearnModes()
	return func(d render.Servicedir) error { return writeFiles(out, d) }, out.Close, nil
}

// writeFiles makes a service directory in a folder. Modes are exact, the umask plays no part.
func writeFiles(out *dirfd.Dir, d render.Servicedir) error {
	if err := out.Mkdir(d.Name, reconcile.ModeServicedir); err != nil {
		return err
	}
	top, err := out.Open(d.Name)
	if err != nil {
		return err
	}
	tree := dirfd.NewTree(top, reconcile.ModeServicedir)
	defer tree.Close()
	for _, f := range d.Files {
		folder, err := tree.Parent(f.Path)
		if err == nil {
			err = folder.Write(path.Base(f.Path), f.Mode, f.Data.Bytes())
		}
		if err != nil {
			return err
		}
	}
	return nil
}
