//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"hermes-reconcile/cmd/hermes-reconcile/oldside"
	"hermes-reconcile/reconcile/journal"
)

// newRollbackCommand has the flags of rollback: those of apply by which a plan is carried out.
func newRollbackCommand(u ui) *cobra.Command {
	var flags applyFlags
	cmd := &cobra.Command{
		Use:   "rollback [NUMBER]",
		Short: "apply the manifest before the last one, or an earlier one",
		Long: `Apply a manifest of the history: the one with this NUMBER, or the one before the last. The command history lists them, and
--dry-run shows what would change.

The manifest file itself does not change. While it still holds the manifest that was rolled back, watch and apply --boot apply the
former one instead; this ends when the file changes or is applied by hand. The history is kept in the scandir: a new container
knows of no rollback, so correct the file, too.

A rollback is an entry of the history as well, so a second one goes forward again.`,
		Example: `  hermes-reconcile rollback --dry-run
  hermes-reconcile rollback --wait=ready
  hermes-reconcile rollback 7`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.check(cmd.Flags().Changed); err != nil {
				return err
			}
			number := 0
			if len(args) > 0 {
				var err error
				if number, err = oldside.EntryNumber(args[0]); err != nil {
					return err
				}
			}
			flags.guards.stdin = cmd.InOrStdin()
			return runRollback(cmd.Context(), u, &flags, number)
		},
	}
	flags.add(cmd, formText, formJSON)
	flags.addCarryingOut(cmd)
	return cmd
}

// runRollback applies an entry of the history.
func runRollback(ctx context.Context, u ui, flags *applyFlags, number int) error {
	h := &historyFlags{manifestFlags: flags.manifestFlags, scandirFlags: flags.scandirFlags}
	past, err := h.open(ctx, u)
	if err != nil {
		return err
	}
	defer past.Close()
	if number == 0 {
		if number, err = past.Before(); err != nil {
			return err
		}
	}
	sources, of, err := past.Sources(number)
	if err != nil {
		return err
	}
	flags.earlier, flags.path = sources, past.Path
	flags.by, flags.to = fmt.Sprintf("rollback %d", number), number
	if !flags.dryRun {
		if err := survive(); err != nil {
			return err
		}
		u.warnTo(of)
	}
	return runApply(ctx, u, flags)
}

// warnTo says which manifest it goes back to: a user that gave no number may mean another one.
func (u ui) warnTo(a *journal.Applied) {
	u.info("going back to number %d of the history, applied at %s by %s", a.Number,
		a.Time.Format(time.RFC3339), a.By)
}
