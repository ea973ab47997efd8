//go:build docker

package docker

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// terminal makes a pseudo-terminal: what a user's window is to a program.
func terminal(t testing.TB) (slave, master *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	return slave, master
}

// collect reads until the other side is closed, and returns a function that tells what came so far.
func collect(from *os.File) func() string {
	var lock sync.Mutex
	var said strings.Builder
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := from.Read(buf)
			lock.Lock()
			said.Write(buf[:n])
			lock.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return func() string {
		lock.Lock()
		defer lock.Unlock()
		return said.String()
	}
}
