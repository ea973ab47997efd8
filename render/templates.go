package render

import (
	"embed"
	"text/template"

	"hermes-reconcile/manifest"
)

//go:embed templates/*.tmpl
var templateFiles embed.FS

// parseTemplates parses templates by the names of their files. One that names a field which is not there is
// an error, not an empty text in a script.
func parseTemplates(names []string) (*template.Template, error) {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = "templates/" + name + ".tmpl"
	}
	return template.New("").
		Option("missingkey=error").
		Funcs(template.FuncMap{"quote": quoteMarks}).
		ParseFS(templateFiles, paths...)
}

// needed names the templates that a manifest needs. To parse one takes longer than to render ten
// profiles by it, and most manifests need half of the text. TestNeededTemplatesAreEnough holds
// that none is missing.
func needed(m *manifest.Manifest) []string {
	var check, files, lists, dotenv bool
	for i := range m.Profiles {
		p := &m.Profiles[i]
		check = check || checks(p)
		dotenv = dotenv || len(p.EnvFiles) > 0
		lists = lists || len(p.EnvFiles) > 0 || p.SecretsDir != ""
		files = files || lists || len(p.Secrets) > 0
	}
	names := []string{"run", "log-run", "finish", "path", "quoted", "started", "user"}
	for _, some := range []struct {
		needed bool
		names  []string
	}{
		{m.Start.Parallel > 0, []string{"turn"}},
		{check, []string{"check"}},
		{files, []string{"secrets"}},
		{lists, []string{"said", "reserved"}},
		{dotenv, []string{"dotenv"}},
	} {
		if some.needed {
			names = append(names, some.names...)
		}
	}
	return names
}

// checks reports whether a profile has a data/check.
func checks(p *manifest.Profile) bool { return p.Ready != nil || looksAfter(p) }
