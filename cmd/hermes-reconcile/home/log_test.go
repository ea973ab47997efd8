//go:build linux

package home

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what must happen.
const patience = 2 * time.Minute

// logText is where a test has the text of a log written to.
type logText struct {
	mu    sync.Mutex
	text  bytes.Buffer
	notes []string
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) note(text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notes = append(l.notes, text)
	return nil
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logText) noted() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.notes, "\n")
}

// showing is the text of a log.
func showing(t *testing.T, log Log) string {
	t.Helper()
	var out logText
	require.NoError(t, (&logReader{Log: log, text: &out, note: out.note}).show(t.Context()))
	require.Empty(t, out.noted())
	return out.String()
}

// following follows a log until the test is over.
func following(t *testing.T, log Log) *logText {
	t.Helper()
	log.Follow = true
	out := &logText{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- (&logReader{Log: log, text: out, note: out.note}).show(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) { // it may have been about to read
			require.NoError(t, err)
		}
	})
	return out
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	require.Eventually(t, cond, patience, 5*time.Millisecond, what)
}

// rotatedAt is the name of a file that was rotated at a time.
func rotatedAt(n int, suffix string) string { return fmt.Sprintf("@%024x%s", n, suffix) }

func put(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, errors.Join(err, f.Close()))
}

// naively are the last lines of texts that follow each other. Each text ends its last line.
func naively(texts []string, lines int) string {
	var all []string
	for _, text := range texts {
		for line := range strings.Lines(text) {
			all = append(all, strings.TrimSuffix(line, "\n")+"\n")
		}
	}
	if lines != AllLines {
		all = all[max(len(all)-lines, 0):]
	}
	return strings.Join(all, "")
}

// randomText has lines of all lengths, the longest of several blocks, and at times half a line at
// its end.
func randomText(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(6) {
		length := r.IntN(20)
		if r.IntN(8) == 0 {
			length = blockSize - 3 + r.IntN(6)
		}
		if r.IntN(16) == 0 {
			length = r.IntN(3 * blockSize)
		}
		b.WriteString(strings.Repeat(string(rune('a'+r.IntN(26))), length) + "\n")
	}
	if r.IntN(3) == 0 {
		b.WriteString("half")
	}
	return b.String()
}

func TestLastLinesAreThoseOfANaiveReader(t *testing.T) {
	seed := time.Now().UnixNano()
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	for range 300 {
		folder := t.TempDir()
		var texts []string
		for i, name := range []string{rotatedAt(1, ".s"), rotatedAt(2, ".u"), rotatedAt(0x10, ".s"), previousFile, currentFile} {
			if i < 4 && r.IntN(3) == 0 {
				continue
			}
			text := randomText(r)
			put(t, filepath.Join(folder, name), text)
			texts = append(texts, text)
		}
		lines := r.IntN(30) - 1
		require.True(t, naively(texts, lines) == showing(t, Log{Folder: folder, Lines: lines}), "seed %d: %d lines of %q", seed, lines, texts)
	}
}

func TestWhatIsNoLogFileIsLeftOut(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"lock", "state", "processed", "@short.s", rotatedAt(1, ".x"), "@" + strings.Repeat("Z", 24) + ".s", rotatedAt(1, ".s") + "x"} {
		put(t, filepath.Join(folder, name), "wrong\n")
	}
	put(t, filepath.Join(folder, currentFile), "right\n")
	require.Equal(t, "right\n", showing(t, Log{Folder: folder, Lines: AllLines}))
}

// TestFileWithTwoNamesIsReadOnce: s6-log gives a file its next name before it takes the old one
// away, and may die in between.
func TestFileWithTwoNamesIsReadOnce(t *testing.T) {
	for _, name := range []string{previousFile, currentFile} {
		folder := t.TempDir()
		put(t, filepath.Join(folder, rotatedAt(1, ".s")), "one\n")
		put(t, filepath.Join(folder, name), "two\n")
		require.NoError(t, os.Link(filepath.Join(folder, name), filepath.Join(folder, rotatedAt(2, ".s"))))
		require.Equal(t, "one\ntwo\n", showing(t, Log{Folder: folder, Lines: AllLines}))
	}
}

