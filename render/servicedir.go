package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/writing"
	"hermes-reconcile/render/rawjson"
)

// Prefix starts the name of every service directory of a profile.
const Prefix = "gateway-"

// ServiceOf is the name of the service directory that runs the gateway of a profile.
func ServiceOf(profile string) string { return Prefix + profile }

// ProfileOf is the profile that a service directory of that name runs the gateway of.
func ProfileOf(service string) string { return strings.TrimPrefix(service, Prefix) }

// MarkerPath is the file of a service directory that says that it is ours. s6 leaves `data/` to the
// user.
const MarkerPath = "data/hermes-reconcile.json"

// DownPath is the file that keeps s6-supervise from starting a service by itself.
const DownPath = "down"

// LogDownPath is the same for the logger of the service.
const LogDownPath = "log/down"

// NotificationPath is the file that makes s6 expect word that a service is ready.
const NotificationPath = "notification-fd"

// Modes of rendered files. Nothing rendered is secret: every user of the container may read it.
const (
	modeScript fs.FileMode = 0o755
	modeFile   fs.FileMode = 0o644
)

// ModeOf is the mode of a rendered file, by its path.
func ModeOf(path string) fs.FileMode {
	switch path {
	case "run", "finish", "log/run", "data/check", turnPath:
		return modeScript
	}
	return modeFile
}

// Servicedir is a rendered service directory.
type Servicedir struct {
	Name    string // gateway-<profile>, the name in the scandir
	Profile string
	Port    int    // 0: none
	User    string // account that the gateway and its logger run as where the tree is root's
	// OnFailure says that exit code 0 leaves the gateway down, as 78 always does.
	OnFailure bool
	// Last says that the manifest leaves up or down to what the gateway was last. DownPath is then
	// neither rendered nor compared: it follows the gateway.
	Last  bool
	Ready *manifest.Ready // nil: it has no way to tell
	Drain *manifest.Drain // nil: it is stopped without being asked to end first
	Turn  manifest.Turn   // to start; zero: it takes none
	// Liveness says that data/check looks after the gateway as long as it runs.
	Liveness bool
	Files    []File // sorted by path, the marker included
	// Excerpt is what the directory is rendered from; empty where that is too long for a marker.
	Excerpt writing.Excerpt
}

// File is one file of a service directory.
type File struct {
	Path string // slash-separated, relative to the service directory
	Mode fs.FileMode
	Data *Content
}

// newFile is a file of these bytes.
func newFile(path string, mode fs.FileMode, data []byte) File {
	return File{Path: path, Mode: mode, Data: digested(data)}
}

// File returns the file at path, or nil. A dozen files are found soonest one after the other.
func (s *Servicedir) File(path string) *File {
	for i := range s.Files {
		if f := &s.Files[i]; f.Path == path {
			return f
		}
	}
	return nil
}

// maxExcerpt is the longest manifest that goes into a marker, in bytes. It takes up to six times as
// many there, since JSON writes "<" as \u003c, and readers of markers stop at 4 MiB. The kernel
// starts nothing with 2 MiB of environment.
const maxExcerpt = 512 << 10

// markerFormat is the only format of the marker so far.
const markerFormat = 1

// Marker is what MarkerPath holds: the profile of the directory, and what we rendered into it. A
// file that no longer has its digest was changed by another program.
type Marker struct {
	Format    int    `json:"format"`
	Profile   string `json:"profile"`
	Port      int    `json:"port,omitempty"`
	OnFailure bool   `json:"on_failure,omitempty"`
	Last      bool   `json:"last,omitempty"`
	// Drain is how the gateway of this directory is asked to end; nil: it is not.
	Drain *MarkerDrain `json:"drain,omitempty"`
	// Liveness says that data/liveness has what looks at the gateway have seen.
	Liveness bool   `json:"liveness,omitempty"`
	Manifest string `json:"manifest,omitempty"` // what it was rendered from, of this profile alone
	// ManifestFormat says how Manifest is read: see writing.Excerpt.
	ManifestFormat int               `json:"manifest_format,omitempty"`
	Files          map[string]string `json:"files"` // path -> Digest of its content
}

// MarkerDrain is a drain as a marker has it.
type MarkerDrain struct {
	Signal  string `json:"signal"`
	Timeout int64  `json:"timeout_ms"`
}

// Excerpt is the manifest that the directory was rendered from. Its text is empty where the marker
// holds none.
func (m Marker) Excerpt() writing.Excerpt {
	return writing.Excerpt{Text: []byte(m.Manifest), Format: m.ManifestFormat}
}

// Limits of a marker: the longest that is written has 3 MiB, see maxExcerpt, and names about a
// dozen files.
const (
	maxMarker      = 4 << 20 // bytes
	maxMarkerFiles = 64
)

