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
	return func(d render.Servicedir) error { return Make(out, d.Name, d.Files) }, out.Close, nil
}

// Make makes the directory of that name in parent, with these files in it. Modes are exact, the
// umask plays no part. With an error a part of it may be there.
func Make(parent *dirfd.Dir, name string, files []render.File) error {
	tree, err := dirfd.MakeTree(parent, name, reconcile.ModeServicedir)
	if err != nil {
		return err
	}
	defer tree.Close()
	for _, f := range files {
		err := f.Data.Use(func(data []byte) error { return tree.Write(f.Path, f.Mode, data) })
		if err != nil {
			return err
		}
	}
	return nil
}
