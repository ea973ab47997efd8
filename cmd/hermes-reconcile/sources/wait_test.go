//go:build unix

package sources

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile"
)

const manifestText = "version: 1\nprofiles: {a: {}}\n"

// soon is a patience that ends soon.
const soon = 50 * time.Millisecond

// fifo makes one.
func fifo(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	return path
}

// requireLate wants a timeout with this text and this hint, which is no error of usage: to try again
// may help.
func requireLate(t *testing.T, err error, text, hint string) {
	t.Helper()
	require.ErrorContains(t, err, text)
	require.True(t, reconcile.IsTimeout(err), "%v", err)
	var wrong *usage.Error
	require.False(t, errors.As(err, &wrong))
	require.Contains(t, usage.HintOf(err), hint)
}

// TestNothingIsWaitedForWithoutALimit: what gives nothing is named, with what to type next.
func TestNothingIsWaitedForWithoutALimit(t *testing.T) {
	t.Run("a FIFO that no program writes to", func(t *testing.T) {
		path := fifo(t, "m.yaml")
		_, err := Names{List: []string{path}, Patience: soon}.Read(t.Context())
		requireLate(t, err, `cannot read manifest "`+path+`": timed out after`, "start the program that writes to it")
		require.ErrorContains(t, err, "waiting for a program to write to this FIFO")
	})
	t.Run("a FIFO in a folder", func(t *testing.T) {
		path := fifo(t, "m.yaml")
		_, err := Names{List: []string{filepath.Dir(path)}, Patience: soon}.Read(t.Context())
		requireLate(t, err, `cannot read manifest "`+path+`": timed out after`, "name a file with -f FILE")
	})
	t.Run("a FIFO whose program writes nothing more", func(t *testing.T) {
		path := fifo(t, "m.yaml")
		writer, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		defer writer.Close()
		_, err = writer.WriteString("version: 1\n")
		require.NoError(t, err)
		_, err = Names{List: []string{path}, Patience: soon}.Read(t.Context())
		requireLate(t, err, "waiting for the program that writes to this pipe", "let the program write to a file first")
	})
	t.Run("standard input", func(t *testing.T) {
		from, to, err := os.Pipe()
		require.NoError(t, err)
		defer to.Close()
		_, err = Names{List: []string{Dash}, Patience: soon, Stdin: func() io.Reader { return from }}.Read(t.Context())
		requireLate(t, err, "cannot read standard input: timed out after", "-f - <profiles.yaml")
	})
}

// TestReadEndsWithItsContext: a signal ends it, and so does the limit of a boot.
func TestReadEndsWithItsContext(t *testing.T) {
	names := Names{List: []string{fifo(t, "m.yaml")}}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(soon, cancel)
	_, err := names.Read(ctx)
	require.ErrorIs(t, err, reconcile.ErrInterrupted)

	names = Names{List: []string{fifo(t, "m.yaml")}}
	ctx, cancel = context.WithTimeout(t.Context(), soon)
	defer cancel()
	_, err = names.Read(ctx)
	requireLate(t, err, "waiting for a program to write to this FIFO", "start the program")
}

// TestSlowPipeIsRead: the limit counts from what came last.
func TestSlowPipeIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := io.Pipe()
		go func() {
			for _, c := range []byte(manifestText) {
				time.Sleep(pipeLimit * 3 / 4)
				_, _ = to.Write([]byte{c})
			}
			to.Close()
		}()
		got, err := Names{List: []string{Dash}, Stdin: func() io.Reader { return from }}.Read(t.Context())
		require.NoError(t, err)
		require.Equal(t, manifestText, string(got[0].Data))
	})
}

// TestFIFOIsRead: its program may come after us.
func TestFIFOIsRead(t *testing.T) {
	path := fifo(t, "m.yaml")
	time.AfterFunc(soon, func() { _ = os.WriteFile(path, []byte(manifestText), 0o600) })
	got, err := Names{List: []string{path}}.Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, manifestText, string(got[0].Data))
}

// TestWhatIsNoFile: what has no end, and what no open reads, is refused before it is opened.
func TestWhatIsNoFile(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	defer syscall.Close(fd)
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: socket}))
	for name, want := range map[string]string{
		"/dev/zero": "it is a device (want a file, a folder or a pipe; -f - is standard input)",
		"/dev/null": "it is a device",
		socket:      "it is a socket (want a file, a folder or a pipe)",
	} {
		_, err := Names{List: []string{name}}.Read(t.Context())
		require.ErrorContains(t, err, `cannot read manifest "`+name+`": `+want)
		var wrong *usage.Error
		require.ErrorAs(t, err, &wrong)
	}
}

// TestOneWalkOfAStuckName: a name that does not answer costs one thread, however often it is read.
func TestOneWalkOfAStuckName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers, begun := make(chan struct{}), atomic.Int32{}
		read := func() error {
			_, err := await(t.Context(), "stuck", 0, func(func(phase)) (int, error) {
				begun.Add(1)
				<-answers
				return 0, nil
			})
			return err
		}
		for range 3 {
			require.True(t, reconcile.IsTimeout(read()))
		}
		require.EqualValues(t, 1, begun.Load())
		close(answers)
		require.NoError(t, read())
		require.EqualValues(t, 2, begun.Load())
		_, err := await(t.Context(), "panics", 0, func(func(phase)) (int, error) { panic("no luck") })
		require.ErrorContains(t, err, "no luck")
	})
}

// TestFoldersAreBoundedAsAWhole: what is too much is not read to its end first.
func TestFoldersAreBoundedAsAWhole(t *testing.T) {
	folder := t.TempDir()
	for i := range 100 { // 400 MiB that take no room
		f, err := os.Create(filepath.Join(folder, string(rune('a'+i/10))+string(rune('a'+i%10))+".yaml"))
		require.NoError(t, err)
		require.NoError(t, f.Truncate(maxOne))
		require.NoError(t, f.Close())
	}
	var names []string
	got, err := Names{List: []string{folder}}.read(folder, maxAll, func(p phase) { names = append(names, p.file) })
	require.Nil(t, got)
	require.ErrorContains(t, err, `the manifest files up to "`+folder+`/ai.yaml" have more than 32 MiB in all`)
	require.NotContains(t, names, folder+"/aj.yaml")
}
