package console

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"hermes-reconcile/cmd/hermes-reconcile/overview"
	"hermes-reconcile/cmd/hermes-reconcile/progress"
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

// Begin begins to say on a stream how far an operation has come. The lock is waited for as long as
// patience says; under knows it as the line that is under way, if it is not nil.
func Begin(to io.Writer, under *Lines, patience time.Duration) *Working {
	w := newWorking(to)
	w.Patience = patience
	if w.lines = under; under != nil {
		under.now.Store(w)
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

// Working says on stderr how far an operation has come, as long as it takes: on a terminal in one
// line that is rewritten, elsewhere in a line now and then. Nil says nothing.
type Working struct {
	progress.Work
	to       io.Writer
	terminal *os.File // nil: it is none

	mu    sync.Mutex
	shown string // on the terminal
	once  sync.Once
	end   chan struct{}
	ended chan struct{}
	lines *Lines // where it is known as the line that is under way; nil: nowhere
}

// newWorking is one that says nothing yet.
func newWorking(to io.Writer) *Working {
	if a, is := to.(*above); is {
		to = a.to
	}
	w := &Working{to: to, end: make(chan struct{}), ended: make(chan struct{})}
	if f := FileOf(to); f != nil && os.Getenv("TERM") != "dumb" && TakesColors(f) {
		w.terminal = f
	}
	return w
}

// Listener takes events in; nil where nothing is said.
func (w *Working) Listener() reconcile.Listener {
	if w == nil {
		return nil
	}
	return func(e reconcile.Event) { w.Tell(e, time.Now()) }
}

// Stop ends it, and leaves a terminal as it was. One that takes nothing, as after Ctrl-S, holds up
// no operation. It may be called again.
func (w *Working) Stop() {
	if w != nil {
		w.once.Do(w.finish)
	}
}

// finish is what stop does once.
func (w *Working) finish() {
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
func (w *Working) run(tick <-chan time.Time) {
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
func (w *Working) width() int {
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
func (w *Working) say(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.draw(line)
}

// draw is say for who has the mutex.
func (w *Working) draw(line string) {
	switch {
	case w.terminal == nil && line != "":
		_, _ = io.WriteString(w.to, "hermes-reconcile: "+line+"\n")
	case w.terminal != nil && line != w.shown:
		w.shown = line
		_, _ = io.WriteString(w.to, "\r"+overview.ClearLine+overview.Clip(line, w.width()))
	}
}

// Stage says what is done now, before it is known which services it is about.
func (w *Working) Stage(verb, object string) {
	if w != nil {
		w.Doing(verb, object, time.Now())
	}
}

// About says which services it is about, and how long each may take to stop.
func (w *Working) About(verb string, stops map[string]time.Duration) {
	if w != nil {
		w.Plan(verb, stops, time.Now())
	}
}

// Lines knows the line that is under way on the terminal, if there is one.
type Lines struct{ now atomic.Pointer[Working] }

// above is a stream that may go to the same terminal as such a line: what is written to it takes the
// line away, which comes back with the next tick.
type above struct {
	to    io.Writer
	lines *Lines
}

func (a *above) Write(p []byte) (int, error) {
	if w := a.lines.now.Load(); w != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.draw("")
	}
	return a.to.Write(p)
}
