// Package render turns profiles into service directories for s6, in memory.
//
// All is the entry point. Rendering is pure: the same manifest gives the same bytes on every
// machine. Nothing here reads a clock, an environment or a disk, and no value of the host is put
// into a script: HERMES_HOME is expanded when it runs.
//
// The files:
//
//	servicedir.go  what a service directory consists of, its marker included
//	render.go      a profile to its files; templates/ has the scripts
//	templates.go   which templates a manifest needs
//	stencil.go     scripts of one outline, made from each other: faster than the templates
//	content.go     what a file holds, put together when it is asked for
//	turn.go        gateways that take turns to start
//	files.go       the files that variables come from
//	quote.go       a text as a word of a shell
package render

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/template"

	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/writing"
	"hermes-reconcile/render/parallel"
)

// timeoutFinish is how long ./finish may run, in ms; s6's own default, written down so that it is
// ours to know. Ours takes a few ms.
const timeoutFinish = 5000

// What a run script counts a crash loop by, in seconds.
const (
	firstPause = 2   // after the third death in a row; each further one doubles it
	quiet      = 600 // a gateway that lived as long starts with a clean slate
)

// notificationFD is the descriptor that tells s6 that a gateway is ready: the first that is free.
const notificationFD = 3

// latePause is how long to wait, in s, between questions to a gateway that is not ready after its
// timeout.
const latePause = 10

// rootPath is the PATH of rendered scripts: folders that are root's. The container's PATH may have
// some of others, as that of hermes-agent's image has.
const rootPath = "/command:/usr/sbin:/usr/bin:/sbin:/bin"

// maxEntry is the longest NAME=value that Linux passes to a program, in bytes without its NUL
// (MAX_ARG_STRLEN).
const maxEntry = 128<<10 - 1

