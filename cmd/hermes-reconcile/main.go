// Command hermes-reconcile keeps the per-profile gateways of a Hermes container as profiles.yaml
// says.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// gcPercent is how much garbage there may be, in percent of what is in use, before it is collected:
// half of Go's default. In a container memory is scarcer than time, and a plan of 20,000 profiles
// has 300 MB in use.
const gcPercent = 50

// main first becomes a helper process where it was started as one: no flag of ours, and no
// variable, may change what that does.
func main() {
	if serve() {
		return
	}
	args, report := resume(os.Args[1:])
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
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
