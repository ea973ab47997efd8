// Command hermes-reconcile keeps the per-profile gateways of a Hermes container as profiles.yaml says.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if serve() {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the program at once
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
