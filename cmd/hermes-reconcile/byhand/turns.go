//go:build linux

package byhand

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest/writing"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
)

// act brings gateways up, down, or down and up: so many at a time as is wanted, and no more once one
// has not come back.
func (a *Run) act(
	ctx context.Context, services []reconcile.Service,
) (acted []operate.Acted, notes []reconcile.Note) {
	if a.Most == 0 {
		return a.actTogether(ctx, services)
	}
	failed := ""
	for some := range slices.Chunk(services, a.Most) {
		if failed != "" {
			for _, s := range some {
				acted = append(acted, operate.Acted{Service: s, Err: fmt.Errorf(
					"not %s: %s, %s before it, has not come back", a.Op.Past, failed, a.Op.Past)})
			}
			continue
		}
		done, said := a.actTogether(ctx, some)
		acted, notes = append(acted, done...), append(notes, said...)
		if i := slices.IndexFunc(done, func(d operate.Acted) bool { return d.Err != nil }); i >= 0 {
			failed = done[i].Service.Name
		}
	}
	return acted, notes
}

// actTogether brings gateways up, down, or down and up. Those that drain come last, and no lock is
// held while they do.
func (a *Run) actTogether(
	ctx context.Context, services []reconcile.Service,
) (acted []operate.Acted, notes []reconcile.Note) {
	began := time.Now()
	leaving, others := (*operate.Leaving)(nil), services
	if !a.Now {
		leaving, acted, others = operate.Leave(ctx, a.Place.Scandir, a.Lock, services, a.Op.Action)
	}
	if len(others) > 0 {
		done, said := a.Tell(ctx, others)
		acted, notes = append(acted, done...), said
	}
	if leaving != nil && len(leaving.Services()) > 0 {
		done, said, err := a.drain(ctx, leaving, began)
		if err != nil {
			done = leaving.Fail(err)
		}
		acted, notes = append(acted, done...), append(notes, said...)
	}
	slices.SortFunc(acted, func(x, y operate.Acted) int {
		return strings.Compare(x.Service.Name, y.Service.Name)
	})
	return acted, notes
}

// drain waits for gateways that drain, and does the rest.
func (a *Run) drain(
	ctx context.Context, leaving *operate.Leaving, began time.Time,
) ([]operate.Acted, []reconcile.Note, error) {
	a.Lock.Unlock()
	if err := a.awaitDrains(ctx, leaving, began); err != nil {
		return nil, nil, usage.WithHint(err,
			"it continues to drain; the next apply, or watch, does the rest")
	}
	if a.Lock != nil {
		lock, err := a.Relock(ctx)
		if err != nil {
			return nil, nil, err
		}
		a.Lock = lock
	}
	actual, err := a.Place.Read()
	if err != nil {
		return nil, nil, err
	}
	acted, notes := leaving.Finish(ctx, a.Lock, actual.Services, a.how(actual.Services))
	return acted, notes, nil
}

// awaitDrains waits for gateways that drain, and says how far they are.
func (a *Run) awaitDrains(ctx context.Context, leaving *operate.Leaving, began time.Time) error {
	stops := map[string]time.Duration{}
	for _, service := range leaving.Services() {
		stops[service.Name] = 0
	}
	defer a.aloud(stops)()
	if a.Timeout > 0 {
		limited, cancel := context.WithDeadline(ctx, began.Add(a.Timeout))
		defer cancel()
		ctx = limited
	}
	err := leaving.Wait(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return &reconcile.TimeoutError{What: "gateways to drain", After: time.Since(began)}
	}
	return err
}

// aloud says how far it has come, until what it gives is called.
func (a *Run) aloud(stops map[string]time.Duration) (stop func()) {
	listener, end := a.Aloud(a.Op.Past, stops)
	a.Place.Listener = listener
	return func() {
		a.Place.Listener = nil
		end()
	}
}

// Tell tells services what to do, and waits until they have.
func (a *Run) Tell(
	ctx context.Context, services []reconcile.Service,
) ([]operate.Acted, []reconcile.Note) {
	stops := map[string]time.Duration{}
	for _, s := range services {
		stops[s.Name] = s.StopTimeout()
	}
	defer a.aloud(stops)()
	return operate.Act(ctx, a.Place.Scandir, a.Lock, services, a.Op.Action, a.how(services))
}

// how is how these gateways are acted upon.
func (a *Run) how(services []reconcile.Service) operate.ActOptions {
	opt := operate.ActOptions{Timeout: a.Timeout, Ready: a.Level == reconcile.LevelReady}
	if !opt.Ready {
		return opt
	}
	for _, s := range services {
		m, err := writing.ParseExcerpt(s.Name, s.Marker.Excerpt())
		if err == nil && len(m.Profiles) == 1 && m.Profiles[0].Ready != nil {
			opt.ReadyLimit = max(opt.ReadyLimit, m.Profiles[0].Ready.Timeout+reconcile.Grace)
		}
	}
	return opt
}