// All renders every profile of m, in m's order.
func All(m *manifest.Manifest) ([]Servicedir, error) {
	r, err := newRenderer(m)
	if err != nil {
		return nil, err
	}
	dirs := make([]Servicedir, len(m.Profiles))
	err = parallel.Each(len(dirs), func(i int) (err error) {
		p := &m.Profiles[i]
		if dirs[i], err = r.servicedir(p); err != nil {
			return fmt.Errorf("cannot render profile %q: %w", p.Name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return dirs, nil
}

// renderer holds what all service directories of one manifest share.
type renderer struct {
	manifest  *manifest.Manifest
	excerpts  *writing.Excerpts
	templates *template.Template
	stencils  stencils
	mu        sync.Mutex // of finish
	same      []File     // files that are the same for all
	finish    map[ending]File
}

// newRenderer prepares what all profiles of a manifest share.
func newRenderer(m *manifest.Manifest) (*renderer, error) {
	t, err := parseTemplates(needed(m))
	if err != nil {
		return nil, fmt.Errorf("cannot parse the embedded templates: %w", err)
	}
	r := &renderer{
		manifest: m, excerpts: writing.NewExcerpts(m), templates: t, finish: map[ending]File{},
	}
	r.same = []File{
		newFile("flag-timeout-killpg", modeFile, nil),
		newFile("log/type", modeFile, []byte("longrun\n")),
		newFile("timeout-finish", modeFile, line(timeoutFinish)),
		newFile("type", modeFile, []byte("longrun\n")),
	}
	return r, r.addTurns()
}

// finishOf is the ./finish of a profile, rendered once for all that share it.
func (r *renderer) finishOf(p *manifest.Profile) (File, error) {
	onFailure := p.Restart == manifest.RestartOnFailure
	end := ending{onFailure, p.Drain != nil, onFailure && looksAfter(p)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if f, rendered := r.finish[end]; rendered {
		return f, nil
	}
	var text bytes.Buffer
	err := r.templates.ExecuteTemplate(&text, "finish.tmpl",
		finish{r.program("s6-svstat"), end, rootPath, r.findsSupervisor()})
	if err != nil {
		return File{}, err
	}
	r.finish[end] = newFile("finish", modeScript, text.Bytes())
	return r.finish[end], nil
}

// ending is what tells one ./finish from another.
type ending struct {
	OnFailure bool // exit code 0 ends the gateway
	Drains    bool // it may have been asked to end
	Looks     bool // exit code 0 ends it, unless a look has told it to end
}

// finish is what the template of ./finish sees.
type finish struct {
	Svstat string
	ending
	RootPath string
	// SupervisorFolder: see script.
	SupervisorFolder bool
}

// findsSupervisor reports whether scripts look for programs of s6 where their supervisor is. Under
// s6-overlay they have a path that is known.
func (r *renderer) findsSupervisor() bool { return r.manifest.Runtime == manifest.RuntimeS6 }

// program is an s6 program as a script calls it: under s6-overlay its folder may not be on PATH.
func (r *renderer) program(name string) string {
	if r.manifest.Runtime == manifest.RuntimeS6Overlay {
		return "/command/" + name
	}
	return name
}

// script is what the templates of run and log/run see.
type script struct {
	Shebang    string
	Profile    string
	Label      string // starts a message of the script itself
	HermesHome string // where HERMES_HOME is unset
	Home       string // the profile's own HERMES_HOME; empty: it has none
	RootPath   string
	// SupervisorFolder says that the folder of the running s6-supervise comes first on PATH.
	SupervisorFolder bool
	// ContainerPath says that the gateway gets the container's PATH: the profile says no other.
	ContainerPath bool
	Setuidgid     string // shell word: the absolute path of the program
	Setlock       string // as Setuidgid
	Lock          string // that one gateway of the profile has, in its HERMES_HOME
	S6Log         string
	Svdt          string
	LogPatience   int      // how long a logger may take to end, s
	LogTaken      int      // exit code that says that another logger has the folder
	LogScript     []string // words of s6-log's script, quoted where they need it
	LogStdout     bool
	User          string
	Command       []string          // the wrapper's words first
	Env           []manifest.EnvVar // without LoaderEnv
	// LoaderEnv is what the dynamic loader reads. It is set behind the privilege drop: a library
	// that the gateway's user can write must not get into s6-setuidgid while that is root.
	LoaderEnv  []manifest.EnvVar
	Unset      []string
	Secrets    []manifest.Secret
	EnvFiles   []envFile
	SecretsDir string // absolute path; empty: none
	// Said are the variables of which the manifest says something: no file changes them. Reserved
	// are those that no file may set. Both are empty without EnvFiles and SecretsDir.
	Said, Reserved []string
	Backoff        int64 // s; 0: no pause at all
	FirstPause     int   // s
	Quiet          int   // s
	MaxEntry       int
	Ready          *manifest.Ready
	Turns          *turnWords
	// Look is the command that looks after the gateway once it serves; empty: nothing does.
	Look []string

	URL            string // that Ready asks for
	NotificationFD int
	LatePause      int // s
}

// script is what the templates fill in. Programs of s6 are looked up when the script runs: on a
// plain s6 tree only its PATH knows where they are.
func (r *renderer) script(p *manifest.Profile) script {
	s := script{
		Profile:    p.Name,
		Label:      "hermes-reconcile: " + ServiceOf(p.Name),
		Shebang:    "#!/bin/sh",
		HermesHome: r.manifest.HermesHome,
		Home:       p.Home,
		RootPath:   rootPath,
		Setuidgid:  `"$(command -v s6-setuidgid || echo /command/s6-setuidgid)"`,
		Setlock:    `"$(command -v s6-setlock || echo /command/s6-setlock)"`,
		Lock:       lockPrefix + p.Name,
		S6Log:      r.program("s6-log"),
		Svdt:       r.program("s6-svdt"),
		LogScript:  logScript(p),

		LogPatience: logPatience, LogTaken: logTaken,
		LogStdout:  p.Log.Stdout,
		User:       p.User,
		Command:    slices.Concat(p.Wrapper, p.Command),
		Unset:      p.Unset,
		Secrets:    pathLast(p.Secrets),
		Backoff:    int64(p.Backoff.Seconds()),
		FirstPause: firstPause,
		Quiet:      quiet,
		MaxEntry:   maxEntry,
		Ready:      p.Ready,
		Turns:      r.turnWords(),

		SupervisorFolder: r.findsSupervisor(),
		ContainerPath:    !p.Says("PATH"),
		NotificationFD:   notificationFD,
		LatePause:        latePause,
	}
	if p.Ready != nil {
		s.URL = p.Ready.URL(p.Port)
	}
	if looksAfter(p) {
		s.Look = look(p)
	}
	for _, v := range exported(p) {
		if strings.HasPrefix(v.Name, "LD_") {
			s.LoaderEnv = append(s.LoaderEnv, v)
		} else {
			s.Env = append(s.Env, v)
		}
	}
	s.addFiles(p)
	if r.manifest.Runtime == manifest.RuntimeS6Overlay {
		// One word only: the kernel hands the rest of the line over as a single argument, which
		// with-contenv cannot run. An absolute path, since with-contenv looks on the container's
		// PATH.
		s.Shebang = "#!/command/with-contenv /bin/sh"
		s.Setuidgid, s.Setlock = "/command/s6-setuidgid", "/command/s6-setlock"
	}
	return s
}

// logPatience is how long a logger without a supervisor may take to end, in s: milliseconds, but
// for a disk that is full.
const logPatience = 5

// logTaken is the exit code of a look at a log folder that another logger has locked. Those of a
// shell and of s6-setuidgid are others.
const logTaken = 3

// lockPrefix begins the name of the lock of a profile in its HERMES_HOME.
const lockPrefix = ".hermes-reconcile.lock-"

// exported is what the manifest exports to a gateway, sorted by name.
func exported(p *manifest.Profile) []manifest.EnvVar {
	port, told := p.PortVariable()
	if !told {
		return p.Env
	}
	at, _ := slices.BinarySearchFunc(p.Env, port,
		func(a, b manifest.EnvVar) int { return strings.Compare(a.Name, b.Name) })
	return slices.Insert(slices.Clip(p.Env), at, port)
}

// pathLast puts a PATH behind the others: the script needs its own to read them.
func pathLast(secrets []manifest.Secret) []manifest.Secret {
	sorted := slices.Clone(secrets)
	slices.SortStableFunc(sorted, func(a, b manifest.Secret) int {
		return isPath(a) - isPath(b)
	})
	return sorted
}

// isPath sorts a secret PATH last, since the script itself needs the one that it has until then.
func isPath(s manifest.Secret) int {
	if s.Name == "PATH" {
		return 1
	}
	return 0
}

// logScript is s6-log's script for p, without the directory. A selection or stamp is for the next
// action alone, so what goes to stdout carries the profile's name and what goes to the directory
// the time.
func logScript(p *manifest.Profile) []string {
	var words []string
	if p.Log.Stdout {
		words = append(words, quote("p["+p.Name+"]"), "1", "p")
	}
	switch p.Log.Timestamp {
	case manifest.TimestampISO8601:
		words = append(words, "T")
	case manifest.TimestampTAI64N:
		words = append(words, "t")
	}
	return append(words, "n"+strconv.Itoa(p.Log.Keep), "s"+strconv.FormatInt(p.Log.Size, 10))
}

// servicedir renders one profile. Files that are the same for all profiles are rendered once, in
// newRenderer.
func (r *renderer) servicedir(p *manifest.Profile) (Servicedir, error) {
	onFailure := p.Restart == manifest.RestartOnFailure
	dir := Servicedir{
		Name: ServiceOf(p.Name), Profile: p.Name, Port: p.Port, User: p.User, OnFailure: onFailure,
		Last: p.State == manifest.StateLast, Ready: p.Ready, Drain: p.Drain,
	}
	finish, err := r.finishOf(p)
	if err != nil {
		return Servicedir{}, err
	}
	dir.Files = append(append(make([]File, 0, mostFiles), r.same...), finish,
		newFile("timeout-kill", modeFile, line(p.StopTimeout.Milliseconds())))
	if p.State == manifest.StateDown {
		dir.Files = append(dir.Files, newFile(DownPath, modeFile, nil))
	}
	r.addStart(&dir, p)
	if p.Ready != nil {
		dir.Files = append(dir.Files, newFile(NotificationPath, modeFile, line(notificationFD)))
	}
	dir.Liveness = looksAfter(p)
	if err := r.addScripts(&dir, p); err != nil {
		return Servicedir{}, err
	}
	excerpt, err := r.excerpts.Make(p)
	if err != nil {
		return Servicedir{}, err
	}
	dir.seal(excerpt)
	return dir, nil
}

// mostFiles is how many files a service directory has at most.
const mostFiles = 14

// addScripts adds what is rendered from the template of a profile's own scripts.
func (r *renderer) addScripts(dir *Servicedir, p *manifest.Profile) error {
	s := r.script(p)
	key, texts := outline(&s)
	for _, t := range []struct{ template, path string }{
		{"run.tmpl", "run"}, {"log-run.tmpl", "log/run"}, {"check.tmpl", "data/check"},
	} {
		if t.path == "data/check" && !checks(p) {
			continue
		}
		text, err := r.execute(t.template, key, texts, &s)
		if err != nil {
			return err
		}
		dir.Files = append(dir.Files, File{t.path, modeScript, text})
	}
	return nil
}

// line is n as s6 reads numbers from files.
func line(n int64) []byte { return append(strconv.AppendInt(nil, n, 10), '\n') }
