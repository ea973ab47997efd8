//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl"
)

// statusFlags are the flags of status.
type statusFlags struct {
	scandirFlags
	form  string
	watch bool
}

func newStatusCommand(u ui) *cobra.Command {
	var manifestFile manifestFlags
	var flags statusFlags
	cmd := &cobra.Command{
		Use:   "status [PROFILE...]",
		Short: "show the gateways of the scandir: wanted, state, ready, pid, since, restarts, port, drift",
		Long: `Show the gateways of the scandir, a row each.

STATE is up, ready (it has answered as ready in its profile asks), down, starting, waiting (for another gateway
of its profile, which has its home), stopping, backing off (it died again
and again, so its next start waits), crash loop (it died three times in a row or more, and has not yet run for longer than
before it died last), ended (it exited 78, or 0 with restart: on-failure), frozen log (its log file was deleted or moved, so that it
will block), double (a second gateway of its profile runs outside its place), unsupervised, or unknown (its directory cannot
be read). What helps to judge it stands in parentheses.
READY is yes once the gateway has answered as ready in its profile asks, and - where the profile has no ready.
RESTARTS counts how often it died since it was last started on purpose.
DRIFT names files that are not as they were rendered, loggers in trouble, restarts that an interrupted apply owes, and where a
gateway runs outside its place, twice, or under another name (a double): a row of its own where its directory is gone.
The scandir is --scandir, else $` + scandirVariable + `, else that of the manifest (-f, else $` + fileVariable + `, else ` + defaultManifest + ` if it is there), else
` + defaultScandir + `.`,
		RunE: func(cmd *cobra.Command, profiles []string) error {
			if flags.form != formText && flags.form != formJSON {
				return usagef("--output: %q is not known (want text, json)", flags.form)
			}
			path, err := findScandir(u, &flags.scandirFlags, &manifestFile)
			if err != nil {
				return err
			}
			if flags.watch {
				return watchStatus(cmd.Context(), u, &flags, path, profiles)
			}
			v, err := flags.look(u, path, profiles)
			if err != nil {
				return err
			}
			return v.print(u, flags.form)
		},
	}
	flags.add(cmd)
	manifestFile.add(cmd)
	cmd.Flags().StringVarP(&flags.form, "output", "o", formText, "form of the output: `text|json`")
	cmd.Flags().
		BoolVarP(&flags.watch, "watch", "w", false, "go on looking: a terminal shows what is, anything else gets it anew when it has changed")
	return cmd
}

// findScandir finds the scandir without insisting on a manifest.
func findScandir(u ui, flags *scandirFlags, file *manifestFlags) (string, error) {
	if flags.path != "" || variable(scandirVariable) != "" {
		return "", nil
	}
	m, err := file.loadIfAny(u)
	if m == nil || err != nil {
		return defaultScandir, err
	}
	return m.Scandir, nil
}

// loadIfAny reads the manifest if there is one: who looks for trouble, or ends a container, may
// have none, or a broken one. One that was named on the command line has to be there, and right.
func (f *manifestFlags) loadIfAny(u ui) (*manifest.Manifest, error) {
	if _, err := os.Stat(defaultManifest); errors.Is(err, fs.ErrNotExist) && !f.named() {
		return nil, nil
	}
	m, err := f.load()
	if err != nil && len(f.files) == 0 {
		first, _, _ := strings.Cut(err.Error(), "\n") // of all that validate tells
		u.warning("the manifest is left out of account: %s", first)
		u.hint("%s validate", program)
		return nil, nil
	}
	return m, err
}

// statusView is what status shows.
type statusView struct {
	explain.Status
	lines []string // of the table
}

