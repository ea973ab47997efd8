//go:build linux

package process

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
	require.Equal(t, ThisHost().Comm(os.Getpid()), found[0].Program)
}

// TestServiceOfAProcess: a wrapper, a child, and a child whose parent has ended belong to the
// service.
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

// TestStrangerOnAPort: a socket is the service's own if one of its processes has it open, and a
// stranger's only where all of them can be looked into.
func TestStrangerOnAPort(t *testing.T) {
	h := Host{OS: "linux", Proc: t.TempDir()}
	const tcp = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		"   0: 0100007F:23F1 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 77 1 0 100 0 0 10 0\n" +
		"   1: 0200007F:23F2 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 78 1 0 100 0 0 10 0\n"
	require.NoError(t, os.Mkdir(filepath.Join(h.Proc, "net"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(h.Proc, "net/tcp"), []byte(tcp), 0o644))
	process := func(pid, comm, stat string, files ...string) {
		require.NoError(t, os.MkdirAll(filepath.Join(h.Proc, pid, "fd"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(h.Proc, pid, "comm"), []byte(comm+"\n"), 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(h.Proc, pid, "stat"), []byte(stat), 0o644))
		for i, file := range files {
			require.NoError(t, os.Symlink(file, filepath.Join(h.Proc, pid, "fd", string(rune('0'+i)))))
		}
	}
	process("20", "hermes", "20 (hermes) S 10 20 20 0", "/dev/null")
	process("21", "worker", "21 (worker) S 20 20 20 0")
	require.Equal(t, "a process of user 1000", Stranger(h, 20, 9201))
	require.Empty(t, Stranger(h, 20, 9202), "no program is asked at 127.0.0.2")
	require.Empty(t, Stranger(h, 20, 9203), "no program listens")
	require.Empty(t, Stranger(h, 99, 9201), "there is no such service")
	process("30", "python3", "30 (python3) S 1 30 30 0", "socket:[77]")
	require.Equal(t, `"python3" (pid 30)`, Stranger(h, 20, 9201))
	require.Empty(t, Stranger(h, 30, 9201))
	process("23", "apart", "23 (apart) S 21 23 23 0", "socket:[77]")
	require.Empty(t, Stranger(h, 20, 9201), "a child in a session of its own")
	require.NoError(t, os.RemoveAll(filepath.Join(h.Proc, "23")))
	process("24", "left", "24 (left) S 1 24 20 0", "socket:[77]")
	require.Empty(t, Stranger(h, 20, 9201), "a process of its session")
	require.NoError(t, os.RemoveAll(filepath.Join(h.Proc, "24")))
	require.NoError(t, os.RemoveAll(filepath.Join(h.Proc, "21/fd")))
	require.NoError(t, os.WriteFile(filepath.Join(h.Proc, "21/fd"), nil, 0o644))
	require.Empty(t, Stranger(h, 20, 9201), "it cannot be looked into")
}

// TestCompleteChecksWhatUsersSay: of what a user says, only that user's own sockets and
// processes count.
func TestCompleteChecksWhatUsersSay(t *testing.T) {
	h := ThisHost()
	me := uint32(os.Getuid())
	unseen := func() []Listener {
		return []Listener{{UID: me, inode: "1"}, {UID: me + 1, inode: "2"}, {UID: me, inode: "3", PID: 7}}
	}
	all := unseen()
	Complete(h, all, me, map[string]int{"1": os.Getpid(), "2": os.Getpid(), "3": os.Getpid()})
	require.Equal(t, []int{os.Getpid(), 0, 7}, []int{all[0].PID, all[1].PID, all[2].PID})
	require.Equal(t, h.Comm(os.Getpid()), all[0].Program)
	all = unseen()
	Complete(h, all, me+1, map[string]int{"1": os.Getpid(), "2": os.Getpid()})
	require.Equal(t, unseen(), all, "a process of another user")
	Complete(h, all, me, map[string]int{"1": -1, "2": 0, "3": 1 << 30})
	require.Equal(t, unseen(), all)
	require.Equal(t, map[string]int{"3": 7}, Seen(all))
}
