//go:build linux

package journal

import (
	"encoding/json"
	"fmt"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
)

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
	data, _, err := j.own.Read(rolledBackFile, reconcile.MaxFile)
	if err != nil {
		return nil, dirfd.Missing(err)
	}
	r := &RolledBack{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("cannot understand %q: %w", j.own.Join(rolledBackFile), err)
	}
	return r, nil
}

// RollBack records that a manifest is taken back. It is written before anything of that is done.
func (l *Lock) RollBack(r RolledBack) error { return l.record(rolledBackFile, r) }

// ForgetRollback records that the manifest counts again.
func (l *Lock) ForgetRollback() error { return dirfd.Missing(l.own.Unlink(rolledBackFile)) }
