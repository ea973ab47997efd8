//go:build linux

package watching

import (
	"context"
	"errors"
	"io/fs"
	"reflect"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/failure"
	"hermes-reconcile/cmd/hermes-reconcile/logbook"
	"hermes-reconcile/cmd/hermes-reconcile/notify"
	"hermes-reconcile/cmd/hermes-reconcile/sources"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/watch"
)

// read reads the manifest. While it is wrong, which is said once, the last good one counts, except
// that its being wrong is no reason to do anything.
func (w *Watcher) read(ctx context.Context, why watch.Trigger) *Side {
	t, err := w.settled(ctx, why)
	if errors.Is(err, reconcile.ErrInterrupted) {
		return nil
	}
	if err == nil {
		t, err = w.sure(ctx, t)
	}
	if errors.Is(err, reconcile.ErrInterrupted) {
		return nil
	}
	if err == nil && w.wrong != "" {
		w.opt.Log.Info("the manifest is right again", logbook.KeyEvent, "manifest-right")
	}
	w.wrong = w.say(err, w.wrong)
	w.opt.Events.fault(w.place(), notify.EventRefused, err)
	if err == nil {
		w.good = t
		return t
	}
	if why == watch.Changed {
		return nil
	}
	return w.good
}

// A file that was changed less than settleAge ago may be written still: its first half could be a
// manifest, too. After settleMost it counts all the same: its disk's clock may be wrong.
const (
	settleAge  = 200 * time.Millisecond
	settleMost = 3 * time.Second
	settlePoll = 20 * time.Millisecond
)

// settled reads the manifest when nothing writes to it.
func (w *Watcher) settled(ctx context.Context, why watch.Trigger) (*Side, error) {
	for begin := time.Now(); ; {
		before, enough := w.opt.Stamp(ctx), time.Since(begin) > settleMost
		if before.Odd != "" {
			return nil, usage.Errorf("cannot read manifest %q: it is not a regular file", before.Odd)
		}
		old := time.Since(before.Latest) >= settleAge
		if old && why == watch.Interval && w.known(before) {
			t := w.last
			return t.Again()
		}
		if enough || old {
			t, err := w.opt.Read(ctx)
			same := before == w.opt.Stamp(ctx)
			w.keep(t, before, old && same)
			if enough || same {
				return t, err
			}
		}
		select {
		case <-ctx.Done():
			return nil, reconcile.ErrInterrupted
		case <-time.After(settlePoll):
		}
	}
}

// mostKnown is in how many passes that have no reason the manifest is not read while its files have
// the same stamps. A write through memory that maps a file (mmap(2)) may leave its stamp as it is,
// as on a tmpfs, so it is read now and then all the same.
const mostKnown = 9

// known reports whether the files of the manifest are as they were when it was read last. To read
// and to render what has not changed is a third of the work of a pass.
func (w *Watcher) known(now sources.Stamp) bool {
	if w.last == nil || w.lastStamp != now || w.reused == mostKnown {
		return false
	}
	w.reused++
	return true
}

// keep remembers what was read, if it is sure of which state of the files it is.
func (w *Watcher) keep(t *Side, at sources.Stamp, sure bool) {
	w.last, w.lastStamp, w.reused = nil, at, 0
	if sure {
		w.last = t
	}
}

// A manifest may be written in two halves, and the first may be valid. So what it no longer names
// is removed only if a look after QuietLook finds it the same.
const (
	QuietLook = 2 * time.Second
	mostLooks = 5 // then it waits for the next reason to look
)

// sure gives a new manifest that removes nothing, or that says the same at a second look.
func (w *Watcher) sure(ctx context.Context, t *Side) (*Side, error) {
	for range mostLooks {
		if w.good != nil && reflect.DeepEqual(w.good.Dirs, t.Dirs) || !w.removes(ctx, t) {
			return t, nil
		}
		select {
		case <-ctx.Done():
			return nil, reconcile.ErrInterrupted
		case <-time.After(QuietLook):
		}
		again, err := w.settled(ctx, watch.Changed)
		if err != nil {
			return nil, err
		}
		if reflect.DeepEqual(again.Dirs, t.Dirs) {
			return again, nil
		}
		t = again
	}
	return nil, usage.WithHint(
		errors.New("the manifest names fewer gateways, and goes on changing: nothing is removed"),
		"write it in one piece")
}

// removes reports whether a manifest takes gateways away. Why that cannot be told is for the apply
// to say.
func (w *Watcher) removes(ctx context.Context, t *Side) bool {
	d, err := deploy.Open(ctx, *t.Options)
	if err != nil {
		return false
	}
	defer d.Close()
	plan, err := d.Plan()
	return err == nil && plan.Removes()
}

// say logs an error, several on a line each, unless that is what was said before. It returns what
// has been said now.
func (w *Watcher) say(err error, before string) string {
	if err == nil {
		return ""
	}
	if err.Error() != before {
		for _, e := range failure.Flatten(err) {
			more := append(logbook.PlaceIn(e), logbook.KeyEvent, explain.MessageError,
				logbook.KeyCode, failure.CodeOf(e))
			if errors.Is(e, fs.ErrPermission) {
				more = append(more, "hint", usage.HintOf(usage.Rights(err)))
			}
			w.opt.Log.Error(e.Error(), more...)
		}
	}
	return err.Error()
}
