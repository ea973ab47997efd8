//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/operate"
)

// act brings gateways up, down, or down and up: so many at a time as the flags say, and no more once
// one has not come back.
func (a *acting) act(
	ctx context.Context,
	services []reconcile.Service,
	flags *actFlags,
) (acted []operate.Acted, notes []reconcile.Note) {
	if flags.most == 0 {
		return a.actTogether(ctx, services, flags)
	}
	failed := ""
	for some := range slices.Chunk(services, flags.most) {
		if failed != "" {
			for _, s := range some {
				acted = append(acted, operate.Acted{Service: s, Err: fmt.Errorf(
					"not %s: %s, %s before it, has not come back", a.past, failed, a.past)})
			}
			continue
		}
		done, said := a.actTogether(ctx, some, flags)
		acted, notes = append(acted, done...), append(notes, said...)
		if i := slices.IndexFunc(done, func(d operate.Acted) bool { return d.Err != nil }); i >= 0 {
			failed = done[i].Service.Name
		}
	}
	return acted, notes
}

// actTogether brings gateways up, down, or down and up. Those that drain come last, and no lock is held
// while they do.
func (a *acting) actTogether(
	ctx context.Context,
	services []reconcile.Service,
	flags *actFlags,
) (acted []operate.Acted, notes []reconcile.Note) {
	began := time.Now()
	leaving, others := (*operate.Leaving)(nil), services
	if !flags.now {
		leaving, acted, others = operate.Leave(ctx, a.scandir.Scandir, a.lock, services, a.action)
	}
	if len(others) > 0 {
		done, said := actAloud(ctx, a.ui, a.scandir,
			acts{a.operation, a.lock, others, flags.how(others), flags.progress.quiet})
		acted, notes = append(acted, done...), said
	}
	if leaving != nil && len(leaving.Services()) > 0 {
		done, said, err := a.drain(ctx, leaving, flags, began)
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
func (a *acting) drain(
	ctx context.Context,
	leaving *operate.Leaving,
	flags *actFlags,
	began time.Time,
) ([]operate.Acted, []reconcile.Note, error) {
	a.unlock()
	if err := a.awaitDrains(ctx, leaving, flags, began); err != nil {
		return nil, nil, withHint(err, "it continues to drain; the next apply, or watch, does the rest")
	}
	if a.lock != nil {
		lock, err := lockAloud(ctx, a.ui, a.scandir, flags.progress.quiet, flags.lockTimeout)
		if err != nil {
			return nil, nil, err
		}
		a.lock = lock
	}
	actual, err := a.scandir.Read()
	if err != nil {
		return nil, nil, err
	}
	acted, notes := leaving.Finish(ctx, a.lock, actual.Services, flags.how(actual.Services))
	return acted, notes, nil
}

// awaitDrains waits for gateways that drain, and says how far they are.
func (a *acting) awaitDrains(
	ctx context.Context,
	leaving *operate.Leaving,
	flags *actFlags,
	began time.Time,
) error {
	work := a.working(flags.progress.quiet, 0)
	defer work.stop()
	stops := map[string]time.Duration{}
	for _, service := range leaving.Services() {
		stops[service.Name] = 0
	}
	work.plan(a.past, stops)
	a.scandir.Listener = work.listener()
	defer func() { a.scandir.Listener = nil }()
	if flags.timeout > 0 {
		limited, cancel := context.WithDeadline(ctx, began.Add(flags.timeout))
		defer cancel()
		ctx = limited
	}
	err := leaving.Wait(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return &reconcile.TimeoutError{What: "gateways to drain", After: time.Since(began)}
	}
	return err
}