// TestSymlinkIsNotFollowed: not even to what the user may read.
func TestSymlinkIsNotFollowed(t *testing.T) {
	for _, name := range []string{rotatedAt(1, ".s"), previousFile, currentFile} {
		folder := t.TempDir()
		put(t, folder+"/text", "text\n")
		require.NoError(t, os.Symlink("text", filepath.Join(folder, name)))
		err := (&logReader{Log: Log{Folder: folder, Lines: AllLines}, text: io.Discard}).show(t.Context())
		require.ErrorContains(t, err, name+": it is not a regular file")
	}
}

// TestLittleIsReadForFewLines: of the oldest files none is even opened.
func TestLittleIsReadForFewLines(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, rotatedAt(1, ".s")), 0o755)) // cannot be read
	put(t, filepath.Join(folder, rotatedAt(2, ".s")), "one\ntwo\n")
	put(t, filepath.Join(folder, currentFile), "three\n")
	require.Equal(t, "two\nthree\n", showing(t, Log{Folder: folder, Lines: 2}))
	err := (&logReader{Log: Log{Folder: folder, Lines: 4}, text: io.Discard}).show(t.Context())
	require.ErrorContains(t, err, rotatedAt(1, ".s")+": it is not a regular file")
}

// TestLookSeesAllOfARotationOrNothing: each file holds its number, and none is missing between two
// others.
func TestLookSeesAllOfARotationOrNothing(t *testing.T) {
	r := &rotator{t: t, folder: t.TempDir(), keep: 20}
	stop, stopped := make(chan struct{}), make(chan struct{})
	r.renew()
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			fmt.Fprintf(r.current, "%d", r.rotations+1)
			r.rotate(func() {})
			time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
		}
	}()
	defer func() {
		close(stop)
		<-stopped
	}()
	for range 500 {
		s, err := look(r.folder)
		require.NoError(t, err)
		last := 0
		for _, p := range s.parts {
			number := 0
			if isRotated(p.name) {
				fmt.Sscanf(p.name, "@%x.s", &number)
			} else {
				data, err := io.ReadAll(p.file)
				require.NoError(t, err)
				if fmt.Sscan(string(data), &number); len(data) == 0 && p == s.current() {
					continue // nothing is in it yet
				}
			}
			require.True(t, last == 0 || number == last+1, "%d follows %d", number, last)
			last = number
		}
		s.close()
	}
}

func TestNoLog(t *testing.T) {
	folder := t.TempDir()
	for _, path := range []string{folder, folder + "/missing/too"} {
		require.ErrorIs(t, (&logReader{Log: Log{Folder: path, Lines: AllLines}}).show(t.Context()), ErrNoLog)
	}
	put(t, folder+"/current", "")
	require.Empty(t, showing(t, Log{Folder: folder, Lines: AllLines}))
}

func TestFollowWaitsForALog(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "logs", "coder")
	out := following(t, Log{Folder: folder})
	eventually(t, "it says that it waits", func() bool { return out.noted() != "" })
	require.Equal(t, fmt.Sprintf("there is no log in %q yet: waiting for one", folder), out.noted())
	require.NoError(t, os.MkdirAll(folder, 0o755))
	put(t, folder+"/current", "one\n")
	eventually(t, "the first line", func() bool { return out.String() == "one\n" })
	require.NoError(t, os.RemoveAll(folder))
	require.NoError(t, os.MkdirAll(folder, 0o755))
	put(t, folder+"/current", "two\n")
	eventually(t, "a new folder is found", func() bool { return out.String() == "one\ntwo\n" })
}

func TestFollowShowsWholeLines(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, currentFile)
	put(t, path, "one\ntwo\nha")
	two := following(t, Log{Folder: folder, Lines: 2})
	eventually(t, "the last lines", func() bool { return two.String() == "two\n" })
	put(t, path, "lf\nlonger")
	eventually(t, "the whole line", func() bool { return two.String() == "two\nhalf\n" })
	none, ticks := following(t, Log{Folder: folder, Lines: 0}), 0
	eventually(t, "it shows no line that was there", func() bool { // when it begins cannot be seen
		put(t, path, "tick\n")
		ticks++
		return strings.HasPrefix(none.String(), "tick\n") || strings.HasPrefix(none.String(), "longertick\n")
	})
	eventually(t, "the other one has read it all", func() bool { return strings.Count(two.String(), "tick") == ticks })
	require.NoError(t, os.Truncate(path, 0))
	put(t, path, "new\n")
	eventually(t, "what comes after it was emptied", func() bool { return strings.HasSuffix(two.String(), "tick\nnew\n") })
	require.NoError(t, os.Rename(path, filepath.Join(folder, rotatedAt(1, ".u"))))
	put(t, filepath.Join(folder, rotatedAt(1, ".u")), "cut")
	put(t, path, "next\n")
	eventually(t, "half a line of a logger that was killed", func() bool { return strings.HasSuffix(two.String(), "new\ncut\nnext\n") })
	require.Empty(t, two.noted())
}

