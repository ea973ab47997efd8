//go:build linux

package main

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl"
)

func newStatusCommand(u ui) *cobra.Command {
	var manifestFile manifestFlags
	var flags scandirFlags
	cmd := &cobra.Command{
		Use:   "status [PROFILE...]",
		Short: "show the gateways of the scandir: wanted, state, ready, pid, since, restarts, port, drift",
		Long: `Show the gateways of the scandir, a row each.

STATE is up, down, starting, stopping, unsupervised, backing off (it died again and again, so its next start waits), or
ended (it exited 78, or 0 with restart: on-failure).
READY is yes once the gateway has answered as ready in its profile asks, and - where the profile has no ready.
RESTARTS counts how often it died since it was last started on purpose.
DRIFT names files that are not as they were rendered, loggers in trouble, and restarts that an interrupted apply owes.
The scandir is --scandir, else $` + scandirVariable + `, else that of the manifest (-f, else $` + fileVariable + `, else ` + defaultManifest + ` if it is there), else
` + defaultScandir + `.`,
		RunE: func(_ *cobra.Command, profiles []string) error {
			path, err := findScandir(u, &flags, &manifestFile)
			if err != nil {
				return err
			}
			return runStatus(u, &flags, path, profiles)
		},
	}
	flags.add(cmd)
	manifestFile.add(cmd)
	return cmd
}

// findScandir finds the scandir without insisting on a manifest: who looks for trouble, or ends a container, may have none, or
// a broken one.
func findScandir(u ui, flags *scandirFlags, file *manifestFlags) (string, error) {
	if flags.path != "" || variable(scandirVariable) != "" {
		return "", nil
	}
	if _, err := os.Stat(defaultManifest); err != nil && !file.named() {
		return defaultScandir, nil
	}
	m, err := file.load()
	if err != nil && len(file.files) > 0 {
		return "", err
	}
	if err != nil {
		u.warning("the manifest is wrong or cannot be read: taking %q for the scandir", defaultScandir)
		return defaultScandir, nil
	}
	return m.Scandir, nil
}

func runStatus(u ui, flags *scandirFlags, path string, profiles []string) error {
	scandir, err := flags.open(path)
	if err != nil {
		return err
	}
	defer scandir.Close()
	warnSilent(u, scandir)
	actual, err := scandir.Read()
	if err != nil {
		return err
	}
	services, err := pick(actual.Services, profiles)
	if err != nil {
		return err
	}
	lines := []string{cells("PROFILE", "WANTED", "STATE", "READY", "PID", "SINCE", "RESTARTS", "PORT", "DRIFT")}
	for _, s := range services {
		lines = append(lines, statusRow(s, observe(scandir, s), actual.Owed[s.Name], time.Now()))
	}
	u.table(lines)
	if !actual.Held.IsZero() {
		u.warning("down was called %s ago: watch starts nothing until the next apply", time.Since(actual.Held).Truncate(time.Second))
	}
	return nil
}

// pick selects the services of the named profiles; no name means all.
func pick(services []reconcile.Service, profiles []string) ([]reconcile.Service, error) {
	if len(profiles) == 0 {
		return services, nil
	}
	var picked []reconcile.Service
	for _, p := range profiles {
		i := slices.IndexFunc(services, func(s reconcile.Service) bool { return s.Name == render.Prefix+p })
		if i < 0 {
			return nil, withHint(usagef("no gateway of profile %q in the scandir", p), "%s status", program)
		}
		picked = append(picked, services[i])
	}
	return picked, nil
}

// observed is what of a service is not in its files.
type observed struct {
	state  reconcile.State
	deaths int
}

func observe(scandir *live, s reconcile.Service) observed {
	phase := supervisor{scandir.s6, scandir.path}.Phase(s.Name, s.Status.PID)
	return observed{s.Status.State(phase, s.Marker.OnFailure), scandir.s6.Deaths(s.Name)}
}

func statusRow(s reconcile.Service, seen observed, owed reconcile.Owed, now time.Time) string {
	pid, since, restarts, port := "-", "-", "-", "-"
	if s.Status.PID != 0 {
		pid = strconv.Itoa(s.Status.PID)
	}
	if s.Status.Supervised {
		since = max(now.Sub(s.Status.Since), 0).Truncate(time.Second).String()
		restarts = strconv.Itoa(seen.deaths)
		if seen.deaths >= s6ctl.MaxDeaths {
			restarts += "+"
		}
	}
	if s.Marker.Port != 0 {
		port = strconv.Itoa(s.Marker.Port)
	}
	return cells(strings.TrimPrefix(s.Name, render.Prefix), wanted(s), string(seen.state), readiness(s), pid, since, restarts, port, drift(s, owed))
}

// readiness is what s6 was told of the gateway, where it expects to be told.
func readiness(s reconcile.Service) string {
	_, expected := s.Files[render.NotificationPath]
	switch {
	case !expected:
		return "-"
	case s.Status.Ready:
		return "yes"
	}
	return "no"
}

// wanted is what the service directory says the gateway shall be.
func wanted(s reconcile.Service) string {
	if s.Obstacle != "" {
		return "-"
	}
	if s.Marker.Last {
		return "last"
	}
	if _, down := s.Files[render.DownPath]; down {
		return "down"
	}
	return "up"
}

// drift is what of the service is not as it was rendered.
func drift(s reconcile.Service, owed reconcile.Owed) string {
	switch {
	case s.Obstacle != "":
		return s.Obstacle
	case !s.Owned:
		return "foreign"
	}
	var found []string
	if edited := s.Edited(); len(edited) > 0 {
		found = append(found, "edited: "+strings.Join(edited, ", "))
	}
	switch log := s.LogStatus; {
	case !log.Supervised:
	case !log.WantUp:
		found = append(found, "logger told down")
	case log.PID == 0:
		found = append(found, "logger cannot run")
	}
	if owed.Gateway {
		found = append(found, "runs an old script")
	}
	if owed.Logger {
		found = append(found, "logger runs an old script")
	}
	if len(found) == 0 {
		return "-"
	}
	return strings.Join(found, "; ")
}
