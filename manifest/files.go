package manifest

import (
	"slices"

	"gopkg.in/yaml.v3"

	"hermes-reconcile/manifest/filling"
	"hermes-reconcile/manifest/placeholder"
	"hermes-reconcile/manifest/table"
	"hermes-reconcile/manifest/values"
)

// MaxEnvFiles is how many .env files a profile may have. Each is opened by a descriptor that a POSIX
// shell can name, which has one digit.
const MaxEnvFiles = 4

func envFileKey() row {
	return table.Raw[[]string, settings, Profile](
		"env_file",
		values.PathTemplates(MaxEnvFiles),
		table.Says{
			Title: "Files of variables",
			About: "Files with lines NAME=VALUE, as in hermes's .env. {profile} and {port} are filled in. Root opens them each time the " +
				"gateway starts, and they are never rendered. A later file wins. env, secrets, secrets_dir and unset win over all of them.",
			Examples: []any{[]string{"/run/env/common.env", "/run/env/{profile}.env"}},
		},
		func(s *settings) *table.Setting[[]string] { return &s.envFiles },
	). // giveFiles fills it in
		Written(putEnvFiles, shareEnvFiles).
		Told(func(p *Profile) []Value { return table.TellList("env_file", p.EnvFiles) })
}

func secretsDirKey() row {
	return table.Raw[string, settings, Profile](
		"secrets_dir",
		values.PathTemplate,
		table.Says{
			Title: "Folder of variables",
			About: "Each file in it is a variable with the name of the file. It is read as `secrets` are. {profile} and {port} are filled in. " +
				"Files whose names start with a dot are skipped. env, secrets and unset win over it.",
			Examples: []any{"/run/secrets/{profile}"},
		},
		func(s *settings) *table.Setting[string] { return &s.secretsDir },
	). // giveFiles fills it in
		Written(secretsDirOf.put, secretsDirOf.share).
		Told(func(p *Profile) []Value { return table.TellText("secrets_dir", p.SecretsDir) })
}

// giveFiles sets the files that variables come from. The port is known by now.
func giveFiles(f *filling.Filler, p *Profile, own, defaults *settings) {
	dir := table.Choose(own.secretsDir, defaults.secretsDir, "")
	if dir.State == table.Given {
		at := filling.Place{
			At: dir.At, Path: f.Path.Key("secrets_dir"), Own: own.secretsDir.State == table.Given,
		}
		p.SecretsDir = f.FillPath(at, dir.Value)
	}
	files := table.Choose(own.envFiles, defaults.envFiles, nil)
	if files.State == table.Given {
		at := filling.Place{
			At: files.At, Path: f.Path.Key("env_file"), Own: own.envFiles.State == table.Given,
		}
		for _, template := range files.Value {
			p.EnvFiles = append(p.EnvFiles, f.FillPath(at, template))
		}
	}
}

// fitsFiles reports whether the .env files of defaults become those of p.
func fitsFiles(p, below *Profile) bool {
	return slices.EqualFunc(below.EnvFiles, p.EnvFiles, func(template, path string) bool {
		return template == path || placeholder.Fits(template, path, p.Name, p.Port)
	})
}

// putEnvFiles writes the .env files of a profile, with null where it has none in spite of defaults.
func putEnvFiles(p, below *Profile) *yaml.Node {
	switch {
	case fitsFiles(p, below):
		return nil
	case len(p.EnvFiles) == 0:
		return values.WriteNull()
	}
	n := values.WriteList(nil)
	for _, path := range p.EnvFiles {
		n.Content = append(n.Content, writePath(p, path))
	}
	return n
}

// shareEnvFiles looks for the .env files of all profiles, but for their names in the paths.
func shareEnvFiles(all []*Profile, below *Profile) {
	var shared []string
	for i := range all[0].EnvFiles {
		for _, template := range placeholder.PathTemplates(all[0].EnvFiles[i], all[0].Name) {
			if !slices.ContainsFunc(all, func(p *Profile) bool {
				return len(p.EnvFiles) != len(all[0].EnvFiles) ||
					!placeholder.Fits(template, p.EnvFiles[i], p.Name, p.Port)
			}) {
				shared = append(shared, template)
				break
			}
		}
	}
	if len(shared) == len(all[0].EnvFiles) {
		below.EnvFiles = shared
	}
}
