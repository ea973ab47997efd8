//go:build linux

package canary

import (
	"slices"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/discover"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest/writing"
	"hermes-reconcile/reconcile/journal"
)

// former is the manifest to go back to: that of an apply which was interrupted, or the one before
// this one. Where no history is there yet, it is made of what the gateways have.
func (c *Trial) former() (*journal.Applied, error) {
	if c.before != nil && c.before.Former > 0 {
		_, former, err := deploy.Entry(c.lock.Journal, c.before.Former)
		if err == nil {
			c.Warn(explain.WarnCanary, "continuing the canary of an interrupted apply: %s",
				Names(c.before.Profiles))
		}
		return former, err
	}
	former, err := c.lock.Before(c.side.Record.Digest())
	if err != nil || former != nil {
		return former, err
	}
	return c.asFound()
}

// withEarlier adds the canaries of an apply that was interrupted: they may have a new entry, too.
func (c *Trial) withEarlier(profiles []string) []string {
	if c.before == nil {
		return profiles
	}
	all := slices.Concat(profiles, c.before.Profiles)
	slices.Sort(all)
	return slices.Compact(all)
}

// asFound is a manifest of what the gateways have, from the markers in their directories. It is kept
// as the first of the history; nil where there is none, or what is there cannot be written down.
func (c *Trial) asFound() (*journal.Applied, error) {
	found, err := discover.Scandir(c.Path, c.Wanted(c.Path))
	if err != nil || len(found.Draft.Manifest.Profiles) == 0 {
		return nil, nil
	}
	text, err := writing.Write(found.Draft)
	if err != nil {
		return nil, nil
	}
	a, _, err := c.lock.Keep(journal.Applied{
		Time: time.Now().Truncate(time.Second), By: "as found", Files: []string{"found.yaml"},
		Profiles: len(found.Draft.Manifest.Profiles),
	}, [][]byte{text})
	if err != nil {
		return nil, err
	}
	a.Outcome = journal.Done
	return &a, c.lock.Amend(a)
}
