// Command hermes-reconcile keeps the per-profile gateways of a Hermes container as profiles.yaml
// says.
//
// The files, beside one for each command:
//
//	root.go            the command line, and the exit codes in its help
//	live.go            commands that need a live s6, and what starts in other processes;
//	                   live_other.go: systems without one
//	manifest.go        which manifest is meant, also where it may be missing
//	scandir.go         which scandir is meant
//	target.go          a manifest, rendered, with the scandir that should be as it says, and what to
//	                   warn of beside it
//	output.go          forms of a plan; ui.go: what goes to stdout, what to stderr
//	guards.go          what keeps an apply from doing what was not meant
//	apply_boot.go      apply --boot; apply_wait.go: apply --wait; apply_canary.go: apply --canary
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	_ "hermes-reconcile/cmd/hermes-reconcile/stack" // before the packages that need much of it
)

// main first becomes a helper process where it was started as one: no flag of ours, and no
// variable, may change what that does.
func main() {
	if serve() {
		return
	}
	args, report := resume(os.Args[1:])
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the program at once
	}()
	code := run(ctx, args, os.Stdout, os.Stderr)
	if report != nil {
		report(code)
	}
	os.Exit(code)
}
