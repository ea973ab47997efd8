//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

type logsFlags struct {
	manifestFlags
	scandirFlags
	follow bool
	lines  string
}

const (
	everyLine   = "all"
	followLines = 10 // are shown before what is added, as tail -f and journalctl -f do
)

func newLogsCommand(u ui) *cobra.Command {
	var flags logsFlags
	cmd := &cobra.Command{
		Use:   "logs PROFILE",
		Short: "print a gateway's log, rotated files included",
		Long: `Print the log of a gateway, rotated files included, oldest line first: all of it, or with --lines the last lines. With --follow
the last ` + strconv.Itoa(followLines) + ` lines and then what is added, however the log is rotated, until SIGINT or SIGTERM, exit 0. A log that is not there
yet is then waited for.

The log is where the running logger writes to, else in ${HERMES_HOME}/logs/gateways/PROFILE. It is read as the gateway's user.
On a terminal characters that cannot be seen are shown as escapes. No manifest and no s6-svscan is needed. The scandir is --scandir, else
$` + scandirVariable + `, else that of the manifest, else ` + defaultScandir + `.`,
		RunE: func(cmd *cobra.Command, profiles []string) error {
			return runLogs(cmd.Context(), u, &flags, profiles)
		},
	}
	flags.manifestFlags.addAs(cmd, "") // -f is what it is of other programs that show logs
	flags.scandirFlags.add(cmd)
	f := cmd.Flags()
	f.BoolVarP(&flags.follow, "follow", "f", false, "go on with what is added")
	f.StringVarP(
		&flags.lines,
		"lines",
		"n",
		"",
		"only the last `N` lines, or all (default all, with --follow "+
			strconv.Itoa(followLines)+"); 0: none but what is added",
	)
	return cmd
}

// count is how many lines to show of what is there.
func (f *logsFlags) count() (int, error) {
	switch {
	case f.lines == everyLine, f.lines == "" && !f.follow:
		return home.AllLines, nil
	case f.lines == "":
		return followLines, nil
	}
	n, err := strconv.Atoi(f.lines)
	if err != nil || n < 0 {
		return 0, usagef("--lines: %q is not known (want a number of lines, or %s)", f.lines,
			everyLine)
	}
	return n, nil
}

func runLogs(ctx context.Context, u ui, flags *logsFlags, profiles []string) error {
	if len(profiles) != 1 {
		return withHint(usagef("which gateway? (want the name of one profile)"), "%s logs --help",
			program)
	}
	lines, err := flags.count()
	if err != nil {
		return err
	}
	m, err := flags.loadIfAny(u)
	if err != nil {
		return err
	}
	who, log, err := flags.find(m, profiles)
	if err != nil {
		return err
	}
	log.Lines, log.Follow = lines, flags.follow
	out, end := legible(u.stdout)
	err = home.Show(ctx, who, log, out, func(note string) { u.warning("%s", homes.Short(note)) })
	if unwritten := end(); err == nil {
		err = unwritten
	}
	return logsError(ctx, profiles[0], log, err)
}

// find finds a gateway's log, and whose it is.
func (f *logsFlags) find(m *manifest.Manifest, profiles []string) (home.Account, home.Log, error) {
	fromManifest := defaultScandir
	if m != nil {
		fromManifest = m.Scandir
	}
	scandir, err := f.open(fromManifest)
	if err != nil {
		return home.Account{}, home.Log{}, err
	}
	defer scandir.Close()
	actual, err := scandir.Read()
	if err != nil {
		return home.Account{}, home.Log{}, err
	}
	services, err := pick(actual.Services, profiles)
	if err != nil {
		return home.Account{}, home.Log{}, err
	}
	folder, err := scandir.logFolder(services[0], m)
	if err != nil {
		return home.Account{}, home.Log{}, err
	}
	who, err := scandir.logReader(services[0], m)
	return who, home.Log{Folder: folder}, err
}

// logFolder is where a gateway logs to: what its logger was told, else where that would be.
func (l *live) logFolder(s reconcile.Service, m *manifest.Manifest) (string, error) {
	if folder := l.s6.LogFolder(s.Name); folder != "" {
		return folder, nil
	}
	h := homes.At(l.path, homes.Default)
	if h.LearnApplied([]reconcile.Service{s}); m != nil {
		h = homes.New(m, l.path)
	}
	profile := strings.TrimPrefix(s.Name, render.Prefix)
	path, err := h.HomeOf(profile)
	if err != nil {
		return "", withHint(fmt.Errorf("cannot tell where %s is: %w", homes.Variable, err), "set %s",
			homes.Variable)
	}
	return logFolder(path, profile), nil
}

// logFolder is where a profile's gateway logs to below HERMES_HOME.
func logFolder(homePath, profile string) string {
	return filepath.Join(homePath, "logs", "gateways", profile)
}

// logReader finds whose credentials to read a service's log with: its folder is in the hands of the
// user that the gateway runs as, who may have put there what root must not open. Where another
// program made the service, that it is root's says nothing.
func (l *live) logReader(s reconcile.Service, m *manifest.Manifest) (home.Account, error) {
	if os.Geteuid() != 0 { // no other user can become another one
		return home.Account{}, nil
	}
	sure := s.Owned && s.Obstacle == "" && len(s.Exposed)+len(s.Seized) == 0
	if uid, known := controllerID(filepath.Join(l.path, s.Name)); known && (uid != 0 || sure) {
		return accountByID(uid)
	}
	if l.Owner() != 0 {
		return accountByID(uint32(l.Owner()))
	}
	for _, p := range profilesOf(m) {
		if render.Prefix+p.Name == s.Name {
			found, err := user.Lookup(p.User)
			if err != nil {
				return home.Account{}, usagef("this system has no account %q", p.User)
			}
			return homes.Credentials(found)
		}
	}
	return home.Account{}, withHint(
		usagef("cannot tell whose the log of %s is, and will not read it as root", s.Name),
		"name its profile in the manifest, with its user")
}

func profilesOf(m *manifest.Manifest) []manifest.Profile {
	if m == nil {
		return nil
	}
	return m.Profiles
}

// accountByID are the credentials of a user, who need not have an account.
func accountByID(uid uint32) (home.Account, error) {
	found, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return home.Account{UID: uid, GID: uid, Switch: true}, nil
	}
	return homes.Credentials(found)
}

// logsError says what is wrong with a log that could not be shown.
func logsError(ctx context.Context, profile string, log home.Log, err error) error {
	var unprinted *unprintedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unprinted):
		return unprinted
	case ctx.Err() != nil && log.Follow:
		return nil // that is how it ends
	case ctx.Err() != nil:
		return reconcile.ErrInterrupted
	case errors.Is(err, home.ErrNoLog):
		return withHint(
			fmt.Errorf("%s has no log yet: nothing was written to %q", profile, log.Folder),
			"%s status %s", program, profile)
	}
	return fmt.Errorf("cannot read the log of %s: %s", profile, homes.Short(err.Error()))
}

// legible makes what a reader does not see visible where it would reach a terminal. Elsewhere
// nothing is changed. What is written last may wait for its rest until end is called.
func legible(out io.Writer) (to io.Writer, end func() error) {
	if f := fileOf(out); f != nil && term.IsTerminal(int(f.Fd())) {
		w := visible.NewWriter(out, visible.Text)
		return w, w.Close
	}
	return out, func() error { return nil }
}
