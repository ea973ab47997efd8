//go:build linux

package servicetree

import (
	"os"

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
	tree, err := dirfd.MakeTree(out, d.Name, reconcile.ModeServicedir)
	if err != nil {
		return err
	}
	defer tree.Close()
	for _, f := range d.Files {
		err := f.Data.Use(func(data []byte) error { return tree.Write(f.Path, f.Mode, data) })
		if err != nil {
			return err
		}
	}
	return nil
}
