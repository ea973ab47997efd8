//go:build linux

package gateways

import (
	"context"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/asuser"
	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/cmd/hermes-reconcile/logs"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/process"
)

// detailLines is how many lines of its log the detail of a gateway shows.
const detailLines = 10

// more is what a look at one gateway gives.
func (w *Wish) more(
	ctx context.Context, scandir *deploy.Place, s reconcile.Service, usage process.Usage,
) *explain.More {
	look := operate.LookAt(scandir.Sup, s)
	m := &explain.More{
		Deaths: deaths(look.Deaths), Signal: s.Status.Signal, Processes: usage.Processes,
		Directory: filepath.Join(scandir.Path, s.Name), Sockets: []explain.Socket{},
		LogLines: []string{},
	}
	if s.Status.PID == 0 {
		m.Processes = 0 // usage is then that of no process
	}
	m.ExitCode = lastExit(look)
	if at := look.NextStart(); !at.IsZero() {
		m.NextStart = rfc3339(at)
	}
	if uid, known := userOf(scandir, s, look.Phase); known {
		m.User = accountName(uid)
		m.Sockets = sockets(ctx, s, uid)
	}
	if w.Manifest != nil {
		if p := w.Manifest.Profile(render.ProfileOf(s.Name)); p != nil {
			place := w.Place(p.Pos)
			m.Manifest = &place
		}
	}
	w.readLog(ctx, scandir, s, m)
	return m
}

// lastExit is the exit code of the last process of a gateway that has ended; nil where a signal
// ended it, or none is known to have ended. Without a supervisor the status file is left from a
// life with an unknown end. While a gateway runs, s6 says 0 although none has ended: then a death
// has to tell.
func lastExit(look reconcile.Look) *int {
	code := look.ExitCode
	if !look.Supervised || code < 0 || look.Signal != 0 ||
		code == 0 && look.PID != 0 && len(look.Deaths) == 0 {
		return nil
	}
	return &code
}

// deaths are those of a gateway as programs read them.
func deaths(all []reconcile.Death) []explain.Death {
	found := make([]explain.Death, 0, len(all))
	for _, d := range all {
		death := explain.Death{At: rfc3339(d.At), Signal: d.Signal}
		if code := d.ExitCode; code >= 0 {
			death.ExitCode = &code
		}
		found = append(found, death)
	}
	return found
}

// userOf is the user of a gateway's processes, as the kernel says, else the user that may control
// it. A run script that waits is still root's, and says nothing of the gateway.
func userOf(
	scandir *deploy.Place, s reconcile.Service, phase reconcile.Phase,
) (uid uint32, known bool) {
	if s.Status.PID != 0 && phase == "" {
		if uid, known := process.UserOf(process.ThisHost(), s.Status.PID); known {
			return uid, true
		}
	}
	return deploy.ControllerID(filepath.Join(scandir.Path, s.Name))
}

// accountName is the name of an account, or its number where it has none.
func accountName(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	if found, err := user.LookupId(number); err == nil {
		return found.Username
	}
	return number
}

// sockets are those on which a gateway takes connections, and those of other processes on its port.
// Root without CAP_SYS_PTRACE cannot see them, so a child looks as the gateway's user.
func sockets(ctx context.Context, s reconcile.Service, uid uint32) []explain.Socket {
	found := []explain.Socket{}
	all, err := process.Listeners(process.ThisHost())
	if err != nil {
		return found
	}
	if os.Geteuid() == 0 && uid != 0 {
		if who, err := homes.CredentialsByID(uid); err == nil {
			asuser.Complete(ctx, accounts.Account{UID: who.UID, GID: who.GID, Groups: who.Groups}, all)
		}
	}
	for _, l := range all {
		own := l.Service != 0 && l.Service == s.Status.PID
		if own || s.Marker.Port != 0 && int(l.Address.Port()) == s.Marker.Port {
			found = append(found, explain.Socket{
				Address: l.Address.String(), PID: l.PID, Program: l.Program, Own: own,
			})
		}
	}
	return found
}

// readLog reads the end of the gateway's log, as its user.
func (w *Wish) readLog(
	ctx context.Context, scandir *deploy.Place, s reconcile.Service, m *explain.More,
) {
	end, err := logs.EndOf(ctx, scandir, s, w.Manifest, detailLines)
	if m.Log = end.File; err == nil {
		for line := range strings.Lines(end.Text) {
			m.LogLines = append(m.LogLines, strings.TrimSuffix(line, "\n"))
		}
	}
	switch {
	case errors.Is(err, home.ErrNoLog):
		m.LogFault = "nothing was written yet"
	case err != nil:
		m.LogFault = homes.Short(err.Error())
	}
}
