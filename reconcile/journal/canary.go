//go:build linux

package journal

import (
	"encoding/json"
	"fmt"
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
func (j *Journal) Canary() (*Canary, error) {
	data, _, err := j.own.Read(canaryFile, reconcile.MaxFile)
	if err != nil {
		return nil, dirfd.Missing(err)
	}
	c := &Canary{}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("cannot understand %q: %w", j.own.Join(canaryFile), err)
	}
	return c, nil
}

// TryOn records that a manifest is tried. It is written before anything of that is done.
func (l *Lock) TryOn(c Canary) error { return l.record(canaryFile, c) }

// ForgetCanary records that this is decided.
func (l *Lock) ForgetCanary() error { return dirfd.Missing(l.own.Unlink(canaryFile)) }

// record writes a record that is there once. It appears whole or not at all.
func (l *Lock) record(name string, what any) error {
	data, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if err := l.Staging.RemoveAll(name); err != nil { // of one that was killed
		return err
	}
	if err := l.Staging.Write(name, modeHeld, append(data, '\n')); err != nil {
		return err
	}
	return dirfd.Rename(l.Staging, name, l.own, name)
}
