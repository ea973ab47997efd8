//go:build linux

package logs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/choose"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/cmd/hermes-reconcile/loglines"
	"hermes-reconcile/cmd/hermes-reconcile/overview"
	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/manifest/visible"
)

// merged are several logs, or the lines of one that are wanted, on their way to be printed.
type merged struct {
	to      Output
	logs    []Log
	like    *regexp.Regexp // nil: all lines
	lines   int            // only the last so many of what was there, or home.AllLines
	follow  bool
	prefix  bool // each line names its gateway
	objects bool // each line is one of JSON
	timed   bool // the times of lines play a part here: to be printed, or to choose or to merge by

	out      *bufio.Writer
	prefixes []string        // by log
	last     []loglines.Line // of what was there, where only so many are wanted
	through  bool            // what was there is

	mu      sync.Mutex
	missing map[int]bool
	faults  map[int]string
	untimed map[int]bool
}

// printAtOnce is how much of logs is printed at a time: bytes.
const printAtOnce = 64 << 10

// lastWords is how long lines may take to be printed once the user has had enough.
const lastWords = 100 * time.Millisecond

// merged are the logs of a wish, printed line by line.
func (w *Wish) merged(logs []Log, out Output) *merged {
	filtered := w.filter != (filter{}) || w.Previous
	for i := range logs {
		logs[i].Lines, logs[i].Follow = w.lines, w.Follow
		if filtered { // which lines are the last is clear when all have been looked at
			logs[i].Lines = home.AllLines
		}
	}
	return &merged{
		to: out, logs: logs, like: w.like, lines: w.lines, follow: w.Follow,
		prefix: !choose.IsOne(w.Patterns), objects: w.JSON,
		timed: w.JSON || w.Since+w.Until != "" || w.Previous,
	}
}

// show prints the logs: what was there, and with follow what is added until ctx ends.
func (l *merged) show(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.open()
	var from []<-chan loglines.Batch
	var readers sync.WaitGroup
	failed := make(chan error, len(l.logs))
	groups := l.byAccount()
	l.timed = l.timed || len(groups) > 1
	for _, group := range groups {
		batches := make(chan loglines.Batch)
		from = append(from, batches)
		readers.Go(func() { failed <- l.read(ctx, group, batches) })
	}
	err := loglines.Merge(ctx, from, l.take, l.endOfOld)
	if err == nil {
		err = l.endOfOld() // without follow the logs end before anything is live
	}
	cancel() // after an error of one the others would go on reading
	readers.Wait()
	close(failed)
	for other := range failed {
		if other != nil && !errors.Is(other, context.Canceled) {
			err = errors.Join(err, fmt.Errorf("cannot read logs: %s", homes.Short(other.Error())))
		}
	}
	return errors.Join(err, l.out.Flush())
}

// open prepares to print.
func (l *merged) open() {
	l.out = bufio.NewWriterSize(l.to, printAtOnce)
	l.missing, l.faults, l.untimed = map[int]bool{}, map[int]string{}, map[int]bool{}
	for log := range l.logs {
		l.prefixes = append(l.prefixes, l.prefixOf(log))
	}
}

// showOne shows the lines of one log that are wanted, where their times play no part: its text
// comes as it is.
func (l *merged) showOne(ctx context.Context) error {
	l.open()
	log := l.logs[0]
	lines := &loglines.Splitter{Take: l.take, Untimed: true}
	err := home.Show(ctx, log.who, log.Log, lines, l.note)
	if err == nil {
		err = errors.Join(lines.Close(), l.endOfOld())
	}
	return log.why(ctx, err)
}

// run shows the logs, and says what was wrong. It returns when ctx ends, even if what is printed is
// not taken.
func (l *merged) run(ctx context.Context, named bool) error {
	done := make(chan error, 1)
	go func() { done <- l.show(ctx) }()
	select {
	case err := <-done:
		return l.conclude(ctx, named, err)
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return l.conclude(ctx, named, err)
	case <-time.After(lastWords):
		return Log{Log: home.Log{Follow: l.follow}}.why(ctx, ctx.Err())
	}
}

// byAccount are the logs by their users: each account needs one process.
func (l *merged) byAccount() (groups [][]int) {
	at := map[uint32]int{}
	for i, log := range l.logs {
		group, known := at[log.who.UID]
		if !known {
			group = len(groups)
			at[log.who.UID], groups = group, append(groups, nil)
		}
		groups[group] = append(groups[group], i)
	}
	return groups
}