func (f *statusFlags) look(u ui, path string, profiles []string) (*statusView, error) {
	scandir, err := f.open(path)
	if err != nil {
		return nil, err
	}
	defer scandir.Close()
	warnSilent(u, scandir)
	actual, err := scandir.Read()
	if err != nil {
		return nil, err
	}
	services, err := pick(actual.Running(), profiles)
	if err != nil {
		return nil, err
	}
	v := &statusView{
		Status: explain.Status{
			Format:    explain.StatusFormat,
			Scandir:   scandir.path,
			Listening: actual.Listening,
			Gateways:  []explain.Gateway{},
		},
	}
	v.lines = []string{
		cells("PROFILE", "WANTED", "STATE", "READY", "PID", "SINCE", "RESTARTS", "PORT", "DRIFT"),
	}
	for _, s := range services {
		g := gateway(s, scandir, actual)
		v.Gateways = append(v.Gateways, g)
		v.lines = append(v.lines, statusRow(g, s.Status, time.Now()))
	}
	if !actual.Held.IsZero() {
		v.Held = rfc3339(actual.Held)
		u.warning("down was called %s ago: watch starts nothing until the next apply",
			time.Since(actual.Held).Truncate(time.Second))
	}
	return v, nil
}

func (v *statusView) print(u ui, form string) error {
	if form == formText {
		u.table(v.lines)
		return nil
	}
	out, err := v.JSON()
	if err != nil {
		return err
	}
	_, err = u.stdout.Write(out)
	return err
}

// lookEvery is how often status --watch looks.
const lookEvery = time.Second

// clearScreen moves to the upper left corner of a terminal and clears it.
const clearScreen = "\x1b[H\x1b[2J"

// watchStatus shows what is until it is ended. A terminal shows errors, too, and goes on: a scandir
// may be about to come.
func watchStatus(
	ctx context.Context,
	u ui,
	flags *statusFlags,
	path string,
	profiles []string,
) error {
	screen := flags.form == formText && onTerminal(u)
	var last []byte
	for {
		var text, warnings bytes.Buffer
		state, err := flags.page(ui{&text, &warnings}, path, profiles)
		switch {
		case screen:
			if err != nil {
				ui{&text, &warnings}.error(err)
			}
			_, err = io.WriteString(u.stdout, clearScreen+warnings.String()+text.String())
		case err == nil && !bytes.Equal(state, last):
			_, err = u.stdout.Write(text.Bytes())
			_, _ = u.stderr.Write(warnings.Bytes())
		}
		if err != nil {
			return err
		}
		last = state
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookEvery):
		}
	}
}

