//go:build linux

// Package asuser has a gateway's user look at processes: root without CAP_SYS_PTRACE, as in a
// container by default, cannot look into those of other users. The look is a child process, this
// program again.
package asuser

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/s6ctl/process"
	"hermes-reconcile/s6ctl/start"
)

// The arguments that make this program look at processes as a gateway's user. They are no commands:
// only Ask gives them.
const (
	Sockets = "--serve-sockets"
	Marks   = "--serve-marks"
)

// looks are what that user can see.
var looks = map[string]func() (any, error){
	Sockets: func() (any, error) {
		all, err := process.Listeners(process.ThisHost())
		return process.Seen(all), err
	},
	Marks: func() (any, error) { return process.Marks(process.ThisHost()), nil },
}

// Serves reports whether these are the arguments of such a child.
func Serves(args []string) bool { return len(args) == 2 && looks[args[1]] != nil }

// Serve is what runs as a gateway's user.
func Serve(what string, out io.Writer) error {
	seen, err := looks[what]()
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(seen)
}

// askLimit is how long a look as another user may take.
const askLimit = 5 * time.Second

// Ask has a user look at processes, and reads the answer into seen.
func Ask(ctx context.Context, who accounts.Account, what string, seen any) error {
	answer, answering, err := os.Pipe()
	if err != nil {
		return err
	}
	defer answer.Close()
	child, err := start.Start(start.Program{
		Path: start.Self, Args: []string{"hermes-reconcile", what}, Stdout: answering,
		As: &start.Account{UID: who.UID, GID: who.GID, Groups: who.Groups},
	})
	answering.Close()
	if err != nil {
		return err
	}
	defer child.End()
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { answer.SetReadDeadline(time.Now()) })
	defer stop()
	const most = 4 << 20 // bytes: any process with the user's credentials may answer
	return json.NewDecoder(io.LimitReader(answer, most)).Decode(seen)
}

// Complete adds to sockets what a user can see of its own. What cannot be seen stays unknown: there
// is no error.
func Complete(ctx context.Context, who accounts.Account, all []process.Listener) {
	var seen map[string]int
	if err := Ask(ctx, who, Sockets, &seen); err == nil {
		process.Complete(process.ThisHost(), all, who.UID, seen)
	}
}
