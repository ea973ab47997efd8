package render

import (
	"bytes"
	"fmt"

	"hermes-reconcile/manifest"
)

// OwnFolder is our dot directory in a scandir. s6-svscan skips its name for the dot.
const OwnFolder = ".hermes-reconcile"

// turnFolder holds the locks by which gateways take turns to start, relative to the scandir.
const turnFolder = OwnFolder + "/start"

// Where a service directory says how many gateways start at a time, and waits for that. What a
// gateway runs as does not depend on them.
const (
	startPath = "data/start"
	turnPath  = "data/turn"
)

// TurnMark stands behind a pid in data/backoff as long as that process waits for its turn to start.
const TurnMark = "turn"

// turn is what the template of data/turn sees.
type turn struct {
	Folder          string
	Setlock, Svstat string
}

// turnWords is what the template of ./run sees of turns; nil: the gateway takes none.
type turnWords struct{ Folder, Mark string }

// turnWords are the same for all profiles.
func (r *renderer) turnWords() *turnWords {
	if r.manifest.Start.Parallel == 0 {
		return nil
	}
	return &turnWords{turnFolder, TurnMark}
}

// addTurns adds the script that waits for a turn to what is the same for all.
func (r *renderer) addTurns() error {
	if r.manifest.Start.Parallel == 0 {
		return nil
	}
	var text bytes.Buffer
	t := turn{turnFolder, r.program("s6-setlock"), r.program("s6-svstat")}
	err := r.templates.ExecuteTemplate(&text, "turn.tmpl", t)
	r.same = append(r.same, newFile(turnPath, modeScript, text.Bytes()))
	return err
}

// addStart says to data/turn how many gateways start at a time, how many seconds this one counts as
// starting, and how many at most.
func (r *renderer) addStart(dir *Servicedir, p *manifest.Profile) {
	parallel := r.manifest.Start.Parallel
	if parallel == 0 {
		return
	}
	dir.Turn = r.manifest.Turn(p)
	per := "ready"
	if dir.Turn.For > 0 {
		per = fmt.Sprint(dir.Turn.For)
	}
	text := fmt.Appendf(nil, "%d %s %d\n", parallel, per, dir.Turn.Most)
	dir.Files = append(dir.Files, newFile(startPath, modeFile, text))
}

// The part of a run script that waits for the turn, and what stands behind it in each. Up to there
// a script holds no text of a manifest but the profile's name.
const (
	turnBegin  = "\n# At most so many gateways start at a time"
	turnEnd    = "\ntrue >data/backoff\n"
	turnBehind = "HERMES_HOME="
)

// SameGateway reports whether two run scripts start the same gateway, by turns or not: one
// that runs by one of them need not restart for the other.
func SameGateway(a, b []byte) bool { return bytes.Equal(withoutTurn(a), withoutTurn(b)) }

// withoutTurn is a run script without the part that waits for a turn.
func withoutTurn(run []byte) []byte {
	begin := bytes.Index(run, []byte(turnBegin))
	if begin < 0 || bytes.Contains(run[:begin], []byte(turnBehind)) {
		return run
	}
	length := bytes.Index(run[begin:], []byte(turnEnd))
	if length < 0 {
		return run
	}
	end := begin + length + len(turnEnd) - 1
	return append(run[:begin:begin], run[end:]...)
}
