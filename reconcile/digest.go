package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
)

// digestBytes is how much of a hash tells plans apart, in bytes: 64 bits, so that a person can type
// it.
const digestBytes = 8

// Digest tells plans apart: two plans that do the same to the same files of the same services have
// the same digest. It leaves out what an earlier apply has left to finish, and all that differs from
// one look to the next, such as a process.
func (p Plan) Digest() string {
	h := sha256.New()
	for _, c := range p.Changes {
		if c.Acts() {
			c.write(h)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:digestBytes])
}

// write writes what a change does.
func (c *Change) write(w io.Writer) {
	fmt.Fprintf(w, "%q %q gateway %q logger %t replace %t control %t mend %q await %q displaced %t\n",
		c.Op, c.Service, c.Gateway, c.RestartLogger, c.Replace, c.PassControl, c.Mend, c.Await,
		len(c.Displaced) > 0)
	for _, f := range c.Files {
		fmt.Fprintf(w, "%q %s %s\n", f.Path, f.Before.digest(), f.After.digest())
	}
}

// digest is what tells files apart in a plan's digest: their mode counts as well as their content.
func (f *File) digest() string {
	switch {
	case f == nil:
		return "none"
	case f.Irregular:
		return "irregular"
	}
	return fmt.Sprintf("%o %s", f.Mode, f.Data.Digest())
}
