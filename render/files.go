package render

import (
	"slices"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/names"
)

// envFile is a .env file, and the descriptor by which it is read.
type envFile struct {
	Path string
	FD   int
}

// firstEnvFD is the descriptor of the first .env file: the next behind that of the service
// directory. The names of descriptors have one digit in a POSIX shell, so at most
// manifest.MaxEnvFiles follow.
const firstEnvFD = notificationFD + 1

// addFiles fills in the files that variables come from.
func (s *script) addFiles(p *manifest.Profile) {
	if len(p.EnvFiles) == 0 && p.SecretsDir == "" {
		return
	}
	s.SecretsDir = p.SecretsDir
	for i, path := range p.EnvFiles {
		s.EnvFiles = append(s.EnvFiles, envFile{path, firstEnvFD + i})
	}
	s.Said = p.Variables()
	s.Reserved = slices.Concat(names.ScriptVariables, names.ShellVariables)
}
