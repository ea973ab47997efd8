package sources

import (
	"path/filepath"
	"slices"
)

// IsElsewhere reports whether a file is none of the repository that a pull request is for, as far
// as its name tells.
func IsElsewhere(file string) bool {
	return file == Stdin || !filepath.IsLocal(file)
}

// Counterpart is the file of the new manifest that an old one has become: the one of the same name,
// or the only one.
func Counterpart(old string, fresh []string) string {
	same := func(file string) bool { return filepath.Base(file) == filepath.Base(old) }
	if i := slices.IndexFunc(fresh, same); i >= 0 {
		return fresh[i]
	}
	return fresh[0]
}

// InCheckout is a file as GitHub's annotations want it: relative to the checkout at root, with slashes.
// Elsewhere it is as the user named it.
func InCheckout(file, root string) string {
	if root == "" {
		return file
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return file
	}
	rel, err := filepath.Rel(root, path)
	if err != nil || !filepath.IsLocal(rel) {
		return file
	}
	return filepath.ToSlash(rel)
}
