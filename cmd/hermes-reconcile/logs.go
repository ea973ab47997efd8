//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// logsFlags are those of logs. Times are texts here: filter reads them, dates and durations alike.
type logsFlags struct {
	manifestFlags
	scandirFlags
	output   outputFlags
	follow   bool
	all      bool
	previous bool
	lines    string
	since    string
	until    string
	grep     string
}

const (
	everyLine     = "all"
	followLines   = 10 // are shown before what is added, as tail -f and journalctl -f do
	previousLines = 20 // of the last life: how it ended
)

// newLogsCommand has the flags of logs.
func newLogsCommand(u ui) *cobra.Command {
	var flags logsFlags
	cmd := &cobra.Command{
		Use:   "logs PROFILE...|--all",
		Short: "print gateways' logs, rotated files included",
		Long: `Print the log of a gateway, rotated files included, oldest line first: all of it, or with --lines the last lines. With --follow
the last ` + strconv.Itoa(followLines) + ` lines and then new ones, across rotations, until SIGINT or SIGTERM, exit 0. It waits for a log that is not there
yet. With --previous the last ` + strconv.Itoa(previousLines) + ` lines of the previous life of the gateway. Where the life before that did not
end by itself, but by a stop or a restart, its last lines may be among them: s6 does not say when that was.

Logs of several gateways (names, globs, or --all) are merged by the times of their lines, and each line begins with its profile;
--lines counts the lines of all of them. A line without a time has that of the line before it.

The log is where the running logger writes, else in ${HERMES_HOME}/logs/gateways/PROFILE. It is read as the gateway's user.
On a terminal characters that cannot be seen are shown as escapes. No manifest and no s6-svscan is needed. The scandir is --scandir, else
$` + scandirVariable + `, else that of the manifest, else ` + defaultScandir + `.`,
		Example: `  hermes-reconcile logs coder -n 50
  hermes-reconcile logs -f coder writer        # both, as they write
  hermes-reconcile logs --all --since 10m --grep 'ERROR|Traceback'
  hermes-reconcile logs 'team-*' --since 08:00 --until 08:15
  hermes-reconcile logs coder --previous       # how it ended`,
		RunE: func(cmd *cobra.Command, profiles []string) error {
			return runLogs(cmd.Context(), u, &flags, profiles)
		},
	}
	flags.manifestFlags.addAs(cmd, "") // -f is what it is of other programs that show logs
	flags.scandirFlags.add(cmd)
	flags.output.addForm(cmd, formText, formJSON)
	f := cmd.Flags()
	f.BoolVarP(&flags.follow, "follow", "f", false, "keep printing new lines")
	f.BoolVar(&flags.all, "all", false, "the logs of all gateways")
	f.BoolVar(&flags.previous, "previous", false, "how the previous life of the gateway ended")
	f.StringVar(&flags.since, "since", "",
		"only lines from that `TIME` on: 10m or 3d ago, 08:15, today, '2026-11-28 08:15:00'")
	f.StringVar(&flags.until, "until", "", "only lines before that `TIME`")
	f.StringVar(&flags.grep, "grep", "", "only lines with a match of that `REGEXP`")
	f.StringVarP(
		&flags.lines,
		"lines",
		"n",
		"",
		"only the last `N` lines, or all (default all, with --follow "+strconv.Itoa(followLines)+
			", with --previous "+strconv.Itoa(previousLines)+"); 0: only new ones",
	)
	return cmd
}

