package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"hermes-reconcile/cmd/hermes-reconcile/masking"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// addFiles adds the files that differ. How they do is told when it is asked for: the diffs of a
// thousand new gateways have many megabytes.
func (p *Profile) addFiles(c *reconcile.Change, sides [2]string, opt Options) {
	for _, f := range c.Files {
		file := File{Path: f.Path, Before: content(f.Before), After: content(f.After)}
		p.Files = append(p.Files, file)
	}
	if opt.Diffs {
		p.diff = func(i int) string {
			if !tells(*c, c.Files[i]) {
				return ""
			}
			return diff(c.Service, c.Files[i], sides, opt.Mask)
		}
	}
}

// files are the files with their diffs.
func (p *Profile) files() []File {
	if p.diff == nil {
		return p.Files
	}
	files := slices.Clone(p.Files)
	for i := range files {
		files[i].Diff = p.diff(i)
	}
	return files
}

// content is one side of a file; nil: it is not there. A file that is no regular one was not read,
// so that there is no digest of it.
func content(f *reconcile.File) *Content {
	switch {
	case f == nil:
		return nil
	case f.Irregular:
		return &Content{Irregular: true}
	}
	return &Content{SHA256: f.Data.Digest(), Mode: fmt.Sprintf("%#o", f.Mode)}
}

// tells reports whether the diff of a file tells a reader something. The marker only follows the
// other files, and most files of a new service are those of every other.
func tells(c reconcile.Change, f reconcile.FileChange) bool {
	if c.Op == reconcile.Foreign || c.Op == reconcile.Remove || f.Path == render.MarkerPath {
		return false
	}
	fresh := c.Op == reconcile.Create && f.Before == nil
	return !fresh || f.Path == "run" || f.Path == "log/run"
}

// diff is one file as a unified diff, its mode and its presence included.
func diff(service string, f reconcile.FileChange, sides [2]string, mask *masking.Mask) string {
	name := "/" + service + "/" + f.Path
	before, after := mask.Both(data(f.Before), data(f.After))
	from, to := side(sides[0]+name, f.Before), side(sides[1]+name, f.After)
	text := udiff.Unified(from, to, before, after)
	switch {
	case text == "":
		text = "--- " + from + "\n+++ " + to + "\n"
	case !strings.HasSuffix(text, "\n"):
		text += "\n"
	}
	switch {
	case f.Before == nil || f.After == nil:
	case f.Before.Irregular:
		text += "was not a regular file\n"
	case f.Before.Mode != f.After.Mode:
		text += fmt.Sprintf("mode %#o -> %#o\n", f.Before.Mode, f.After.Mode)
	}
	return visible.Text(text)
}

// data is the text of one side, empty where it is not there: a diff shows a file that comes as
// added lines.
func data(f *reconcile.File) string {
	if f == nil {
		return ""
	}
	return string(f.Data.Bytes())
}

// side is what a diff calls one side. The name of a file is one of a marker's, which may hold a
// newline.
func side(name string, f *reconcile.File) string {
	if f == nil {
		return "/dev/null"
	}
	return visible.Line(name)
}
