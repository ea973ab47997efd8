package tokens

import (
	"path"
	"strings"

	"hermes-reconcile/manifest"
)

// Sources are all that a profile's variables can come from. What its .env says goes before its
// environment.
type Sources struct {
	*manifest.Profile
	Dotenv   map[string]string // digests of what its .env says, by variable
	EnvFiles map[string]string // what the files of env_file say together
	Key      []byte            // of digests
	// Container is what the container's environment says of a variable.
	Container func(variable string) string
	// Secret reads the file of a variable; empty: it is not there, or cannot be read.
	Secret func(s manifest.Secret) string
}

// Use is the value of one variable that reaches hermes, as a digest, and where it stands.
func (u Sources) Use(variable string) Use {
	use := Use{Profile: u.Name, Variable: variable}
	if digest, set := u.Dotenv[variable]; set {
		use.Same, use.From = digest, ".env"
		return use
	}
	for _, s := range u.Secrets {
		if s.Name == variable {
			use.Same, use.From = u.ofFile(s), "secrets"
			return use
		}
	}
	for _, v := range u.Env {
		if v.Name == variable {
			use.Same, use.From = Digest(u.Key, v.Value), "env"
			return use
		}
	}
	if u.Says(variable) { // unset drops it
		return use
	}
	if use.Same, use.From = u.ofFolder(variable), "secrets_dir"; use.Same != "" {
		return use
	}
	if value, set := u.EnvFiles[variable]; set {
		use.Same, use.From = Digest(u.Key, value), "env_file"
		return use
	}
	use.Same, use.From = Digest(u.Key, u.Container(variable)), "the container"
	return use
}

// ofFolder is the digest of a variable in secrets_dir; empty where there is none.
func (u Sources) ofFolder(variable string) string {
	if u.SecretsDir == "" {
		return ""
	}
	return u.ofFile(manifest.Secret{Name: variable, File: path.Join(u.SecretsDir, variable)})
}

// ofFile is the digest of a secret, without what ./run drops: a byte order mark and one line end.
func (u Sources) ofFile(s manifest.Secret) string {
	text := strings.TrimPrefix(u.Secret(s), "\uFEFF")
	return Digest(u.Key, strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"))
}