// rotator does what s6-log does, step by step.
type rotator struct {
	t         *testing.T
	folder    string
	current   *os.File
	rotations int
	keep      int
}

func (r *rotator) path(name string) string { return filepath.Join(r.folder, name) }

func (r *rotator) renew() {
	if r.current != nil {
		r.current.Close()
	}
	var err error
	r.current, err = os.OpenFile(r.path(currentFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	require.NoError(r.t, err)
}

// finish gives a file its last name.
func (r *rotator) finish(name, suffix string) {
	r.rotations++
	require.NoError(r.t, os.Link(r.path(name), r.path(rotatedAt(r.rotations, suffix))))
	require.NoError(r.t, os.Remove(r.path(name)))
	if gone := r.rotations - r.keep; gone > 0 {
		old, err := filepath.Glob(r.path(fmt.Sprintf("@%024x.?", gone)))
		require.NoError(r.t, err)
		for _, path := range old {
			require.NoError(r.t, os.Remove(path))
		}
	}
}

func (r *rotator) rotate(pause func()) {
	require.NoError(r.t, os.Rename(r.path(currentFile), r.path(previousFile)))
	pause()
	r.renew()
	pause()
	r.finish(previousFile, ".s")
}

// die is the end of a logger that is killed, and the begin of the next.
func (r *rotator) die(pause func()) {
	r.finish(currentFile, ".u")
	pause()
	r.renew()
}

// TestFollowAcrossRotations: every line comes once and in order, whatever step of a rotation is
// seen.
func TestFollowAcrossRotations(t *testing.T) {
	const last = 20_000
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	pause := func() {
		if random.IntN(6) == 0 {
			time.Sleep(time.Duration(random.IntN(int(2 * followInterval))))
		}
	}
	r := &rotator{t: t, folder: t.TempDir(), keep: last}
	r.renew()
	out := following(t, Log{Folder: r.folder, Lines: AllLines})
	var want strings.Builder
	for n := 1; n <= last; {
		for range 1 + random.IntN(400) {
			line := fmt.Sprintf("line %06d\n", n)
			want.WriteString(line)
			_, err := r.current.WriteString(line)
			require.NoError(t, err)
			n++
		}
		switch random.IntN(5) {
		case 0:
			r.die(pause)
		case 1, 2, 3:
			r.rotate(pause)
		}
	}
	require.NoError(t, r.current.Close())
	eventually(t, "the last line", func() bool { return len(out.String()) >= want.Len() })
	require.True(t, want.String() == out.String(), "a line is lost or doubled")
	require.Empty(t, out.noted())
	require.Greater(t, r.rotations, 20)
}

// TestFollowerThatIsTooSlowIsToldSo: what it does show is in order.
func TestFollowerThatIsTooSlowIsToldSo(t *testing.T) {
	r := &rotator{t: t, folder: t.TempDir(), keep: 1}
	r.renew()
	out := following(t, Log{Folder: r.folder, Lines: AllLines})
	for n := 0; !strings.Contains(out.noted(), "lines may be missing"); n++ {
		require.Less(t, n, 100_000)
		_, err := fmt.Fprintf(r.current, "line %06d\n", n)
		require.NoError(t, err)
		r.rotate(func() {})
	}
	_, err := r.current.WriteString("line 999999\n")
	require.NoError(t, err)
	require.NoError(t, r.current.Close())
	eventually(t, "it goes on", func() bool { return strings.HasSuffix(out.String(), "line 999999\n") })
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.True(t, slices.IsSorted(lines) && len(slices.Compact(lines)) == len(lines), "a line is doubled")
}

// TestHostileLogFolder: whatever lies where the log should, it is refused at once, and nothing
// behind it is read.
func TestHostileLogFolder(t *testing.T) {
	const secret = "root's alone"
	for name, plant := range map[string]func(folder, secret string) error{
		"current symlink": func(folder, secret string) error { return os.Symlink(secret, folder+"/current") },
		"old symlink":     func(folder, secret string) error { return os.Symlink(secret, folder+"/"+rotatedAt(1, ".s")) },
		"current FIFO":    func(folder, _ string) error { return unix.Mkfifo(folder+"/current", 0o666) },
		"previous FIFO":   func(folder, _ string) error { return unix.Mkfifo(folder+"/previous", 0o666) },
		"old FIFO":        func(folder, _ string) error { return unix.Mkfifo(folder+"/"+rotatedAt(1, ".s"), 0o666) },
		"current folder":  func(folder, _ string) error { return os.Mkdir(folder+"/current", 0o755) },
		"current socket": func(folder, _ string) error {
			return unix.Mknod(folder+"/current", unix.S_IFSOCK|0o666, 0)
		},
		"folder symlink": func(folder, secret string) error {
			return errors.Join(os.Remove(folder), os.Symlink(filepath.Dir(secret), folder))
		},
		"folder FIFO": func(folder, _ string) error { return errors.Join(os.Remove(folder), unix.Mkfifo(folder, 0o666)) },
	} {
		for _, follow := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %t", name, follow), func(t *testing.T) {
				if os.Getuid() != 0 && name == "folder symlink" {
					return // one user alone has no others
				}
				theirs := filepath.Join(t.TempDir(), currentFile)
				require.NoError(t, os.WriteFile(theirs, []byte(secret), 0o600))
				require.NoError(t, os.Chmod(filepath.Dir(theirs), 0o700))
				home, who := newHome(t, map[string]string{"logs/coder/x": ""})
				folder := filepath.Join(home, "logs/coder")
				require.NoError(t, os.Remove(folder+"/x"))
				require.NoError(t, plant(folder, theirs))
				give(t, home, who)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				var out bytes.Buffer
				err := Show(ctx, who, Log{Folder: folder, Lines: AllLines, Follow: follow}, &out, func(string) {})
				require.Regexp(t, "it is not a regular file|permission denied|not a directory", err)
				require.ErrorContains(t, err, folder)
				require.Empty(t, out.String())
			})
		}
	}
}

