//go:build linux

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal: what a person looks at, and what a program writes to.
func terminal(t *testing.T) (master, peer *os.File) {
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

func TestColorsOnATerminal(t *testing.T) {
	_, tty := terminal(t)
	file, err := os.Create(t.TempDir() + "/file")
	require.NoError(t, err)
	defer file.Close()
	for _, c := range []struct {
		color, noColor, term string
		out                  *os.File
		want                 bool
	}{
		{colorAuto, "", "xterm", tty, true},
		{colorAuto, "", "xterm", file, false},
		{colorAuto, "1", "xterm", tty, false},
		{colorAuto, "", "dumb", tty, false},
		{colorAlways, "1", "dumb", file, true},
		{colorNever, "", "xterm", tty, false},
	} {
		t.Setenv("NO_COLOR", c.noColor)
		t.Setenv("TERM", c.term)
		f := outputFlags{color: c.color}
		require.Equal(t, c.want, f.colors(ui{stdout: c.out}), "%+v", c)
	}
}
