// Package explain says what a plan does, and what became of it, in the forms that people and
// programs read.
//
// New makes a Report of a plan and Finish adds what became of it; Text, Files, JSON, Markdown and
// GitHub print one. A Report masks secrets, by masking, so no form can show what another hides, and
// whether there are differences stands in it once. What takes much memory is told a profile at a
// time.
// Nothing here reads a file, a clock or an environment: the same plan gives the same bytes
// everywhere.
//
// The files:
//
//	report.go    a plan, made to be read; verbs.go: what is done, in words, and how often
//	changes.go   what changes in the manifest's words; alike.go: said once for several
//	files.go     which files differ, and how
//	text.go      for a terminal; markdown.go: for a pull request; github.go: annotations
//	json.go      for programs; message.go: errors and warnings for them
//	status.go    the form of status; doctor.go: that of doctor
package explain

import (
	"fmt"
	"slices"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/changes"
	"hermes-reconcile/cmd/hermes-reconcile/masking"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// Format is the version of the JSON form. It changes when something that is there changes its
// meaning or goes.
const Format = 1

// Report is a plan, made to be read. Its JSON form is described by schema/report.json.
type Report struct {
	Format    int        `json:"format"`
	Against   string     `json:"against"` // live, manifest or tree
	Differs   bool       `json:"differs"`
	Digest    string     `json:"digest"` // of the plan, for apply --expect
	Summary   Summary    `json:"summary"`
	Profiles  []Profile  `json:"profiles"`
	Leftovers []Leftover `json:"leftovers"`
	Unknown   []string   `json:"unknown"` // what only a live scandir could tell
	Notes     []string   `json:"notes"`   // what apply had to say besides
	// NoteCodes are what kinds of notes they are, in the same order.
	NoteCodes []reconcile.NoteCode `json:"note_codes"`

	Canary *Canary `json:"canary,omitempty"` // of an apply with one
	// Role is why nothing was looked at: what the environment says of this container.
	Role     string `json:"role,omitempty"`
	manifest string // where to show what the manifest does not name
	finished bool   // it is of an apply that has been
}

// Canary is how the gateways did on which a plan was tried first.
type Canary struct {
	Profiles []string      `json:"profiles"`
	Settle   string        `json:"settle"` // for how long they had to be up
	Outcome  CanaryOutcome `json:"outcome"`
	Why      string        `json:"why,omitempty"` // they have failed
	// RolledBackTo is the number of the manifest in the history that they have again.
	RolledBackTo int `json:"rolled_back_to,omitempty"`
}

// CanaryOutcome is a canary in a word.
type CanaryOutcome string

const (
	CanaryHeld   CanaryOutcome = "held"
	CanaryFailed CanaryOutcome = "failed"
)

// Summary counts the profiles.
type Summary struct {
	Text string `json:"text"` // the line that ends the text form
	// Create counts services that are not there, or that have a directory which cannot be brought
	// to what it should be.
	Create int `json:"create"`
	// Adopt counts services that others have made, and that the manifest names.
	Adopt int `json:"adopt"`
	// Update counts services with a file, an owner or a process that differs.
	Update int `json:"update"`
	// Start and Stop count services where nothing but the wanted state differs.
	Start int `json:"start"`
	Stop  int `json:"stop"`
	// Remove counts services that the manifest does not name any more.
	Remove    int `json:"remove"`
	Unchanged int `json:"unchanged"`
	// Ended counts gateways that exited in a way after which s6 leaves them down.
	Ended int `json:"ended"`
	// Foreign counts services that others have made, and that are left alone.
	Foreign        int `json:"foreign"`
	Restarts       int `json:"restarts"`        // gateways that restart
	LoggerRestarts int `json:"logger_restarts"` // loggers that do
}

// Profile is what becomes of one profile's gateway, and why.
type Profile struct {
	Profile string       `json:"profile"`
	Service string       `json:"service"`
	Action  reconcile.Op `json:"action"`
	Restart Restart      `json:"restart"`
	Gateway string       `json:"gateway"` // keep, restart, start or stop
	Logger  string       `json:"logger"`  // keep or restart
	Port    int          `json:"port,omitempty"`
	WaitFor []string     `json:"waits_for,omitempty"` // the services that give its port up first
	Reasons []string     `json:"reasons"`
	// ReasonCodes are what kinds of reasons they are, in the same order.
	ReasonCodes []reconcile.ReasonCode `json:"reason_codes"`
	Place       *Place                 `json:"place,omitempty"` // in the manifest
	// OldPlace is where the old manifest spoke of a profile that goes.
	OldPlace *Place `json:"old_place,omitempty"`
	// Changes are what changes in the words of the manifest, sorted by key; nil: what was there
	// before is not known.
	Changes []KeyChange `json:"changes"`
	// Rendered are the files that this version of the program renders differently from the same
	// manifest.
	Rendered    []string `json:"rendered,omitempty"`
	RenamedFrom string   `json:"renamed_from,omitempty"`
	RenamedTo   string   `json:"renamed_to,omitempty"`
	Files       []File   `json:"files"`
	Result      Result   `json:"result,omitempty"` // only after an apply
	Error       string   `json:"error,omitempty"`
	// Delay: what the rest of it waits for; it is owed then.
	Delay string `json:"delay,omitempty"`
	// Late: why it has not come as far as apply was to wait for.
	Late string `json:"late,omitempty"`

	fresh   bool               // there was no such service
	differs bool               // files of it do
	compare func(*Profile)     // adds what changes in the words of the manifest; nil: that is done
	diff    func(i int) string // of a file; nil: none is told
}

// Restart says in a word what restarts.
type Restart string

const (
	RestartYes    Restart = "yes" // the gateway, if not the logger, too
	RestartLogger Restart = "logger"
	RestartNo     Restart = "no"
)

// Result says what became of a change.
type Result string

const (
	Planned Result = "" // nothing yet
	Done    Result = "done"
	Owed    Result = "owed" // left to the next apply
	Failed  Result = "failed"
)

const keep = "keep"

// Place is where a manifest speaks of a profile. Lines and columns count from 1.
type Place struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// File is a file of a service directory that differs. Before is nil where there was none, After
// where there will be none.
type File struct {
	// Path is relative to the service directory.
	Path string `json:"path"`
	// Before is nil for a file that comes, After for one that goes.
	Before *Content `json:"before"`
	After  *Content `json:"after"`
	// Diff is a unified diff, secrets masked. It is empty where it would tell nothing: of the
	// marker, which only follows the other files, and of those files of a new gateway that are the
	// same for every profile.
	Diff string `json:"diff"`
}

// Content is one side of a file. The digest is of the file as it is, secrets included.
type Content struct {
	SHA256    string `json:"sha256,omitempty"`
	Mode      string `json:"mode,omitempty"` // as in 0755
	Irregular bool   `json:"irregular,omitempty"`
}

// Leftover is a removal that an earlier apply did not finish.
type Leftover struct {
	Service string `json:"service"`
	Reason  string `json:"reason"`
}

// Options say what a Report needs besides the plan.
type Options struct {
	Against  string           // live, manifest or tree; empty: live
	Places   map[string]Place // of profiles, by name
	Manifest string           // file to point at for a profile that has no place
	Mask     *masking.Mask    // nil: nothing is masked
	Unknown  []string
	NoFiles  bool // leave out which files differ
	Diffs    bool // say how they do: that is most of the work
	// Changes is the plan in the words of the manifest; nil: they are not told.
	Changes Told
	// Place is a position as the form wants it; old: of the old manifest.
	Place func(p manifest.Position, old bool) Place
}

// Told gives what changes of the profile of a service.
type Told interface {
	Profile(service string) changes.Profile
}

// New makes a report of a plan.
func New(plan reconcile.Plan, opt Options) Report {
	r := Report{
		Format: Format, Against: opt.Against, Differs: !plan.Empty(), Digest: plan.Digest(), manifest: opt.Manifest,
		Profiles: make([]Profile, 0, len(plan.Changes)), Leftovers: []Leftover{}, Unknown: append([]string{}, opt.Unknown...), Notes: []string{},
		NoteCodes: []reconcile.NoteCode{},
	}
	if r.Against == "" {
		r.Against = AgainstLive
	}
	for i, c := range plan.Changes {
		if c.Left {
			continue
		}
		p := newProfile(c)
		if place, found := opt.Places[c.Profile]; found {
			p.Place = &place
		}
		if !opt.NoFiles {
			p.addFiles(&plan.Changes[i], r.sides(), opt)
		}
		if opt.Changes != nil {
			p.compare = func(p *Profile) { p.tellChanges(opt.Changes.Profile(p.Service), opt) }
		}
		r.Profiles = append(r.Profiles, p)
	}
	for _, h := range plan.Leftovers {
		r.Leftovers = append(r.Leftovers, Leftover{h.Name, "an interrupted apply had begun to"})
	}
	r.Summary = summarize(r.Profiles)
	r.Summary.Text = tally(r.Profiles, planned)
	if !r.Differs {
		r.Summary.Text = "no changes: " + r.Summary.Text
	}
	return r
}

// What the old side of a comparison can be.
const (
	AgainstLive     = "live"
	AgainstManifest = "manifest"
	AgainstTree     = "tree"
)

// sides are what diffs call both sides.
func (r *Report) sides() [2]string {
	if r.Against == AgainstLive {
		return [2]string{"scandir", "manifest"}
	}
	return [2]string{"old", "new"}
}

// newProfile tells of one change what the plan says. What becomes of the gateway follows from the
// operation where the change names no step of its own.
func newProfile(c reconcile.Change) Profile {
	p := Profile{
		Profile: c.Profile, Service: c.Service, Action: c.Op, Port: c.Port, WaitFor: c.Await,
		Restart: RestartNo, Gateway: keep, Logger: keep, Reasons: c.Reasons.Texts(), ReasonCodes: c.Reasons.Codes(), Files: []File{},
		fresh: c.Actual.Name == "", differs: len(c.Files) > 0,
	}
	if !c.Acts() {
		p.Changes = []KeyChange{}
	}
	up, _ := c.Wants()
	switch {
	case c.Gateway != reconcile.Keep:
		p.Gateway = string(c.Gateway)
	case c.Op == reconcile.Create && up:
		p.Gateway = string(reconcile.BringUp)
	case c.Op == reconcile.Remove:
		p.Gateway = string(reconcile.Down)
	}
	if c.RestartLogger {
		p.Restart, p.Logger = RestartLogger, string(reconcile.Restart)
	}
	if c.Gateway == reconcile.Restart {
		p.Restart = RestartYes
	}
	return p
}

// Finish adds to the report of a plan what became of it.
func (r *Report) Finish(result reconcile.Result) {
	r.finished = true
	for _, note := range result.Notes {
		r.Notes, r.NoteCodes = append(r.Notes, note.Text), append(r.NoteCodes, note.Code)
	}
	outcomes := make(map[string]*reconcile.Outcome, len(result.Outcomes))
	for i := range result.Outcomes {
		outcomes[result.Outcomes[i].Change.Service] = &result.Outcomes[i]
	}
	done := make([]Profile, 0, len(r.Profiles))
	delayed := 0
	for i := range r.Profiles {
		p := &r.Profiles[i]
		switch o, found := outcomes[p.Service]; {
		case !found:
		case o.Err != nil:
			p.Result, p.Error = Failed, o.Err.Error()
		case o.Delay != nil:
			p.Result, p.Delay = Owed, o.Delay.Error()
			delayed++
		case o.Pending:
			p.Result = Owed
		default:
			p.Result = Done
			done = append(done, *p)
		}
	}
	r.Summary.Text = tally(done, past)
	if delayed > 0 {
		r.Summary.Text += fmt.Sprintf("; %d not yet: %s", delayed, Waits)
	}
	if !r.Differs {
		r.Summary.Text = "nothing changed: " + r.Summary.Text
	}
}

// Waits says of gateways that are not as they should be yet what they wait for.
const Waits = "gateways drain, and the next apply or watch does the rest"

// Late says why a gateway has not come as far as apply was to wait for.
func (r *Report) Late(service, why string) {
	i, found := slices.BinarySearchFunc(r.Profiles, service,
		func(p Profile, name string) int { return strings.Compare(p.Service, name) })
	if found { // a plan is sorted by service
		r.Profiles[i].Late = why
	}
}

// Why are the reasons in one line.
func (p *Profile) Why() string {
	reasons := p.Reasons
	if p.Delay != "" {
		reasons = append(slices.Clone(reasons), p.Delay)
	} else if len(p.WaitFor) > 0 {
		reasons = append(slices.Clone(reasons),
			fmt.Sprintf("waits for port %d of %s", p.Port, strings.Join(p.WaitFor, ", ")))
	}
	return strings.Join(reasons, "; ")
}

// Unexplained reports whether files differ for a reason that is not all in the manifest's words.
func (r *Report) Unexplained() bool {
	return slices.ContainsFunc(r.Profiles, func(p Profile) bool {
		return p.acts() && p.differs && p.Action != reconcile.Remove &&
			(len(p.Changes) == 0 || len(p.Rendered) > 0)
	})
}

// acts reports whether something is done to the profile's gateway.
func (p *Profile) acts() bool { return reconcile.Change{Op: p.Action}.Acts() }

// shown reports whether a profile is worth a line: something is done to it, or there are reasons
// that the user may ask about. Failures are told elsewhere.
func (p *Profile) shown() bool {
	return p.Result != Failed && (p.Action != reconcile.Unchanged || len(p.Reasons) > 0)
}

// profile is the name of the profile that a service is of.
func (l *Leftover) profile() string { return render.ProfileOf(l.Service) }