// count is how many lines to show of what is there.
func (f *logsFlags) count() (int, error) {
	switch {
	case f.lines == everyLine, f.lines == "" && !f.follow && !f.previous:
		return home.AllLines, nil
	case f.lines == "" && f.previous:
		return previousLines, nil
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

// runLogs reads all flags before it opens anything. Times that are relative count from one moment,
// whichever log they are used for.
func runLogs(ctx context.Context, u ui, flags *logsFlags, profiles []string) error {
	if err := flags.whichLogs(profiles); err != nil {
		return err
	}
	lines, err := flags.count()
	if err != nil {
		return err
	}
	wants, err := flags.filter(time.Now())
	if err != nil {
		return err
	}
	m, err := flags.loadIfAny(u)
	if err != nil {
		return err
	}
	logs, err := flags.find(u, m, profiles, wants)
	if err != nil {
		return err
	}
	// The text of one log needs no look at its lines, which keeps every byte and is much faster.
	plain := flags.output.form == formText && wants == (filter{}) && !flags.previous
	if choose.IsOne(profiles) && plain {
		log := logs[0]
		log.Lines, log.Follow = lines, flags.follow
		return showOne(ctx, u, log)
	}
	merged := flags.merged(u, profiles, logs, wants, lines)
	if choose.IsOne(profiles) && !merged.timed && !merged.follow {
		return merged.showOne(ctx)
	}
	return merged.run(ctx, flags.named(profiles))
}

// showOne prints the whole text of one log, or its last lines, as it is.
func showOne(ctx context.Context, u ui, log wantedLog) error {
	out, end := legible(u.stdout)
	text := home.Text{Writer: out}
	if out == u.stdout {
		text.File = fileOf(out)
	}
	err := home.Show(ctx, log.who, log.Log, text, func(note string) { u.warning(explain.WarnLog, "%s", homes.Short(note)) })
	if unwritten := end(); err == nil {
		err = unwritten
	}
	return logsError(ctx, log, err)
}

// named reports whether the user has typed the names of the gateways.
func (f *logsFlags) named(profiles []string) bool {
	return !slices.ContainsFunc(profiles, choose.IsGlob) && !f.all
}

// merged are logs that are printed line by line.
func (f *logsFlags) merged(
	u ui,
	profiles []string,
	logs []wantedLog,
	wants filter,
	lines int,
) *mergedLogs {
	filtered := wants != (filter{}) || f.previous
	for i := range logs {
		logs[i].Lines, logs[i].Follow = lines, f.follow
		if filtered { // which lines are the last is clear when all have been looked at
			logs[i].Lines = home.AllLines
		}
	}
	return &mergedLogs{
		ui: u, logs: logs, like: wants.like, lines: lines, follow: f.follow,
		prefix: !choose.IsOne(profiles), color: f.output.colors(u), seen: isTerminal(u.stdout),
		objects: f.output.form == formJSON,
		timed:   f.output.form == formJSON || f.since+f.until != "" || f.previous,
	}
}

// logFolder is where a gateway logs to: what its logger was told, else where that would be.
func logFolderOf(l *deploy.Place, s reconcile.Service, m *manifest.Manifest) (string, error) {
	if folder := l.S6.LogFolder(s.Name); folder != "" {
		return folder, nil
	}
	h, _ := l.HomesOf(m, []reconcile.Service{s})
	profile := render.ProfileOf(s.Name)
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

// logReader finds the credentials to read a service's log with. The log's folder belongs to the
// user that the gateway runs as, who may have put there what root must not open. A service that
// another program made may be root's: that says nothing about the log.
func logReader(l *deploy.Place, s reconcile.Service, m *manifest.Manifest) (home.Account, error) {
	if os.Geteuid() != 0 { // no other user can become another one
		return home.Account{}, nil
	}
	sure := s.Owned && s.Obstacle == "" && len(s.Exposed)+len(s.Seized) == 0
	if uid, known := deploy.ControllerID(filepath.Join(l.Path, s.Name)); known && (uid != 0 || sure) {
		return accountByID(uid)
	}
	if l.Owner() != 0 { // an s6-svscan without root runs all gateways as its own user
		return accountByID(uint32(l.Owner()))
	}
	for _, p := range profilesOf(m) {
		if render.ServiceOf(p.Name) == s.Name {
			found, err := user.Lookup(p.User)
			if err != nil {
				return home.Account{}, usagef("this system has no account %q", p.User)
			}
			return homes.Credentials(found)
		}
	}
	return home.Account{}, withHint(
		usagef("cannot tell which user the log of %s belongs to, so it is not read as root", s.Name),
		"name its profile in the manifest, with its user")
}

// profilesOf is empty without a manifest: logs of gateways that none names can be read, too.
func profilesOf(m *manifest.Manifest) []manifest.Profile {
	if m == nil {
		return nil
	}
	return m.Profiles
}

// accountByID are the credentials of a user. The user need not have an account.
func accountByID(uid uint32) (home.Account, error) {
	found, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return home.Account{UID: uid, GID: uid, Switch: true}, nil
	}
	return homes.Credentials(found)
}

// logsError says what is wrong with a log that could not be shown.
func logsError(ctx context.Context, log wantedLog, err error) error {
	if err == nil { // all was shown before a signal came
		return nil
	}
	if ended, why := endOfLogs(ctx, log.Follow, err); ended {
		return why
	}
	if errors.Is(err, home.ErrNoLog) {
		return noLog(log)
	}
	return unreadLog(log.profile, err.Error())
}

// unreadLog says why the log of a profile could not be shown. The reason is a text of the process
// that has looked, so missing rights are told by their words.
func unreadLog(profile, why string) error {
	err := fmt.Errorf("cannot read the log of %s: %s", profile, homes.Short(why))
	if strings.HasSuffix(why, fs.ErrPermission.Error()) {
		return usage.NoRights(err)
	}
	return err
}

// endOfLogs reports whether logs were ended from outside: by a signal, which is how --follow ends,
// or by an output that takes no more.
func endOfLogs(ctx context.Context, follow bool, err error) (ended bool, why error) {
	var unprinted *unprintedError
	switch {
	case errors.As(err, &unprinted):
		return true, unprinted
	case ctx.Err() == nil:
		return false, nil
	case follow:
		return true, nil
	}
	return true, reconcile.ErrInterrupted
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
