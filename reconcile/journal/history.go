//go:build linux

package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"time"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/dirfd"
)

// The history: a folder for each manifest that was applied, with its files as they were, and a file
// that says what became of it.
const (
	HistoryDir = "history"
	entryFile  = "applied.json"
	textPrefix = "manifest-" // and a number, in the order of the files
	modeText   = 0o600       // a manifest may hold what others must not read
)

// How much history is kept: so many manifests, and so many bytes, since a scandir is in memory. The
// manifest that is applied and the one before it are kept whatever their size.
const (
	mostHistory      = 20
	leastHistory     = 2
	mostHistoryBytes = 16 << 20
	mostText         = 32 << 20 // bytes of a file: no manifest is larger
)

// Outcome says how an apply of a manifest has ended.
type Outcome string

const (
	Begun  Outcome = "begun" // it is under way, or was killed
	Done   Outcome = "done"
	Failed Outcome = "failed" // some gateways are not as the manifest says
)

// Applied is an entry of the history: one manifest that was applied, once or several times in a
// row.
type Applied struct {
	Number   int       `json:"-"` // one higher than that of the entry before it
	Time     time.Time `json:"time"`
	By       string    `json:"by"`             // command
	To       int       `json:"to,omitempty"`   // of a rollback: the entry that it went back to
	Files    []string  `json:"files"`          // as the user named them
	Only     []string  `json:"only,omitempty"` // names and globs of the profiles that it was about
	Digest   string    `json:"digest"`         // of the files
	Outcome  Outcome   `json:"outcome"`
	Summary  string    `json:"summary,omitempty"` // what was done, in words
	Profiles int       `json:"profiles"`          // that the manifest names
}

// DigestOf tells manifests apart, whatever their files are called.
func DigestOf(texts [][]byte) string {
	h := sha256.New()
	for _, text := range texts {
		fmt.Fprintf(h, "%d\n", len(text))
		h.Write(text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// History are the manifests that were applied, the latest last. One that cannot be understood is
// left out: a crash of the machine may have cut it off.
func (j *Journal) History() ([]Applied, error) {
	d, err := j.folder(HistoryDir)
	if d == nil {
		return nil, err
	}
	defer d.Close()
	numbers, err := historyNumbers(d)
	if err != nil {
		return nil, err
	}
	var all []Applied
	for _, n := range numbers {
		if a, err := readApplied(d, n); err == nil {
			all = append(all, a)
		} else if errors.Is(err, fs.ErrPermission) {
			return nil, err
		}
	}
	return all, nil
}

// Latest is the manifest that was applied last; nil: none is known.
func (j *Journal) Latest() (*Applied, error) {
	d, err := j.folder(HistoryDir)
	if d == nil {
		return nil, err
	}
	defer d.Close()
	numbers, err := historyNumbers(d)
	for _, n := range slices.Backward(numbers) {
		if a, err := readApplied(d, n); err == nil {
			return &a, nil
		}
	}
	return nil, err
}

// Before is the manifest that was applied before the one of this digest; nil: none is known.
func (j *Journal) Before(digest string) (*Applied, error) {
	all, err := j.History()
	for _, a := range slices.Backward(all) {
		if a.Digest != digest {
			return &a, err
		}
	}
	return nil, err
}

// historyNumbers are the numbers of what is there, in order.
func historyNumbers(d *dirfd.Dir) (numbers []int, err error) {
	names, err := d.Names()
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil && n > 0 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, err
}

// readApplied reads what is said of an entry.
func readApplied(history *dirfd.Dir, number int) (a Applied, err error) {
	d, err := history.Open(strconv.Itoa(number))
	if err != nil {
		return a, err
	}
	defer d.Close()
	data, _, err := d.Read(entryFile, reconcile.MaxFile)
	if err == nil {
		err = json.Unmarshal(data, &a)
	}
	a.Number = number
	return a, err
}

// Texts are the files of an entry, as they were.
func (j *Journal) Texts(a Applied) ([][]byte, error) {
	d, err := j.own.Open(path.Join(HistoryDir, strconv.Itoa(a.Number)))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	texts := make([][]byte, len(a.Files))
	for i := range a.Files {
		if texts[i], _, err = d.Read(textName(i), mostText); err != nil {
			return nil, err
		}
	}
	if DigestOf(texts) != a.Digest {
		return nil, fmt.Errorf("%q is not what was applied: a hand has changed it, or the disk has lost it",
			d.Join(""))
	}
	return texts, nil
}

// textName is the name of the file at a place.
func textName(i int) string { return textPrefix + strconv.Itoa(i+1) }

// Keep adds a manifest to the history before it is applied, so that a crash leaves no doubt which
// one it was. The manifest that was applied last is no new one: fresh is then false.
func (l *Lock) Keep(a Applied, texts [][]byte) (kept Applied, fresh bool, err error) {
	a.Digest, a.Outcome = DigestOf(texts), Begun
	history, err := l.own.Ensure(HistoryDir, dirfd.ModePrivate)
	if err != nil {
		return a, false, err
	}
	defer history.Close()
	numbers, err := historyNumbers(history)
	if err != nil {
		return a, false, err
	}
	if len(numbers) > 0 {
		a.Number = numbers[len(numbers)-1]
		if last, err := readApplied(history, a.Number); err == nil && last.Digest == a.Digest {
			return last, false, nil
		}
	}
	a.Number++
	if err := l.writeApplied(history, a, texts); err != nil {
		return a, false, err
	}
	bytes := 0
	for _, text := range texts {
		bytes += len(text)
	}
	return a, true, prune(history, append(numbers, a.Number), bytes)
}

// writeApplied writes an entry out of sight, so that it appears whole or not at all.
func (l *Lock) writeApplied(history *dirfd.Dir, a Applied, texts [][]byte) error {
	const temporary = "applied"                            // in staging: no service is called so
	if err := l.Staging.RemoveAll(temporary); err != nil { // of one that was killed
		return err
	}
	if err := l.Staging.Mkdir(temporary, dirfd.ModePrivate); err != nil {
		return err
	}
	d, err := l.Staging.Open(temporary)
	if err != nil {
		return err
	}
	defer d.Close()
	for i, text := range texts {
		if err := d.Write(textName(i), modeText, text); err != nil {
			return err
		}
	}
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if err := d.Write(entryFile, modeText, append(data, '\n')); err != nil {
		return err
	}
	return dirfd.Move(l.Staging, temporary, history, strconv.Itoa(a.Number))
}

// prune deletes the oldest entries; bytes is the size of the latest, which stands for all.
func prune(history *dirfd.Dir, numbers []int, bytes int) error {
	most := min(mostHistory, max(leastHistory, mostHistoryBytes/max(bytes, 1)))
	for _, n := range numbers[:max(len(numbers)-most, 0)] {
		if err := history.RemoveAll(strconv.Itoa(n)); err != nil {
			return err
		}
	}
	return nil
}

// Amend writes what became of an entry.
func (l *Lock) Amend(a Applied) error {
	d, err := l.own.Open(path.Join(HistoryDir, strconv.Itoa(a.Number)))
	if err != nil {
		return err
	}
	defer d.Close()
	return l.place("amended", modeText, a, d, entryFile)
}

// Forget takes back an entry whose apply has changed nothing.
func (l *Lock) Forget(number int) error {
	history, err := l.own.Open(HistoryDir)
	if err != nil {
		return err
	}
	defer history.Close()
	return history.RemoveAll(strconv.Itoa(number))
}