// ParseMarker reads a marker. Anything but a marker of a format that this program knows is an
// error: a directory whose marker cannot be trusted counts as foreign. A marker that names more
// files than are rendered is an error, too: each file is looked for.
func ParseMarker(data []byte) (Marker, error) {
	if len(data) > maxMarker {
		return Marker{}, fmt.Errorf("a marker of %d bytes (want at most %d)", len(data), maxMarker)
	}
	var m Marker
	err := rawjson.Unmarshal(data, map[string]any{
		"format": &m.Format, "profile": &m.Profile, "port": &m.Port, "on_failure": &m.OnFailure, "last": &m.Last,
		"drain": &m.Drain, "liveness": &m.Liveness,
		"manifest": &m.Manifest, "manifest_format": &m.ManifestFormat, "files": &m.Files,
	})
	if err != nil {
		return Marker{}, fmt.Errorf("not a marker: %v", err)
	}
	if m.Format != markerFormat {
		return Marker{}, fmt.Errorf("marker of format %d (this program knows %d)", m.Format,
			markerFormat)
	}
	if len(m.Files) > maxMarkerFiles {
		return Marker{}, fmt.Errorf("a marker of %d files (want at most %d)", len(m.Files),
			maxMarkerFiles)
	}
	return m, nil
}

// seal sorts the files and adds the marker that lists them, and says what they were rendered from.
func (s *Servicedir) seal(excerpt writing.Excerpt) {
	if len(excerpt.Text) > maxExcerpt {
		excerpt = writing.Excerpt{}
	}
	s.Excerpt = excerpt
	byPath := func(a, b File) int { return strings.Compare(a.Path, b.Path) }
	slices.SortFunc(s.Files, byPath)
	b := scratch.Get().(*[]byte)
	*b = s.appendMarker((*b)[:0])
	marker := File{Path: MarkerPath, Mode: modeFile, Data: Text(bytes.Clone(*b))}
	scratch.Put(b)
	at, _ := slices.BinarySearchFunc(s.Files, marker, byPath)
	s.Files = slices.Insert(s.Files, at, marker)
}

// Marker is what the rendered marker says.
func (s *Servicedir) Marker() Marker {
	m := Marker{
		Format: markerFormat, Profile: s.Profile, Port: s.Port, OnFailure: s.OnFailure, Last: s.Last,
		Liveness: s.Liveness,
		Manifest: string(s.Excerpt.Text), ManifestFormat: s.Excerpt.Format,
		Files: make(map[string]string, len(s.Files)),
	}
	if d := s.Drain; d != nil {
		m.Drain = &MarkerDrain{string(d.Signal), d.Timeout.Milliseconds()}
	}
	for _, f := range s.Files {
		if f.Path != MarkerPath {
			m.Files[f.Path] = f.Data.Digest()
		}
	}
	return m
}

// appendMarker appends the text of the marker: a Marker as json.MarshalIndent writes it.
// MarshalIndent itself takes longer than all else that is rendered of a profile.
func (s *Servicedir) appendMarker(b []byte) []byte {
	excerpt := s.Excerpt
	b = append(b, "{\n  \"format\": "...)
	b = strconv.AppendInt(b, markerFormat, 10)
	b = appendText(append(b, ",\n  \"profile\": "...), s.Profile)
	if s.Port != 0 {
		b = strconv.AppendInt(append(b, ",\n  \"port\": "...), int64(s.Port), 10)
	}
	if s.OnFailure {
		b = append(b, ",\n  \"on_failure\": true"...)
	}
	if s.Last {
		b = append(b, ",\n  \"last\": true"...)
	}
	if d := s.Drain; d != nil {
		b = appendText(append(b, ",\n  \"drain\": {\n    \"signal\": "...), string(d.Signal))
		b = append(b, ",\n    \"timeout_ms\": "...)
		b = append(strconv.AppendInt(b, d.Timeout.Milliseconds(), 10), "\n  }"...)
	}
	if s.Liveness {
		b = append(b, ",\n  \"liveness\": true"...)
	}
	if len(excerpt.Text) > 0 {
		b = appendText(append(b, ",\n  \"manifest\": "...), string(excerpt.Text))
	}
	if excerpt.Format != 0 {
		b = strconv.AppendInt(append(b, ",\n  \"manifest_format\": "...), int64(excerpt.Format), 10)
	}
	b = append(b, ",\n  \"files\": {"...)
	for i, f := range s.Files {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, "\n    "...)
		b = appendText(b, f.Path)
		b = append(b, ": \""...)
		b = append(append(b, f.Data.Digest()...), '"')
	}
	return append(b, "\n  }\n}\n"...)
}

// appendText appends a text as encoding/json writes it.
func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(text) // a string has no errors
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	for i := range len(text) {
		if c := text[i]; c == '"' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, text[i])
	}
	return append(b, '"')
}
