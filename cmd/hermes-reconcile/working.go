package main

import (
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hermes-reconcile/cmd/hermes-reconcile/overview"
	"hermes-reconcile/cmd/hermes-reconcile/progress"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/manifest/visible"
	"hermes-reconcile/reconcile"
)

const (
	// redraw is how often the line on a terminal is written anew.
	redraw = 200 * time.Millisecond
	// repeat is how often there is a line elsewhere.
	repeat = 10 * time.Second
	// defaultWidth is that of a terminal that does not say how wide it is.
	defaultWidth = 80
	// lastWords is how long lines may take to be printed once the user has had enough.
	lastWords = 100 * time.Millisecond
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
	once  sync.Once
	end   chan struct{}
	ended chan struct{}
	lines *lines // where it is known as the line that is under way; nil: nowhere
}

// working begins to say how far an operation has come, unless it should be quiet.
func (u ui) working(quiet bool, patience time.Duration) *working {
	if quiet {
		return nil
	}
	w := newWorking(u.stderr)
	w.Patience = patience
	if w.lines = u.lines; w.lines != nil {
		w.lines.now.Store(w)
	}
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

// looking begins to say what is done before there is a plan: the manifest is read first. Where a
// person types it, on a terminal, there is no line among what is typed.
func (u ui) looking(quiet bool, patience time.Duration, from *manifestFlags) *working {
	names := slices.Clone(from.names().List)
	if from.earlier != nil {
		names = []string{"the history"}
	}
	if from.names().Times(sources.Dash) > 0 && from.stdin != nil {
		in, _ := from.stdin().(*os.File)
		quiet = quiet || in != nil && takesColors(in)
	}
	for i, name := range names {
		if name == sources.Dash {
			names[i] = "standard input"
		}
	}
	w := u.working(quiet, patience)
	w.doing("reading", strings.Join(names, ", "))
	return w
}

// lookingAtGateways is what is done when the manifest was read, for doing.
func lookingAtGateways() (verb, object string) { return "looking at", "gateways" }

// newWorking is one that says nothing yet.
func newWorking(to io.Writer) *working {
	if a, is := to.(*above); is {
		to = a.to
	}
	w := &working{to: to, end: make(chan struct{}), ended: make(chan struct{})}
	if f := fileOf(to); f != nil && os.Getenv("TERM") != "dumb" && takesColors(f) {
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
// no operation. It may be called again.
func (w *working) stop() {
	if w != nil {
		w.once.Do(w.finish)
	}
}

// finish is what stop does once.
func (w *working) finish() {
	if w.lines != nil {
		w.lines.now.CompareAndSwap(w, nil)
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
	w.draw(line)
}

// draw is say for who has the mutex.
func (w *working) draw(line string) {
	switch {
	case w.terminal == nil && line != "":
		_, _ = io.WriteString(w.to, program+": "+line+"\n")
	case w.terminal != nil && line != w.shown:
		w.shown = line
		_, _ = io.WriteString(w.to, "\r"+overview.ClearLine+overview.Clip(line, w.width()))
	}
}

// doing says what is done now, before it is known which services it is about.
func (w *working) doing(verb, object string) {
	if w != nil {
		w.Doing(verb, object, time.Now())
	}
}

// plan says which services it is about, and how long each may take to stop.
func (w *working) plan(verb string, stops map[string]time.Duration) {
	if w != nil {
		w.Plan(verb, stops, time.Now())
	}
}

// lines knows the line that is under way on the terminal, if there is one.
type lines struct{ now atomic.Pointer[working] }

// above is a stream that may go to the same terminal as such a line: what is written to it takes the
// line away, which comes back with the next tick.
type above struct {
	to    io.Writer
	lines *lines
}

func (a *above) Write(p []byte) (int, error) {
	if w := a.lines.now.Load(); w != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.draw("")
	}
	return a.to.Write(p)
}
