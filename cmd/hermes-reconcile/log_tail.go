//go:build linux

package main

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
)

const (
	// refusalLines is how many lines of a log are looked at. argparse prints a usage of about ten
	// lines before its error, and a run script a line for each pause behind it.
	refusalLines = 60
	// refusalLimit is how long one log may take to be read.
	refusalLimit = 2 * time.Second
	// maxTail is how much of a log is kept, in bytes: a line may be very long.
	maxTail = 256 << 10
)

// logTail is the end of a gateway's log, read as its user; empty where it cannot be read.
func logTail(
	ctx context.Context,
	l *deploy.Place,
	s reconcile.Service,
	m *manifest.Manifest,
) string {
	ctx, cancel := context.WithTimeout(ctx, refusalLimit)
	defer cancel()
	folder, err := logFolderOf(l, s, m)
	if err != nil {
		return ""
	}
	who, err := logReader(l, s, m)
	if err != nil {
		return ""
	}
	var text limitedBuffer
	log := home.Log{Folder: folder, Lines: refusalLines}
	_ = home.Show(ctx, who, log, &text, func(string) {}) // what came until then is enough
	return text.String()
}

// lastLine is the last line that a gateway has printed, in short, as `: "text"`; empty where there
// is none, or it cannot be read. What run scripts print of themselves says nothing new.
func lastLine(
	ctx context.Context,
	l *deploy.Place,
	s reconcile.Service,
	m *manifest.Manifest,
) string {
	last, own := "", program+": "+s.Name+": "
	for line := range strings.Lines(logTail(ctx, l, s, m)) {
		line = strings.TrimSpace(line)
		_, said, ours := strings.Cut(line, own)
		if line != "" && (!ours || strings.HasPrefix(said, cannotStart)) {
			last = line
		}
	}
	if last == "" {
		return ""
	}
	return ": its log ends with " + strconv.Quote(doctor.Clip(last))
}

// cannotStart begins what a run script says of a gateway that it cannot start: a reason, where all
// else that scripts of ours say is none.
const cannotStart = "cannot start: "

// limitedBuffer keeps the first maxTail bytes that are written to it.
type limitedBuffer struct{ bytes.Buffer }

// Write drops what has no room, and reports all as written: the sender should go on to the end of
// the log.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if room := maxTail - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}
