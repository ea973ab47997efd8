//go:build linux

package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

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

// TestStatusOnATerminal clears the screen each time, and goes on where there is no scandir yet.
func TestStatusOnATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	master, tty := terminal(t)
	scandir := t.TempDir() + "/scan"
	flags := statusFlags{scandirFlags: scandirFlags{path: scandir}, form: formText}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- watchStatus(ctx, ui{tty, tty}, &flags, "", nil) }()
	sees(t, master, "scan")
	require.NoError(t, os.MkdirAll(scandir+"/gateway-alpha", 0o755))
	sees(t, master, clearScreen, "PROFILE", "alpha", "unsupervised")
	cancel()
	require.NoError(t, <-ended)
}

// sees waits until all of these texts have come on a terminal, one after the other.
func sees(t *testing.T, master *os.File, texts ...string) {
	t.Helper()
	seen, b := "", make([]byte, 4096)
	for _, text := range texts {
		for !strings.Contains(seen, text) {
			require.NoError(t, master.SetReadDeadline(time.Now().Add(2*time.Minute)))
			n, err := master.Read(b)
			require.NoError(t, err, "%q is not on the screen: %q", text, seen)
			seen += string(b[:n])
		}
		_, seen, _ = strings.Cut(seen, text)
	}
}
