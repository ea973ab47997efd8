//go:build linux

package journal

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
)

// canaryFile says that a manifest is tried on some gateways first.
const canaryFile = "canary"

// Canary says that a manifest is tried on some gateways first. Until that is decided the former
// manifest counts for the others, and what watch and boot do leaves these gateways alone.
type Canary struct {
	Digest   string    `json:"digest"`   // of the manifest that is tried
	Former   int       `json:"former"`   // number of the manifest that counts for the others; 0: none
	Profiles []string  `json:"profiles"` // those that it is tried on
	PID      int       `json:"pid"`      // of the apply that tries it
	Start    int       `json:"start"`    // when that was started, by the kernel's count
	Time     time.Time `json:"time"`
	Failed   string    `json:"failed,omitempty"` // why it is over, and nothing was taken back
}

// Canary is nil where no manifest is tried.
func (j *Journal) Canary() (*Canary, error) { return recorded[Canary](j, canaryFile) }

// TryOn records that a manifest is tried. It is written before anything of that is done.
func (l *Lock) TryOn(c Canary) error { return l.record(canaryFile, c) }

// ForgetCanary records that this is decided.
func (l *Lock) ForgetCanary() error { return dirfd.Missing(l.own.Unlink(canaryFile)) }

// rolledBackFile says that a manifest was taken back.
const rolledBackFile = "rolledback"

// RolledBack says that a manifest was taken back: as long as its files are what they were, watch and
// boot apply another one in its place.
type RolledBack struct {
	Digest string    `json:"digest"` // of the manifest that was taken back
	From   int       `json:"from"`   // its number in the history
	Number int       `json:"number"` // of the one that counts in its place
	Time   time.Time `json:"time"`
	Why    string    `json:"why,omitempty"` // empty: a user wanted it so
}

// RolledBack is nil where no manifest was taken back.
func (j *Journal) RolledBack() (*RolledBack, error) {
	return recorded[RolledBack](j, rolledBackFile)
}

// RollBack records that a manifest is taken back. It is written before anything of that is done.
func (l *Lock) RollBack(r RolledBack) error { return l.record(rolledBackFile, r) }

// ForgetRollback records that the manifest counts again.
func (l *Lock) ForgetRollback() error { return dirfd.Missing(l.own.Unlink(rolledBackFile)) }

// turnsFile says which gateways restart by turns.
const turnsFile = "turns"

// Turns says which gateways restart by turns for a manifest. One that is as that says, and has not
// come back, keeps the others from their turns, also where the watch that has restarted it has ended.
type Turns struct {
	Digest   string   `json:"digest"`   // of the manifest
	Services []string `json:"services"` // those that had a turn, or have one to come
}

// Turns is nil where none is under way.
func (j *Journal) Turns() (*Turns, error) { return recorded[Turns](j, turnsFile) }

// TakeTurns records that these restart by turns, too. It is written before anything of that is done.
func (l *Lock) TakeTurns(digest string, services []string) error {
	before, err := l.Turns()
	if err != nil || before == nil || before.Digest != digest {
		before = &Turns{Digest: digest} // what cannot be read is of no turn that is under way
	}
	all := slices.Concat(before.Services, services)
	slices.Sort(all)
	all = slices.Compact(all)
	if slices.Equal(all, before.Services) {
		return nil
	}
	return l.record(turnsFile, Turns{Digest: digest, Services: all})
}

// ForgetTurns records that all are back.
func (l *Lock) ForgetTurns() error { return dirfd.Missing(l.own.Unlink(turnsFile)) }

// recorded reads what record has written, nil where there is none.
func recorded[R any](j *Journal, name string) (*R, error) {
	data, _, err := j.own.Read(name, reconcile.MaxFile)
	if err != nil {
		return nil, dirfd.Missing(err)
	}
	r := new(R)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("cannot understand %q: %w", j.own.Join(name), err)
	}
	return r, nil
}

// record writes a record that is there once.
func (l *Lock) record(name string, what any) error {
	if err := l.Staging.RemoveAll(name); err != nil { // of one that was killed
		return err
	}
	return l.place(name, modeHeld, what, l.own, name)
}

// place writes a record where it belongs, by way of a name in staging: it appears whole or not at all.
// Where that fails the name is free for the next record.
func (l *Lock) place(staged string, mode fs.FileMode, what any, to *dirfd.Dir, name string) error {
	data, err := json.Marshal(what)
	if err != nil {
		return err
	}
	err = l.Staging.Write(staged, mode, append(data, '\n'))
	if err == nil {
		err = dirfd.Rename(l.Staging, staged, to, name)
	}
	if err != nil {
		_ = l.Staging.RemoveAll(staged) // the first error matters more
	}
	return err
}
