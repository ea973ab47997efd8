// Package containerenv looks up environment variables, of this process or of the container.
package containerenv

import (
	"os"
	"path/filepath"
	"strings"
)

// Role is the variable that says what a container does with gateways.
const Role = "HERMES_RECONCILE_ROLE"

// containerFolder is where s6-overlay keeps the variables of the container, a file each. Its boot
// scripts and the programs of `docker exec` in a tree of its own have little but PATH in their
// environment.
const containerFolder = "/run/s6/container_environment"

// Look is the value of an environment variable: ours, else the container's, else "".
func Look(name string) string { return variables{containerFolder}.look(name) }

// Kept is the value of a variable of the container, or "".
func Kept(name string) string { return variables{containerFolder}.kept(name) }

// variables looks variables up in our environment and in a folder like containerFolder.
type variables struct{ folder string }

// look prefers this process: what a user sets for one command has to count. s6-overlay keeps the
// container's variables in files for programs that were started without them.
func (v variables) look(name string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return v.kept(name)
}

// kept is the value in the folder alone, or "".
func (v variables) kept(name string) string {
	data, err := os.ReadFile(filepath.Join(v.folder, name))
	if err != nil {
		return "" // not s6-overlay, or no such variable
	}
	// From s6-overlay 3.2.2 on a newline follows the value; earlier ones write the value alone.
	return strings.TrimSuffix(string(data), "\n")
}
