//go:build linux

package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"slices"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/s6ctl"
	"hermes-reconcile/s6ctl/start"
)

// socketsArgument makes this program tell whose the sockets are that it can see. It is no command:
// nobody but askSockets gives it.
const socketsArgument = "--serve-sockets"

// socketsLimit is how long that may take.
const socketsLimit = 5 * time.Second

// serveSockets is what runs as a gateway's user.
func serveSockets(out io.Writer) error {
	all, err := s6ctl.Listeners(s6ctl.ThisHost())
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(s6ctl.Seen(all))
}

// askSockets has a user look whose the listening sockets are. Root without CAP_SYS_PTRACE, as in a
// container by default, cannot see that of other users' processes.
func askSockets(ctx context.Context, who account) (map[string]int, error) {
	answer, answering, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	child, err := start.Start(start.Program{
		Path: start.Self, Args: []string{program, socketsArgument}, Stdout: answering,
		As: &start.Account{UID: who.uid, GID: who.gid, Groups: who.gids},
	})
	answering.Close()
	if err != nil {
		return nil, err
	}
	defer child.End()
	ctx, cancel := context.WithTimeout(ctx, socketsLimit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { answer.SetReadDeadline(time.Now()) })
	defer stop()
	const most = 4 << 20 // bytes: who answers may be anybody who has the user's credentials
	var seen map[string]int
	err = json.NewDecoder(io.LimitReader(answer, most)).Decode(&seen)
	return seen, err
}

// completed are the listeners of ports, with what the users of gateways can see of theirs.
func (v *visit) completed(
	ctx context.Context, all []s6ctl.Listener, ports []doctor.Port,
) []s6ctl.Listener {
	if os.Geteuid() != 0 {
		return all
	}
	asked := map[uint32]bool{}
	users := v.users()
	for _, p := range ports {
		who := lookUp(users[p.Profile])
		unseen := func(l s6ctl.Listener) bool {
			return l.PID == 0 && int(l.Address.Port()) == p.Number && l.UID == who.uid
		}
		if who.uid == 0 || asked[who.uid] || !slices.ContainsFunc(all, unseen) {
			continue
		}
		asked[who.uid] = true
		if seen, err := askSockets(ctx, who); err == nil { // else what is not seen says so
			s6ctl.Complete(s6ctl.ThisHost(), all, who.uid, seen)
		}
	}
	return all
}
