//go:build linux

package logs

import (
	"bytes"
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/deploy"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
)

const (
	// RefusalLines is how many lines of a log are looked at for why a gateway ended. argparse prints a
	// usage of about ten lines before its error, and a run script a line for each pause behind it.
	RefusalLines = 60
	// endLimit is how long the end of one log may take to be read: a disk that does not answer must
	// not hold up a look.
	endLimit = 2 * time.Second
	// maxEnd is how much of a log is kept, in bytes: a line may be very long.
	maxEnd = 256 << 10
)

// End is the end of a gateway's log.
type End struct {
	File string // that it is in, empty where that is not known
	Text string
}

// EndOf reads the last lines of a gateway's log, as its user; the manifest may be nil. With an
// error the end has what was known and had come until then. The error is home.ErrNoLog where
// nothing was written yet.
func EndOf(
	ctx context.Context, l *deploy.Place, s reconcile.Service, m *manifest.Manifest, lines int,
) (end End, err error) {
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	folder, err := folderOf(l, s, m)
	if err != nil {
		return end, err
	}
	end.File = filepath.Join(folder, current)
	who, err := readerOf(l, s, m)
	if err != nil {
		return end, err
	}
	var text limitedBuffer
	err = home.Show(ctx, who, home.Log{Folder: folder, Lines: lines}, &text, func(string) {})
	end.Text = text.String()
	return end, err
}

// LastLine is the last line that a gateway has printed, in short, as `: its log ends with "text"`;
// empty where there is none, or it cannot be read. What run scripts print of themselves says
// nothing new.
func LastLine(
	ctx context.Context, l *deploy.Place, s reconcile.Service, m *manifest.Manifest,
) string {
	end, _ := EndOf(ctx, l, s, m, RefusalLines) // what came until then is enough
	last, own := "", "hermes-reconcile: "+s.Name+": "
	for line := range strings.Lines(end.Text) {
		line = strings.TrimSpace(line)
		_, said, ours := strings.Cut(line, own)
		if line != "" && (!ours || strings.HasPrefix(said, cannotStart)) {
			last = line
		}
	}
	if last == "" {
		return ""
	}
	return ": its log ends with " + strconv.Quote(homes.Clip(last, homes.MostPrinted))
}

// cannotStart begins what a run script says of a gateway that it cannot start: a reason, where all
// else that scripts of ours say is none.
const cannotStart = "cannot start: "

// limitedBuffer keeps the first maxEnd bytes that are written to it.
type limitedBuffer struct{ bytes.Buffer }

// Write drops what has no room, and reports all as written: the sender should go on to the end of
// the log.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if room := maxEnd - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}
