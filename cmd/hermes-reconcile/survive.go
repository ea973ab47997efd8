//go:build linux

package main

import (
	"fmt"
	"os"

	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl"
	"hermes-reconcile/s6ctl/start"
)

// codeError is the exit code of the process that did it in our place, and said what there is to
// say.
type codeError int

func (e codeError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// isApart says that this process was started where the end of no gateway reaches it.
var isApart bool

// resume takes up the arguments that are meant, and says how to report the exit code.
func resume(args []string) (rest []string, report func(code int)) {
	rest, report = start.Resume(args)
	isApart = report != nil
	return rest, report
}

// survive lets a command that stops gateways be done by a process apart, where it runs inside a
// gateway: the stop of that gateway would end it before the start. It returns nil where there is no
// need.
func survive() error {
	if isApart || s6ctl.Inside(s6ctl.ThisHost(), os.Getpid(), render.Prefix) == "" {
		return nil
	}
	code, err := start.Apart(os.Args[1:])
	if err != nil {
		return fmt.Errorf("cannot leave the gateway that this runs in: %w", err)
	}
	return codeError(code)
}
