package explain

import (
	_ "embed"

	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// OutputFormat is the version of the JSON forms of this file.
const OutputFormat = 1

// Validation is what validate says of a manifest. What is wrong with it are messages.
type Validation struct {
	Format   int             `json:"format"`
	Valid    bool            `json:"valid"`
	Profiles []PlacedProfile `json:"profiles"` // empty where it is not valid
}

// PlacedProfile is a profile, and where the manifest speaks of it.
type PlacedProfile struct {
	Profile string `json:"profile"`
	Place   Place  `json:"place"`
}

// ValidationOf is what is in a manifest; nil is one that is not valid.
func ValidationOf(m *manifest.Manifest) Validation {
	v := Validation{
		Format: OutputFormat, Valid: m != nil, Profiles: []PlacedProfile{},
	}
	if m == nil {
		return v
	}
	for i := range m.Profiles {
		at := m.Profiles[i].Pos
		v.Profiles = append(v.Profiles, PlacedProfile{
			Profile: m.Profiles[i].Name,
			Place:   Place{File: at.File, Line: at.Line, Column: at.Column},
		})
	}
	return v
}

// Rendered is what render has written.
type Rendered struct {
	Format   int               `json:"format"`
	Folder   string            `json:"folder"`
	Services []RenderedService `json:"services"`
}

// RenderedService is a service directory.
type RenderedService struct {
	Profile string   `json:"profile"`
	Service string   `json:"service"`
	Port    int      `json:"port,omitempty"`
	Files   []string `json:"files"` // relative to the service directory
}

// RenderedOf is what was written to a folder.
func RenderedOf(folder string, dirs []render.Servicedir) Rendered {
	r := Rendered{
		Format: OutputFormat, Folder: folder, Services: []RenderedService{},
	}
	for _, d := range dirs {
		s := RenderedService{Profile: d.Profile, Service: d.Name, Port: d.Port}
		for _, f := range d.Files {
			s.Files = append(s.Files, f.Path)
		}
		r.Services = append(r.Services, s)
	}
	return r
}

// Draft is the manifest that init has made: in a file, or here.
type Draft struct {
	Format   int      `json:"format"`
	Profiles []string `json:"profiles"`
	File     string   `json:"file,omitempty"`
	Manifest string   `json:"manifest,omitempty"`
}

// Build says which program this is.
type Build struct {
	Format  int    `json:"format"`
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"` // with "-dirty" behind it where files had changed since
	Date    string `json:"date,omitempty"`   // of the commit
}

// KeyHelp is what explain says of keys of a manifest.
type KeyHelp struct {
	Format int   `json:"format"`
	Keys   []Key `json:"keys"`
}

// Key is what explain says of one key. Texts without a value are left out.
type Key struct {
	Key      string   `json:"key"`  // as it stands in a profile: ready.http
	Path     string   `json:"path"` // with what it stands below: profiles.NAME.ready.http
	Title    string   `json:"title"`
	About    string   `json:"about"`
	Type     string   `json:"type"`
	Range    string   `json:"range,omitempty"`
	Default  string   `json:"default,omitempty"`
	Where    string   `json:"where"`
	Examples []string `json:"examples"` // YAML, each a line
}

// Exported is what export has written.
type Exported struct {
	Format   int      `json:"format"`
	Platform string   `json:"platform"`
	Folder   string   `json:"folder"`
	Profiles []string `json:"profiles"`
	Files    []string `json:"files"` // relative to the folder
}

// Probed is what probe has found: whether the gateway serves, and if not, why.
type Probed struct {
	Format int    `json:"format"`
	URL    string `json:"url"`
	Serves bool   `json:"serves"`
	Code   Code   `json:"code,omitempty"` // of the error
	Error  string `json:"error,omitempty"`
}

// Operation is what became of a start, stop, restart or down.
type Operation struct {
	Format    int        `json:"format"`
	Action    string     `json:"action"`
	Done      int        `json:"done"`
	Unchanged int        `json:"unchanged"`
	Failed    int        `json:"failed"`
	Gateways  []Operated `json:"gateways"`
	Notes     []string   `json:"notes"`
	// NoteCodes are what kinds of notes they are, in the same order.
	NoteCodes []reconcile.NoteCode `json:"note_codes"`
}

// Operated is what became of one gateway.
type Operated struct {
	Profile string `json:"profile"`
	Service string `json:"service"`
	Result  Result `json:"result"`
	Code    Code   `json:"code,omitempty"` // of the error
	Error   string `json:"error,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// Unneeded is the result of what was so already.
const Unneeded Result = "unchanged"

// LogLine is a line of a log. Each is an object of its own, in one line.
type LogLine struct {
	Profile string `json:"profile"`
	Time    string `json:"time,omitempty"` // when it was written; a line without has that of the one before
	Text    string `json:"text"`
}

// History are manifests that were applied, the latest first.
type History struct {
	Format  int       `json:"format"`
	Entries []Applied `json:"entries"`
	// RolledBack: another manifest counts in the place of the one that was taken back.
	RolledBack *RolledBack    `json:"rolled_back,omitempty"`
	Manifests  []ManifestText `json:"manifests,omitempty"` // the files of the only entry, if one was asked for
}

// Applied is one of them.
type Applied struct {
	Number   int      `json:"number"`
	Time     string   `json:"time"`
	By       string   `json:"by"`           // command
	To       int      `json:"to,omitempty"` // of a rollback: the entry that it went back to
	Files    []string `json:"files"`
	Profiles int      `json:"profiles"`
	Only     []string `json:"only,omitempty"` // names and globs that it was about; none: all
	Outcome  string   `json:"outcome"`
	Summary  string   `json:"summary,omitempty"`
}

// RolledBack says that a manifest was taken back, and is not applied by watch until it changes.
type RolledBack struct {
	Time   string `json:"time"`
	From   int    `json:"from"`   // the entry that was taken back
	Number int    `json:"number"` // the one that counts in its place
	Why    string `json:"why,omitempty"`
}

// ManifestText is a file of a manifest.
type ManifestText struct {
	File string `json:"file"`
	Text string `json:"text"`
}

// The schemas of these forms, in JSON Schema's draft-07.
var (
	//go:embed schema/validate.json
	ValidateSchema []byte
	//go:embed schema/render.json
	RenderSchema []byte
	//go:embed schema/init.json
	InitSchema []byte
	//go:embed schema/version.json
	VersionSchema []byte
	//go:embed schema/explain.json
	ExplainSchema []byte
	//go:embed schema/export.json
	ExportSchema []byte
	//go:embed schema/probe.json
	ProbeSchema []byte
	//go:embed schema/watch.json
	WatchSchema []byte
	//go:embed schema/operation.json
	OperationSchema []byte
	//go:embed schema/history.json
	HistorySchema []byte
	//go:embed schema/log.json
	LogSchema []byte
)

// Document is one of these forms for programs.
func Document(v any) ([]byte, error) { return encode(v) }

// Line is such a form in one line.
func Line(v any) ([]byte, error) { return encodeLine(v) }

// JSON is the line for programs.
func (l LogLine) JSON() ([]byte, error) { return encodeLine(l) }

// ProfilesOf are the names of profiles; not nil, so that JSON has a list.
func ProfilesOf(profiles []manifest.Profile) []string {
	names := make([]string, 0, len(profiles))
	for i := range profiles {
		names = append(names, profiles[i].Name)
	}
	return names
}