// read reads the logs of one account.
func (l *merged) read(ctx context.Context, group []int, to chan<- loglines.Batch) error {
	logs := make([]home.Log, len(group))
	for i, at := range group {
		logs[i] = l.logs[at].Log
	}
	own := make(chan loglines.Batch)
	var passing sync.WaitGroup
	passing.Go(func() {
		defer close(to)
		for batch := range own {
			for i := range batch.Lines {
				batch.Lines[i].Log = group[batch.Lines[i].Log]
			}
			select {
			case to <- batch:
			case <-ctx.Done(): // go on, so that the reader can end
			}
		}
	})
	err := home.ShowAll(ctx, l.logs[group[0]].who, logs, home.Watcher{
		Lines:   own,
		Note:    l.note,
		Missing: func(log int) { l.set(func() { l.missing[group[log]] = true }) },
		Failed:  func(log int, why string) { l.set(func() { l.faults[group[log]] = why }) },
		Untimed: !l.timed,
	})
	passing.Wait()
	return err
}

// set changes what several goroutines share.
func (l *merged) set(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
}

// note says what the user should know.
func (l *merged) note(text string) {
	l.set(func() { l.to.note(text) })
}

// take takes lines in their order.
func (l *merged) take(lines []loglines.Line) error {
	for _, line := range lines {
		if !l.wants(line) {
			continue
		}
		if l.lines == home.AllLines || l.through {
			if err := l.print(line); err != nil {
				return err
			}
			continue
		}
		line.Text = bytes.Clone(line.Text)                          // else it would keep all that came with it
		if l.last = append(l.last, line); len(l.last) > 2*l.lines { // now and then, to copy little
			l.last = append([]loglines.Line(nil), l.last[len(l.last)-l.lines:]...)
		}
	}
	if l.through {
		return l.out.Flush()
	}
	return nil
}

// wants reports whether a line is to be shown.
func (l *merged) wants(line loglines.Line) bool {
	log := &l.logs[line.Log]
	if bounded := !log.from.IsZero() || !log.until.IsZero(); bounded && line.Time.IsZero() {
		if !l.untimed[line.Log] {
			l.untimed[line.Log] = true
			l.note(log.profile + ": lines without a time are left out")
		}
		return false
	}
	if line.Time.Before(log.from) || !log.until.IsZero() && !line.Time.Before(log.until) {
		return false
	}
	return l.like == nil || l.like.Match(line.Text)
}

// endOfOld prints what is wanted of what was there.
func (l *merged) endOfOld() error {
	l.through = true
	last := l.last
	l.last = nil
	for _, line := range last[max(len(last)-max(l.lines, 0), 0):] {
		if err := l.print(line); err != nil {
			return err
		}
	}
	return l.out.Flush()
}

// print prints a line.
func (l *merged) print(line loglines.Line) error {
	if l.objects {
		return l.printObject(line)
	}
	if l.prefix {
		l.out.WriteString(l.prefixes[line.Log])
	}
	if l.to.Seen {
		l.out.WriteString(visible.Text(string(line.Text)))
	} else {
		l.out.Write(line.Text)
	}
	return l.out.WriteByte('\n')
}

// printObject prints a line for programs.
func (l *merged) printObject(line loglines.Line) error {
	o := explain.LogLine{
		Profile: l.logs[line.Log].profile, Text: string(loglines.Unlabelled(line.Text)),
	}
	if !line.Time.IsZero() {
		o.Time = line.Time.Format(time.RFC3339Nano)
	}
	text, err := o.JSON()
	if err == nil {
		_, err = l.out.Write(text)
	}
	return err
}

// prefixOf names the gateway of a line, as wide as the widest of them.
func (l *merged) prefixOf(log int) string {
	widest := 0
	for _, other := range l.logs {
		widest = max(widest, overview.Width(other.profile))
	}
	name := visible.Line(l.logs[log].profile)
	text := name + strings.Repeat(" ", max(widest-overview.Width(name), 0)) + " |"
	if l.to.Color {
		text = overview.PaintOther(log, text)
	}
	return text + " "
}

// conclude says what was wrong with logs, after what was shown.
func (l *merged) conclude(ctx context.Context, named bool, err error) error {
	if ended, why := ended(ctx, l.follow, err); ended {
		return why
	}
	if err != nil {
		return err
	}
	const most = 5 // that are named one by one
	var faults []error
	unread := 0
	for i, log := range l.logs {
		switch {
		case l.faults[i] != "":
			if unread++; unread <= most {
				faults = append(faults, log.unread(l.faults[i]))
			}
		case l.missing[i] && len(l.logs) == len(l.missing):
			faults = append(faults, log.missing())
		case l.missing[i] && named:
			l.to.Warn(explain.WarnNoLog, "%s has no log yet: nothing was written to %q", log.profile, log.Folder)
		}
	}
	if unread > most {
		faults = append(faults,
			fmt.Errorf("cannot read the logs of %s", explain.Count(unread-most, "more gateway")))
	}
	if len(l.missing) == len(l.logs) && len(l.logs) > 1 {
		return usage.WithHint(fmt.Errorf("%s have no log yet", explain.Count(len(l.logs), "gateway")),
			"hermes-reconcile status")
	}
	return errors.Join(faults...)
}
