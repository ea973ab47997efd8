//go:build linux

// Package logbook has the lines about gateways that watch logs, and that an apply leaves in a
// report: a line for each, with keys, for people or for programs.
package logbook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/pace"
)

// reportLimit is how large the report of apply --boot grows before it is rotated, in bytes. A boot
// of ten profiles writes about 1 kB.
const reportLimit = 1 << 20

// Report is what happened, a line a profile, in logfmt.
type Report struct {
	text bytes.Buffer
	Log  *slog.Logger // for other lines of it
}

// Warn takes a warning, with its code for programs.
type Warn func(code explain.Code, format string, args ...any)

// NewReport collects in memory, since where a report goes is known only once the manifest has been
// read.
func NewReport() *Report {
	r := &Report{}
	r.Log = New(&r.text, Logfmt)
	return r
}

// The forms of log lines.
const (
	Logfmt = "logfmt"
	json   = "json"
)

// New writes log lines in a form: Logfmt, or else JSON objects. Characters that a reader cannot see
// are escaped.
func New(w io.Writer, form string) *slog.Logger {
	if form == json {
		return slog.New(slog.NewJSONHandler(visible.NewWriter(w, visible.JSON), nil))
	}
	return slog.New(
		slog.NewTextHandler(visible.NewWriter(w, visible.Text),
			&slog.HandlerOptions{ReplaceAttr: forPeople}),
	) // slog quotes most of what is hidden, not all
}

// The keys of a line that are for programs: only JSON has them.
const (
	KeyEvent  = "event"
	KeyCode   = "code"
	keyAction = "action"
	keyResult = "result"
	keyWhy    = "reason_codes"
	keyPlace  = "place" // in a manifest
)

// forPeople drops the keys that are for programs.
func forPeople(groups []string, a slog.Attr) slog.Attr {
	programs := []string{KeyEvent, KeyCode, keyAction, keyResult, keyWhy}
	if slices.Contains(groups, keyPlace) || slices.Contains(programs, a.Key) {
		return slog.Attr{}
	}
	return a
}

// PlaceIn is the place of an error in a manifest, as keys of a line.
func PlaceIn(err error) []any {
	var wrong *manifest.Error
	if errors.As(err, &wrong) {
		return Place(wrong.Pos)
	}
	return nil
}

// Place is a place in a manifest, as keys of a line.
func Place(at manifest.Position) []any {
	if at.Line == 0 {
		return nil
	}
	return []any{slog.Group(keyPlace, "file", at.File, "line", at.Line, "column", at.Column)}
}

// Outcomes adds a line a profile: what was done, whether its gateway should be up, and why.
func (r *Report) Outcomes(outcomes []reconcile.Outcome) {
	for _, o := range outcomes {
		Outcome(r.Log, o)
	}
}

// Outcome is the line about one profile; more is added at its end.
func Outcome(log *slog.Logger, o reconcile.Outcome, more ...any) {
	up, why := o.Change.Wants()
	args := []any{"profile", o.Change.Profile}
	if o.Change.Wanted() {
		args = append(args, "gateway", upOrDown(up))
	}
	args = append(args, "why", why)
	if len(o.Change.Reasons) > 0 {
		args = append(args, "reason", strings.Join(o.Change.Reasons.Texts(), "; "))
	}
	args = append(args, more...)
	args = append(args, KeyEvent, "gateway", keyAction, o.Change.Op,
		keyWhy, o.Change.Reasons.Codes())
	switch {
	case o.Err != nil:
		log.Error(
			"cannot "+explain.Verb(o.Change, explain.Planned),
			append(args, "error", o.Err.Error(), keyResult, explain.Failed,
				KeyCode, failure.CodeOf(o.Err))...)
	case o.Delay != nil:
		log.Info(explain.Verb(o.Change, explain.Owed),
			append(args, "waits", o.Delay.Error(), keyResult, explain.Owed)...)
	case o.Pending:
		log.Warn(explain.Verb(o.Change, explain.Owed), append(args, keyResult, explain.Owed)...)
	default:
		log.Info(explain.Verb(o.Change, explain.Done), append(args, keyResult, explain.Done)...)
	}
}

// upOrDown is the state that a manifest would name.
func upOrDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

// Failure adds what made it impossible to do anything, several errors on a line each.
func (r *Report) Failure(err error) {
	for _, e := range failure.Flatten(err) {
		r.Log.Error(e.Error())
	}
}

// Write appends the report to its file, absolute or relative to HERMES_HOME: below that as the user
// that it belongs to.
func (r *Report) Write(
	ctx context.Context, file string, h *homes.Homes, limit time.Duration, warn Warn,
) {
	// An apply that was interrupted, or took all of its time, is reported as well.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if !filepath.IsAbs(file) {
		file = filepath.Join(h.Path, file)
	}
	if !filepath.IsAbs(file) {
		warn(explain.WarnReport, "cannot write the report: %s %q is not absolute", homes.Variable, h.Path)
		return
	}
	// The disk has not answered before in this run: another child would only hang there, too.
	if h.Silent.Load() && within(h.Path, file) {
		warn(explain.WarnReport, "cannot write the report %q: %v", file, home.ErrSilent)
		return
	}
	who, err := pace.WithinLimit(ctx, func() (home.Account, error) {
		who, err := writer(h, file)
		if err == nil && os.Geteuid() == 0 && !who.Switch {
			err = trespass(h, file)
		}
		return who, err
	})
	if errors.Is(err, reconcile.ErrInterrupted) {
		err = home.ErrSilent
	}
	var answer home.Answer
	if err == nil {
		request := home.Request{
			Home:   h.Path,
			Report: &home.Report{File: file, Text: r.text.String(), Limit: reportLimit},
		}
		answer, err = h.Helpers.Ask(ctx, who, request)
	}
	if err != nil {
		warn(explain.WarnReport, "cannot write the report %q: %v", file, err)
	}
	for _, fault := range answer.Faults {
		warn(explain.WarnReport, "%s", homes.Short(fault))
	}
}

// writer is the user that writes the report: below HERMES_HOME that of the root profile, or else
// of the first; without a manifest the owner of the place.
func writer(h *homes.Homes, file string) (home.Account, error) {
	if os.Geteuid() != 0 || !within(h.Path, file) {
		return home.Account{}, nil
	}
	profiles := append([]string{manifest.DefaultProfile}, slices.Sorted(maps.Keys(h.Users))...)
	for _, profile := range profiles {
		if name := h.Users[profile]; name != "" {
			found, err := user.Lookup(name)
			if err != nil {
				return home.Account{}, fmt.Errorf("this system has no account %q", name)
			}
			return homes.Credentials(found)
		}
	}
	uid, err := ownerOf(h.Path, filepath.Dir(file))
	if err != nil || uid == 0 {
		return home.Account{}, err
	}
	return homes.CredentialsByID(uid)
}

// trespass refuses a file that root would write where a gateway's user, or everybody, decides what
// file that is.
func trespass(h *homes.Homes, file string) error {
	who := accounts.NewSuspects(slices.Collect(maps.Values(h.Users))...)
	if at, name := who.Reach(file); at != "" {
		return fmt.Errorf("%s can write %s", name, at)
	}
	return nil
}

// within reports whether a path lies below a folder, by their names.
func within(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

// ownerOf is the owner of the first of these folders that is not root's, else root.
func ownerOf(folders ...string) (uint32, error) {
	for _, folder := range folders {
		info, err := os.Lstat(folder)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
			return st.Uid, nil
		}
	}
	return 0, nil
}
