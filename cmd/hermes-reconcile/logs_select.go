//go:build linux

package main

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/loglines"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/render"
)

// wantedLog is a log that is to be shown.
type wantedLog struct {
	profile string
	who     home.Account
	home.Log
	// from and until are when the lines were written that are shown; zero is no limit. Until is the
	// first moment that is not shown.
	from, until time.Time
}

// filter says which lines of logs are shown.
type filter struct {
	from, until time.Time
	like        *regexp.Regexp // nil: all
}

// filter reads the flags that say which lines are shown.
func (f *logsFlags) filter(now time.Time) (found filter, err error) {
	if found.from, err = moment("--since", f.since, now); err != nil {
		return filter{}, err
	}
	if found.until, err = moment("--until", f.until, now); err != nil {
		return filter{}, err
	}
	if !found.from.IsZero() && !found.until.IsZero() && !found.from.Before(found.until) {
		return filter{}, usagef("--since: %s is not before --until %s", f.since, f.until)
	}
	if f.follow && (f.until != "" || f.previous) {
		return filter{}, usagef(
			"--follow prints new lines (want it without --until and --previous)")
	}
	if f.previous && (f.since != "" || f.until != "") {
		return filter{}, usagef("--previous already chooses a time (want it without --since and --until)")
	}
	if f.grep == "" {
		return found, nil
	}
	found.like, err = regexp.Compile(f.grep)
	var wrong *syntax.Error
	if errors.As(err, &wrong) {
		return filter{}, usagef("--grep: %s in %q (want a regular expression)", wrong.Code, wrong.Expr)
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
		return time.Time{}, usagef("%s: %q is not a time (want %s)", flag, text, loglines.WhenForms)
	}
	return at, nil
}

// whichLogs refuses arguments that name no log, or a file.
func (f *logsFlags) whichLogs(patterns []string) error {
	return choose.NamedOrAll("logs", "names of profiles, globs", patterns, f.all)
}

// explainFile says what -f means here where its file was taken for a profile.
func (f *logsFlags) explainFile(patterns []string, err error) error {
	var unknown *choose.UnknownError
	if !f.follow || !errors.As(err, &unknown) || !sources.LooksNamed(unknown.Pattern) {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(patterns),
		func(p string) bool { return p == unknown.Pattern })
	name := "PROFILE"
	if len(others) > 0 {
		name = strings.Join(others, " ")
	}
	return withHint(
		usagef("-f of logs is --follow, so %q was taken for a profile", unknown.Pattern),
		"%s logs --file %s %s", program, unknown.Pattern, name)
}

// find finds the logs of the gateways that are named, and the users of the logs.
func (f *logsFlags) find(
	u ui,
	m *manifest.Manifest,
	patterns []string,
	lines filter,
) ([]wantedLog, error) {
	scandir, err := f.look(scandirOf(m))
	if err != nil {
		return nil, err
	}
	defer scandir.Close()
	services, err := choose.Read(scandir, patterns)
	if err != nil {
		return nil, f.explainFile(patterns, err)
	}
	return f.each(u, scandir, services, m, patterns, lines)
}

// each finds the logs of services, as far as their users are known.
func (f *logsFlags) each(
	u ui,
	scandir *deploy.Place,
	services []reconcile.Service,
	m *manifest.Manifest,
	patterns []string,
	lines filter,
) (logs []wantedLog, err error) {
	for _, s := range services {
		log, err := f.logOf(scandir, s, m, lines)
		switch {
		case err == nil:
			logs = append(logs, log)
		case len(services) == 1 || slices.Contains(patterns, render.ProfileOf(s.Name)):
			return nil, err
		default: // it is one of those that a glob means
			u.warning(explain.WarnLog, "%v", err)
		}
	}
	return logs, nil
}

// logOf finds one log.
func (f *logsFlags) logOf(
	scandir *deploy.Place,
	s reconcile.Service,
	m *manifest.Manifest,
	lines filter,
) (wantedLog, error) {
	log := wantedLog{profile: render.ProfileOf(s.Name), from: lines.from, until: lines.until}
	var err error
	if log.Folder, err = logFolderOf(scandir, s, m); err != nil {
		return wantedLog{}, err
	}
	if log.who, err = logReader(scandir, s, m); err != nil {
		return wantedLog{}, err
	}
	if f.previous {
		log.from, log.until = lastLife(operate.LookAt(scandir.Sup, s))
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

// noLog is why a gateway has none.
func noLog(log wantedLog) error {
	return withHint(
		fmt.Errorf("%s has no log yet: nothing was written to %q", log.profile, log.Folder),
		"%s status %s", program, log.profile)
}
