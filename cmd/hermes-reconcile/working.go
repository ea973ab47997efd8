//go:build linux

package main

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/overview"
	"hermes-reconcile/cmd/hermes-reconcile/progress"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/journal"
)

const (
	// redraw is how often the line on a terminal is written anew.
	redraw = 200 * time.Millisecond
	// repeat is how often there is a line elsewhere.
	repeat = 10 * time.Second
	// defaultWidth is that of a terminal that does not say how wide it is.
	defaultWidth = 80
)

// progressFlags say whether a command says how far it has come.
type progressFlags struct{ quiet bool }

// add gives a command --quiet: how far it has come goes to stderr, where a script may not want it.
func (f *progressFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "do not show progress")
}

// working says on stderr how far an operation has come, as long as it takes: on a terminal in one
// line that is rewritten, elsewhere in a line now and then. Nil says nothing.
type working struct {
	progress.Work
	to       io.Writer
	terminal *os.File // nil: it is none

	mu    sync.Mutex
	shown string // on the terminal
	end   chan struct{}
	ended chan struct{}
}

// working begins to say how far an operation has come, unless it should be quiet.
func (u ui) working(quiet bool, patience time.Duration) *working {
	if quiet {
		return nil
	}
	w := newWorking(u.stderr)
	w.Patience = patience
	every := repeat
	if w.terminal != nil {
		every = redraw
	}
	tick := time.NewTicker(every)
	go func() {
		defer tick.Stop()
		w.run(tick.C)
	}()
	return w
}

// newWorking is one that says nothing yet.
func newWorking(to io.Writer) *working {
	w := &working{to: to, end: make(chan struct{}), ended: make(chan struct{})}
	if f, _ := to.(*os.File); f != nil && os.Getenv("TERM") != "dumb" &&
		term.IsTerminal(int(f.Fd())) {
		w.terminal = f
	}
	return w
}

// listener takes events in; nil where nothing is said.
func (w *working) listener() reconcile.Listener {
	if w == nil {
		return nil
	}
	return func(e reconcile.Event) { w.Tell(e, time.Now()) }
}

// stop ends it, and leaves a terminal as it was. One that takes nothing, as after Ctrl-S, holds up
// no operation.
func (w *working) stop() {
	if w == nil {
		return
	}
	close(w.end)
	select {
	case <-w.ended:
	case <-time.After(lastWords):
	}
}

// run says at each tick how far it has come, until it is to end.
func (w *working) run(tick <-chan time.Time) {
	defer close(w.ended)
	defer w.say("")
	for {
		select {
		case <-w.end:
			return
		case now := <-tick:
			w.say(visible.Line(w.Line(now, w.width())))
		}
	}
}

// width is how much fits into a line of the terminal: the last column stays empty, so that no
// terminal wraps. Elsewhere lines have any length.
func (w *working) width() int {
	if w.terminal == nil {
		return 0
	}
	width, _, err := term.GetSize(int(w.terminal.Fd()))
	if err != nil || width <= 1 {
		width = defaultWidth
	}
	return width - 1
}

// say writes a line, over the one before on a terminal. An empty one takes that away.
func (w *working) say(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.terminal == nil && line != "":
		_, _ = io.WriteString(w.to, program+": "+line+"\n")
	case w.terminal != nil && line != w.shown:
		w.shown = line
		_, _ = io.WriteString(w.to, "\r"+clearLine+overview.Clip(line, w.width()))
	}
}

// clear takes the line away from a terminal for what is printed there next.
func (w *working) clear() {
	if w != nil {
		w.say("")
	}
}

// plan says which services it is about, and how long each may take to stop.
func (w *working) plan(verb string, stops map[string]time.Duration) {
	if w != nil {
		w.Plan(verb, stops, time.Now())
	}
}

// lockAloud locks the scandir, and says which process has it meanwhile.
func lockAloud(
	ctx context.Context,
	u ui,
	place *deploy.Place,
	quiet bool,
	timeout time.Duration,
) (*journal.Lock, error) {
	work := u.working(quiet, timeout)
	defer work.stop()
	place.Listener = work.listener()
	defer func() { place.Listener = nil }()
	return place.Lock(ctx, timeout)
}

// stopsOf are the services that a plan does something to, and how long each may take to stop.
func stopsOf(plan reconcile.Plan) map[string]time.Duration {
	stops := map[string]time.Duration{}
	for _, c := range plan.Changes {
		if c.Acts() {
			stops[c.Service] = c.StopTimeout
		}
	}
	return stops
}

// appliedVerb says what is done with each service of a plan.
func appliedVerb(plan reconcile.Plan) string {
	verb := ""
	for i := range plan.Changes {
		c := &plan.Changes[i]
		if !c.Acts() {
			continue
		}
		is := pastOf[c.Op]
		if c.Gateway == reconcile.Restart && !c.Replace {
			is = "restarted"
		}
		if verb != "" && verb != is {
			return "done"
		}
		verb = is
	}
	return verb
}

// pastOf says what has become of a service.
var pastOf = map[reconcile.Op]string{
	reconcile.Create: "created", reconcile.Update: "updated", reconcile.Start: "started",
	reconcile.Stop: "stopped", reconcile.Adopt: "adopted", reconcile.Remove: "removed",
}
