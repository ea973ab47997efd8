//go:build linux

package kit

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Terminal opens a pseudo-terminal: what a person looks at, and what a program writes to.
func Terminal(t *testing.T) (master, peer *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { master.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	// The flags of the other side are the argument.
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, master.Fd(), unix.TIOCGPTPEER, uintptr(unix.O_RDWR|unix.O_NOCTTY))
	require.Zero(t, errno)
	peer = os.NewFile(fd, "terminal")
	t.Cleanup(func() { peer.Close() })
	return master, peer
}

// Sees waits until all of these texts have come on a terminal, one after the other.
func Sees(t *testing.T, master *os.File, texts ...string) (read string) {
	t.Helper()
	seen, b := "", make([]byte, 4096)
	for _, text := range texts {
		for !strings.Contains(seen, text) {
			require.NoError(t, master.SetReadDeadline(time.Now().Add(2*time.Minute)))
			n, err := master.Read(b)
			require.NoError(t, err, "%q is not on the screen: %q", text, seen)
			seen += string(b[:n])
			read += string(b[:n])
		}
		_, seen, _ = strings.Cut(seen, text)
	}
	return read
}
