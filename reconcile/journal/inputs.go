//go:build linux

package journal

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"

	"hermes-reconcile/reconcile/dirfd"
	"hermes-reconcile/reconcile/inputs"
	"hermes-reconcile/s6ctl/safefile"
)

// inputsFile has what gateways have read when they started: keyed digests, and the key. Both are of
// one boot of the machine, in one file, so that none is ever compared with those of another key.
const inputsFile = "inputs"

// Inputs is what is recorded of the files that gateways read, by service.
type Inputs struct {
	Boot     string                    `json:"boot"` // of the machine, as the kernel calls it
	Key      []byte                    `json:"key"`  // of all digests
	Gateways map[string]inputs.Gateway `json:"gateways"`
}

// maxInputs is the largest such file that is read, in bytes: a gateway has some hundred for each of
// its files, and may have dozens of them.
const maxInputs = 256 << 20

// keyLength is that of HMAC-SHA256, in bytes.
const keyLength = 32

// NewInputs knows nothing yet, and has a key that has never been used.
func NewInputs() (*Inputs, error) {
	id, err := boot()
	if err != nil {
		return nil, err
	}
	i := &Inputs{Boot: id, Key: make([]byte, keyLength), Gateways: map[string]inputs.Gateway{}}
	_, _ = rand.Read(i.Key) // it never fails: it ends the program instead
	return i, nil
}

// boot tells one boot of the machine from others. Where the kernel does not tell, all are one. That it
// could not be asked just now must not pass for another boot.
func boot() (string, error) {
	id, err := safefile.Proc("/proc").Read("sys/kernel/random/boot_id")
	if err != nil && !safefile.IsAbsent(err) && !errors.Is(err, fs.ErrPermission) {
		return "", err
	}
	return strings.TrimSpace(string(id)), nil
}

// Inputs is what is recorded; nil where that is nothing. What was recorded in an earlier boot, or
// cannot be understood, is nothing, too: the next apply begins anew.
func (j *Journal) Inputs() (*Inputs, error) {
	data, _, err := j.own.Read(inputsFile, maxInputs)
	if err != nil {
		return nil, dirfd.Missing(err)
	}
	now, err := boot()
	if err != nil {
		return nil, err
	}
	i := &Inputs{}
	if json.Unmarshal(data, i) != nil || i.Boot != now || len(i.Key) != keyLength {
		return nil, nil
	}
	return i, nil
}

// RecordInputs records what is known of the inputs of gateways.
func (l *Lock) RecordInputs(i *Inputs) error { return l.record(inputsFile, i) }
