//go:build linux

package logs

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/loglines"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/render"
)

// How many lines of what is there are shown, unless Options say so.
const (
	FollowLines   = 10 // before what is added, as tail -f and journalctl -f do
	PreviousLines = 20 // of the last life: how it ended
	everyLine     = "all"
)

// Options say which lines of which logs are wanted, as the user types it. Times are texts here: a
// Wish has them, dates and durations alike.
type Options struct {
	Patterns []string // names of profiles, globs
	All      bool     // the logs of all gateways
	Follow   bool     // what is added, too, until the context ends
	Previous bool     // how the previous life of the gateway ended
	Lines    string   // only the last so many, or all of them; empty depends on Follow and Previous
	Since    string   // only lines from that time on
	Until    string   // only lines before that time
	Grep     string   // only lines with a match of that regular expression
	JSON     bool     // an object for each line
}

// Wish is what options mean: each differs from all others.
type Wish struct {
	Options
	lines int // home.AllLines: all
	filter
}

// filter says which lines of logs are shown. Until is the first moment that is not shown.
type filter struct {
	from, until time.Time      // zero is no limit
	like        *regexp.Regexp // nil: all
}

// Wish reads options, with an error of usage for the first one that cannot be meant. Times that are
// relative count from now, whichever log they are used for.
func (o Options) Wish(now time.Time) (*Wish, error) {
	err := choose.NamedOrAll("logs", "names of profiles, globs", o.Patterns, o.All)
	if err != nil {
		return nil, err
	}
	w := &Wish{Options: o}
	if w.lines, err = o.count(); err != nil {
		return nil, err
	}
	w.filter, err = o.filter(now)
	return w, err
}

// count is how many lines to show of what is there.
func (o Options) count() (int, error) {
	switch {
	case o.Lines == everyLine, o.Lines == "" && !o.Follow && !o.Previous:
		return home.AllLines, nil
	case o.Lines == "" && o.Previous:
		return PreviousLines, nil
	case o.Lines == "":
		return FollowLines, nil
	}
	n, err := strconv.Atoi(o.Lines)
	if err != nil || n < 0 {
		return 0, usage.Errorf("--lines: %q is not known (want a number of lines, or %s)", o.Lines,
			everyLine)
	}
	return n, nil
}

// filter reads what says which lines are shown.
func (o Options) filter(now time.Time) (found filter, err error) {
	if found.from, err = moment("--since", o.Since, now); err != nil {
		return filter{}, err
	}
	if found.until, err = moment("--until", o.Until, now); err != nil {
		return filter{}, err
	}
	if !found.from.IsZero() && !found.until.IsZero() && !found.from.Before(found.until) {
		return filter{}, usage.Errorf("--since: %s is not before --until %s", o.Since, o.Until)
	}
	if o.Follow && (o.Until != "" || o.Previous) {
		return filter{}, usage.Errorf(
			"--follow prints new lines (want it without --until and --previous)")
	}
	if o.Previous && (o.Since != "" || o.Until != "") {
		return filter{}, usage.Errorf("--previous already chooses a time (want it without --since and --until)")
	}
	if o.Grep == "" {
		return found, nil
	}
	found.like, err = regexp.Compile(o.Grep)
	var wrong *syntax.Error
	if errors.As(err, &wrong) {
		return filter{}, usage.Errorf("--grep: %s in %q (want a regular expression)", wrong.Code, wrong.Expr)
	}
	return found, err
}

// moment is the time that a flag means, zero if it is not given.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, ok := loglines.When(text, now)
	if !ok {
		return time.Time{}, usage.Errorf("%s: %q is not a time (want %s)", flag, text, loglines.WhenForms)
	}
	return at, nil
}

// Log is a log that is to be shown.
type Log struct {
	profile string
	who     home.Account
	home.Log
	from, until time.Time // when the lines were written that are shown, as in a filter
}

// Find finds the logs of the gateways that are wished for, and the users of the logs. The manifest
// may be nil. Of a gateway that was not named itself an error is said by warn.
func (w *Wish) Find(place *deploy.Place, m *manifest.Manifest, warn Warn) (logs []Log, err error) {
	services, err := choose.Read(place, w.Patterns)
	if err != nil {
		return nil, w.explainFile(err)
	}
	for _, s := range services {
		log, err := w.logOf(place, s, m)
		switch {
		case err == nil:
			logs = append(logs, log)
		case len(services) == 1 || slices.Contains(w.Patterns, render.ProfileOf(s.Name)):
			return nil, err
		default: // it is one of those that a glob means
			warn(explain.WarnLog, "%v", err)
		}
	}
	return logs, nil
}

// explainFile says what -f means here where its file was taken for a profile.
func (w *Wish) explainFile(err error) error {
	var unknown *choose.UnknownError
	if !w.Follow || !errors.As(err, &unknown) || !sources.LooksNamed(unknown.Pattern) {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(w.Patterns),
		func(p string) bool { return p == unknown.Pattern })
	name := "PROFILE"
	if len(others) > 0 {
		name = strings.Join(others, " ")
	}
	return usage.WithHint(
		usage.Errorf("-f of logs is --follow, so %q was taken for a profile", unknown.Pattern),
		"hermes-reconcile logs --file %s %s", unknown.Pattern, name)
}

// logOf finds one log.
func (w *Wish) logOf(place *deploy.Place, s reconcile.Service, m *manifest.Manifest) (Log, error) {
	log := Log{profile: render.ProfileOf(s.Name), from: w.from, until: w.until}
	var err error
	if log.Folder, err = folderOf(place, s, m); err != nil {
		return Log{}, err
	}
	if log.who, err = readerOf(place, s, m); err != nil {
		return Log{}, err
	}
	if w.Previous {
		log.from, log.until = lastLife(operate.LookAt(place.Sup, s))
	}
	log.Since = log.from
	return log, nil
}

// lastLife is when the last life of a gateway that has ended began, as far as that is known, and
// when the next one began, or has not yet.
func lastLife(look reconcile.Look) (from, until time.Time) {
	if look.PID != 0 {
		until = look.Since
	}
	deaths := look.Deaths
	if n := len(deaths); n > 1 { // the last death ended that life, the one before it the life before
		from = deaths[n-2].At
	}
	if !from.Before(until) && !until.IsZero() { // its last death is older than what s6 remembers
		from = time.Time{}
	}
	return from, until
}