// page prints what status shows, and returns it in a form that is the same as long as nothing
// changes.
func (f *statusFlags) page(u ui, path string, profiles []string) (state []byte, err error) {
	v, err := f.look(u, path, profiles)
	if err != nil {
		return nil, err
	}
	if state, err = v.JSON(); err != nil {
		return nil, err
	}
	return state, v.print(u, f.form)
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// pick selects the services of the named profiles; no name means all.
func pick(services []reconcile.Service, profiles []string) ([]reconcile.Service, error) {
	if len(profiles) == 0 {
		return services, nil
	}
	index := make(map[string]int, len(services))
	for i, s := range services {
		index[s.Name] = i
	}
	var picked []reconcile.Service
	for _, p := range profiles {
		i, found := index[render.Prefix+p]
		if !found {
			return nil, withHint(usagef("no gateway of profile %q in the scandir", p), "%s status",
				program)
		}
		picked = append(picked, services[i])
	}
	return picked, nil
}

// gateway is what there is to say of a service.
func gateway(s reconcile.Service, scandir *live, actual reconcile.Actual) explain.Gateway {
	g := explain.Gateway{
		Profile: strings.TrimPrefix(s.Name, render.Prefix), Service: s.Name, Owned: s.Owned,
		Wanted: wanted(s), Ready: readiness(s), PID: s.Status.PID, Port: s.Marker.Port,
		Drift: drift(s, actual.Owed[s.Name]),
	}
	g.Drift = append(g.Drift, places(s, actual.DisplacedOf(s.Name))...)
	look := scandir.Look(s)
	g.State, g.Detail = string(look.State()), look.Detail()
	if s.Fault != nil {
		g.State, g.Detail = string(reconcile.StateUnknown), ""
	}
	if s.Status.Supervised {
		g.Since, g.Restarts = rfc3339(s.Status.Since), len(look.Deaths)
	}
	return g
}

func statusRow(g explain.Gateway, status reconcile.Status, now time.Time) string {
	none := func(s string) string { return cmp.Or(s, "-") }
	pid, since, restarts, port, ready := "", "", "", "", ""
	if g.PID != 0 {
		pid = strconv.Itoa(g.PID)
	}
	if status.Supervised {
		since = max(now.Sub(status.Since), 0).Truncate(time.Second).String()
		restarts = strconv.Itoa(g.Restarts)
		if g.Restarts >= s6ctl.MaxDeaths {
			restarts += "+"
		}
	}
	if g.Port != 0 {
		port = strconv.Itoa(g.Port)
	}
	if g.Ready != nil {
		ready = map[bool]string{true: "yes", false: "no"}[*g.Ready]
	}
	return cells(g.Profile, none(g.Wanted), stateOf(g), none(ready), none(pid), none(since),
		none(restarts), none(port), none(strings.Join(g.Drift, "; ")))
}

// stateOf is the state in words.
func stateOf(g explain.Gateway) string {
	if g.Detail == "" {
		return g.State
	}
	return g.State + " (" + g.Detail + ")"
}

// readiness is what s6 was told of the gateway, where it expects to be told.
func readiness(s reconcile.Service) *bool {
	if _, expected := s.Files[render.NotificationPath]; !expected {
		return nil
	}
	return &s.Status.Ready
}

// wanted is what the service directory says the gateway should be.
func wanted(s reconcile.Service) string {
	if s.Obstacle != "" || s.Fault != nil || s.Missing {
		return ""
	}
	if s.Marker.Last {
		return "last"
	}
	if _, down := s.Files[render.DownPath]; down {
		return "down"
	}
	return "up"
}

// places tells of supervisors of a service that are not where they should be, or not whose they
// should be.
func places(s reconcile.Service, displaced []reconcile.Displaced) (found []string) {
	if how := reconcile.Misplaced(s, displaced); how != "" {
		found = append(found, how)
	}
	if s.Orphan {
		found = append(found, explain.DriftOrphan)
	}
	return found
}

// drift is what of the service is not as it was rendered.
func drift(s reconcile.Service, owed reconcile.Owed) []string {
	switch {
	case s.Obstacle != "":
		return []string{s.Obstacle}
	case s.Fault != nil:
		return []string{explain.DriftTrouble + s.Trouble()}
	case s.Missing:
		return []string{}
	case s.Double != "" && s.KeptDown():
		return []string{explain.DriftDouble + s.Double + explain.DriftKeptDown}
	case s.Double != "":
		return []string{explain.DriftDouble + s.Double}
	case !s.Owned && s.Trouble() != "":
		return []string{explain.DriftForeign, explain.DriftTrouble + s.Trouble()}
	case !s.Owned:
		return []string{explain.DriftForeign}
	}
	found := []string{}
	if trouble := s.Trouble(); trouble != "" {
		found = append(found, explain.DriftTrouble+trouble)
	}
	if edited := s.Edited(); len(edited) > 0 {
		found = append(found, "edited: "+strings.Join(edited, ", "))
	}
	switch log := s.LogStatus; {
	case s.FrozenLog != "":
		found = append(found, reconcile.FrozenLog+s.FrozenLog)
	case !log.Supervised:
	case !log.WantUp:
		found = append(found, explain.DriftLogDown)
	case log.PID == 0:
		found = append(found, explain.DriftLogStuck)
	}
	switch {
	case owed.Busy && (owed.Gateway || owed.Logger):
		found = append(found, owed.Why())
	case owed.Gateway && owed.Logger:
		found = append(found, explain.DriftOldScript, explain.DriftOldLogger)
	case owed.Gateway:
		found = append(found, explain.DriftOldScript)
	case owed.Logger:
		found = append(found, explain.DriftOldLogger)
	}
	return found
}
