package process

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
)

// socketLine is a line as the kernel prints it.
// http://man7.org/linux/man-pages/man5/proc_net_tcp.5.html
func socketLine(address netip.AddrPort, state string, uid uint32, inode int) string {
	var words strings.Builder
	for bytes := address.Addr().AsSlice(); len(bytes) > 0; bytes = bytes[4:] {
		fmt.Fprintf(&words, "%08X", binary.NativeEndian.Uint32(bytes))
	}
	remote := strings.Repeat("0", words.Len())
	return fmt.Sprintf("%4d: %s:%04X %s:0000 %s 00000000:00000000 00:00000000 00000000 %5d %8d %d 1 0000000000000000 100 0 0 10 0\n",
		0, words.String(), address.Port(), remote, state, uid, 0, inode)
}

const socketHeader = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

var comparable = cmp.Options{cmp.AllowUnexported(Listener{}), cmpopts.EquateComparable(netip.AddrPort{})}

func TestParseSockets(t *testing.T) {
	text := socketHeader
	var want []Listener
	for i, address := range []string{"127.0.0.1:9201", "0.0.0.0:80", "10.1.2.3:65535", "[::]:443", "[::1]:1", "[2001:db8::17]:8642"} {
		a := netip.MustParseAddrPort(address)
		text += socketLine(a, "0A", uint32(i), 4711+i)
		text += socketLine(a, "01", 7, 1) // a connection
		want = append(want, Listener{Address: a, UID: uint32(i), inode: fmt.Sprint(4711 + i)})
	}
	text += "   1: 0100007F:ZZZZ 00000000:0000 0A 0:0 0:0 0 0 0 1\n   2: 01:0001 00:0000 0A 0:0 0:0 0 0 0 1\n   3: 0100\n\n"
	if diff := cmp.Diff(want, parseSockets(text), comparable); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	mapped := parseSockets(socketLine(netip.MustParseAddrPort("[::ffff:127.0.0.1]:80"), "0A", 0, 1))
	require.Equal(t, "127.0.0.1:80", mapped[0].Address.String())
}

// FuzzParseSockets: no text is too strange, and what is found is what a line says, whatever
// surrounds it.
func FuzzParseSockets(f *testing.F) {
	f.Add(socketHeader, []byte{127, 0, 0, 1}, uint16(9201), uint32(1000))
	f.Add("   1: 0100007F:ZZZZ 00000000:0000 0A 0:0 0:0 0 0 0 1\n", make([]byte, 16), uint16(0), uint32(0))
	f.Add("0: :0 : 0A a a a 1 a 1", []byte{}, uint16(1), uint32(1<<32-1))
	f.Add("0: "+strings.Repeat("0", 800)+":1 : 0A a a a 1 a 1", []byte{1}, uint16(1), uint32(1))
	f.Fuzz(func(t *testing.T, text string, bytes []byte, port uint16, uid uint32) {
		for _, l := range parseSockets(text) {
			require.True(t, l.Address.IsValid())
		}
		address, ok := netip.AddrFromSlice(bytes)
		if !ok {
			return
		}
		if !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		before := len(parseSockets(text))
		found := parseSockets(text + socketLine(netip.AddrPortFrom(address, port), "0A", uid, 12))
		require.Len(t, found, before+1)
		want := Listener{Address: netip.AddrPortFrom(address.Unmap(), port), UID: uid, inode: "12"}
		require.Empty(t, cmp.Diff(want, found[before], comparable))
	})
}