func TestShowShowsALogAsItsUser(t *testing.T) {
	text := strings.Repeat(strings.Repeat("x", 100)+"\n", 3000)
	home, who := newHome(t, map[string]string{"coder/" + rotatedAt(1, ".s"): text, "coder/current": "last"})
	var out bytes.Buffer
	log := Log{Folder: home + "/coder", Lines: AllLines}
	require.NoError(t, Show(t.Context(), who, log, &out, nil))
	require.True(t, text+"last\n" == out.String())
	log.Folder = home + "/none"
	require.ErrorIs(t, Show(t.Context(), who, log, &out, nil), ErrNoLog)
}

// TestShowEndsEvenIfItsReaderHangs: with its context, though its output is not read.
func TestShowEndsEvenIfItsReaderHangs(t *testing.T) {
	home, who := newHome(t, map[string]string{"coder/current": "text\n"})
	ctx, cancel := context.WithCancel(t.Context())
	stuck, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	to := writer(func(p []byte) (int, error) {
		close(stuck)
		<-release
		return len(p), nil
	})
	ended := make(chan error, 1)
	go func() { ended <- Show(ctx, who, Log{Folder: home + "/coder", Lines: AllLines, Follow: true}, to, nil) }()
	<-stuck
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// TestHelperThatShowsALogEndsWithItsCaller: it sees that by its stdin, though it may wait for a disk, or
// for its reader.
func TestHelperThatShowsALogEndsWithItsCaller(t *testing.T) {
	folder := t.TempDir()
	put(t, folder+"/current", "text\n")
	stdin, asking := io.Pipe()
	var out logText
	stuck := make(chan struct{})
	defer close(stuck)
	to := writer(func(p []byte) (int, error) {
		n, err := out.Write(p)
		<-stuck
		return n, err
	})
	ended := make(chan error, 1)
	go func() { ended <- Serve(stdin, to) }()
	_, err := fmt.Fprintf(asking, `{"Log": {"Folder": %q, "Lines": -1, "Follow": true}}`, folder)
	require.NoError(t, err)
	eventually(t, "the text", func() bool { return strings.Contains(out.String(), "text\n") })
	require.Empty(t, ended)
	require.NoError(t, asking.Close())
	require.NoError(t, <-ended)
}

func TestFramesThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "no answer from the process that looks there: EOF",
		"t\x00\x00\x00":               "no answer from the process that looks there: unexpected EOF",
		"t\x00\x00\x00\x02x":          "no answer from the process that looks there: unexpected EOF",
		"t\xff\xff\xff\xff":           "a frame of 4294967295 bytes (at most 131072 are right)",
		"f\x00\x00\x00\x02no":         "no",
		"0\x00\x00\x00\x00":           ErrNoLog.Error(),
		"t\x00\x00\x00\x01xf\x00\x00": "unexpected EOF",
	} {
		require.ErrorContains(t, relay(strings.NewReader(text), io.Discard, nil), want)
	}
	full := writer(func([]byte) (int, error) { return 0, unix.ENOSPC })
	require.ErrorContains(t, relay(strings.NewReader("t\x00\x00\x00\x01x"), full, nil), "cannot print it: no space left on device")
}

