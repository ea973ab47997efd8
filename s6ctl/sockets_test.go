//go:build linux

package s6ctl

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestListenersNameTheProcess(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	address := netip.MustParseAddrPort(l.Addr().String())
	all, err := Listeners(ThisHost())
	require.NoError(t, err)
	var found []Listener
	for _, one := range all {
		if one.Address == address {
			found = append(found, one)
		}
	}
	require.Len(t, found, 1)
	require.Equal(t, os.Getpid(), found[0].PID)
	require.Equal(t, uint32(os.Getuid()), found[0].UID)
	require.Equal(t, ThisHost().comm(os.Getpid()), found[0].Program)
}

// TestServiceOfAProcess: a wrapper, a child, and a child whose parent has ended belong to the service.
func TestServiceOfAProcess(t *testing.T) {
	h := Host{OS: "linux", Proc: t.TempDir()}
	for pid, p := range map[string]struct{ comm, stat string }{
		"10": {"s6-supervise", "10 (s6-supervise) S 1 1 1 0"},
		"20": {"doppler", "20 (doppler) S 10 20 20 0"},
		"21": {"odd) S 1 (", "21 (odd) S 1 () S 20 20 20 0"},
		"22": {"left", "22 (left) S 1 22 20 0"},
		"23": {"apart", "23 (apart) S 21 23 23 0"},
		"30": {"else", "30 (else) S 1 30 30 0"},
		"31": {"circle", "31 (circle) S 31 31 31 0"},
	} {
		require.NoError(t, os.Mkdir(filepath.Join(h.Proc, pid), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(h.Proc, pid, "comm"), []byte(p.comm+"\n"), 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(h.Proc, pid, "stat"), []byte(p.stat+"\n"), 0o644))
	}
	for pid, service := range map[int]int{20: 20, 21: 20, 22: 20, 23: 20, 30: 0, 31: 0, 99: 0} {
		require.Equal(t, service, h.service(pid), "%d", pid)
	}
}
