//go:build linux

package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/console"
	"hermes-reconcile/cmd/hermes-reconcile/logs"
	"hermes-reconcile/manifest"
)

// logsFlags are those of logs.
type logsFlags struct {
	logs.Options
	manifestFlags
	scandirFlags
	output outputFlags
}

// newLogsCommand has the flags of logs.
func newLogsCommand(u ui) *cobra.Command {
	var flags logsFlags
	cmd := &cobra.Command{
		Use:   "logs PROFILE...|--all",
		Short: "print gateways' logs, rotated files included",
		Long: `Print the log of a gateway, rotated files included, oldest line first: all of it, or with --lines the last lines. With --follow
the last ` + strconv.Itoa(logs.FollowLines) + ` lines and then new ones, across rotations, until SIGINT or SIGTERM, exit 0. It waits for a log that is not there
yet. With --previous the last ` + strconv.Itoa(logs.PreviousLines) + ` lines of the previous life of the gateway. Where the life before that did not
end by itself, but by a stop or a restart, its last lines may be among them: s6 does not say when that was.

Logs of several gateways (names, globs, or --all) are merged by the times of their lines, and each line begins with its profile;
--lines counts the lines of all of them. A line without a time has that of the line before it.

The log is where the running logger writes, else in ${HERMES_HOME}/logs/gateways/PROFILE. It is read as the gateway's user.
On a terminal characters that cannot be seen are shown as escapes. No manifest and no s6-svscan is needed. The scandir is --scandir, else
$` + scandirVariable + `, else that of the manifest, else ` + manifest.DefaultScandir + `.`,
		Example: `  hermes-reconcile logs coder -n 50
  hermes-reconcile logs -f coder writer        # both, as they write
  hermes-reconcile logs --all --since 10m --grep 'ERROR|Traceback'
  hermes-reconcile logs 'team-*' --since 08:00 --until 08:15
  hermes-reconcile logs coder --previous       # how it ended`,
		RunE: func(cmd *cobra.Command, profiles []string) error {
			flags.Patterns = profiles
			return runLogs(cmd.Context(), u, &flags)
		},
	}
	flags.manifestFlags.addAs(cmd, "") // -f is what it is of other programs that show logs
	flags.scandirFlags.add(cmd)
	flags.output.addForm(cmd, formText, formJSON)
	f := cmd.Flags()
	f.BoolVarP(&flags.Follow, "follow", "f", false, "keep printing new lines")
	f.BoolVar(&flags.All, "all", false, "the logs of all gateways")
	f.BoolVar(&flags.Previous, "previous", false, "how the previous life of the gateway ended")
	f.StringVar(&flags.Since, "since", "",
		"only lines from that `TIME` on: 10m or 3d ago, 08:15, today, '2026-11-28 08:15:00'")
	f.StringVar(&flags.Until, "until", "", "only lines before that `TIME`")
	f.StringVar(&flags.Grep, "grep", "", "only lines with a match of that `REGEXP`")
	f.StringVarP(
		&flags.Lines,
		"lines",
		"n",
		"",
		"only the last `N` lines, or all (default all, with --follow "+strconv.Itoa(logs.FollowLines)+
			", with --previous "+strconv.Itoa(logs.PreviousLines)+"); 0: only new ones",
	)
	return cmd
}

// runLogs reads all flags before it opens anything.
func runLogs(ctx context.Context, u ui, flags *logsFlags) error {
	flags.JSON = flags.output.form == formJSON
	wish, err := flags.Wish(time.Now())
	if err != nil {
		return err
	}
	m, err := flags.loadIfAny(ctx, u)
	if err != nil {
		return err
	}
	found, err := flags.find(u, m, wish)
	if err != nil {
		return err
	}
	return wish.Show(ctx, found, logs.Output{
		Writer: u.stdout, File: console.FileOf(u.stdout), Seen: isPerson(console.FileOf(u.stdout)),
		Color: flags.output.colors(u), Warn: u.warning,
	})
}

// find finds the logs, in the scandir that is meant.
func (f *logsFlags) find(u ui, m *manifest.Manifest, wish *logs.Wish) ([]logs.Log, error) {
	scandir, err := f.look(scandirOf(m))
	if err != nil {
		return nil, err
	}
	defer scandir.Close()
	return wish.Find(scandir, m, u.warning)
}