// TestTextIsMoved: between files and pipes all text arrives as it is, whether the kernel can move
// it there or not, however slowly it is taken.
func TestTextIsMoved(t *testing.T) {
	folder := t.TempDir()
	var want strings.Builder
	for i := range 5 {
		text := strings.Repeat(fmt.Sprintf("line %d\n", i), 1+rand.IntN(3*longBlock/7))
		if i == 2 {
			text += "no end" // as where a logger was killed
		}
		want.WriteString(strings.TrimSuffix(text, "\n") + "\n")
		put(t, filepath.Join(folder, rotatedAt(i+1, ".s")), text)
	}
	for name, flags := range map[string]int{"new": os.O_CREATE | os.O_WRONLY, "append": os.O_CREATE | os.O_WRONLY | os.O_APPEND} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "copy")
			to, err := os.OpenFile(path, flags, 0o600)
			require.NoError(t, err)
			defer to.Close()
			require.NoError(t, moved(t, folder, to))
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, want.String() == string(got), "%d and %d bytes", want.Len(), len(got))
		})
	}
	t.Run("slow pipe", func(t *testing.T) {
		end, to, err := os.Pipe()
		require.NoError(t, err)
		defer end.Close()
		got := make(chan string)
		go func() {
			text, _ := io.ReadAll(iotest.OneByteReader(io.LimitReader(end, 4096)))
			rest, _ := io.ReadAll(end)
			got <- string(text) + string(rest)
		}()
		require.NoError(t, moved(t, folder, to))
		to.Close()
		require.True(t, want.String() == <-got)
	})
	t.Run("closed pipe", func(t *testing.T) {
		end, to, err := os.Pipe()
		require.NoError(t, err)
		end.Close()
		defer to.Close()
		require.ErrorIs(t, moved(t, folder, to), unix.EPIPE)
	})
}

// TestMoveLeavesWhatIsNotTaken: without a reader it moves what there is room for, and gives up. The
// rest is still there to be copied.
func TestMoveLeavesWhatIsNotTaken(t *testing.T) {
	end, to, err := os.Pipe()
	require.NoError(t, err)
	defer end.Close()
	from, in, err := os.Pipe()
	require.NoError(t, err)
	defer from.Close()
	text := bytes.Repeat([]byte("0123456789abcdef"), 4096) // as much as a pipe holds
	_, err = in.Write(text)
	require.NoError(t, err)
	in.Close()
	_, err = to.Write(text[:len(text)/2])
	require.NoError(t, err)
	n := move(to, from, nil, len(text))
	require.Less(t, n, len(text))
	rest, err := io.ReadAll(from)
	require.NoError(t, err)
	require.Len(t, rest, len(text)-n)
	to.Close()
	taken, err := io.ReadAll(end)
	require.NoError(t, err)
	require.True(t, bytes.Equal(text, append(taken[len(text)/2:], rest...)))
}

// moved shows a log by pipes, as the two processes do, in a file.
func moved(t *testing.T, folder string, to *os.File) error {
	t.Helper()
	from, frame, err := os.Pipe()
	require.NoError(t, err)
	defer from.Close()
	go func() {
		defer frame.Close()
		_ = sendLog(t.Context(), frames{frame}, Log{Folder: folder, Lines: AllLines})
	}()
	return relay(from, Text{Writer: to, File: to}, nil)
}
