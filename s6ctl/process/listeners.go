package process

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// Listener is a TCP socket that takes connections, and a process that has it open.
type Listener struct {
	Address netip.AddrPort
	UID     uint32 // of the process that made it
	PID     int    // one of the processes that have it open; 0: none that can be seen
	Program string // of that process
	Service int    // the ancestor of that process that s6-supervise has started, or 0

	inode string
}

// The fields of a line of /proc/net/tcp and /proc/net/tcp6, and the state of a socket that listens.
const (
	socketLocal  = 1
	socketState  = 3
	socketUID    = 7
	socketInode  = 9
	stateListens = "0A"
)

// parseSockets finds the sockets that listen in a /proc/net/tcp or /proc/net/tcp6. A line that is
// not understood is left out.
func parseSockets(text string) []Listener {
	var found []Listener
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) <= socketInode || fields[socketState] != stateListens {
			continue
		}
		address, ok := parseAddress(fields[socketLocal])
		uid, err := strconv.ParseUint(fields[socketUID], 10, 32)
		if ok && err == nil {
			found = append(found,
				Listener{Address: address, UID: uint32(uid), inode: fields[socketInode]})
		}
	}
	return found
}

// parseAddress reads an address as the kernel prints it: words of 32 bits in the order of this
// machine's bytes, and the port.
func parseAddress(text string) (netip.AddrPort, bool) {
	host, service, found := strings.Cut(text, ":")
	port, err := strconv.ParseUint(service, 16, 16)
	const digits = 8 // of a word
	if !found || err != nil || len(host)%digits != 0 {
		return netip.AddrPort{}, false
	}
	var bytes []byte
	for ; host != ""; host = host[digits:] {
		word, err := strconv.ParseUint(host[:digits], 16, 32)
		if err != nil {
			return netip.AddrPort{}, false
		}
		bytes = binary.NativeEndian.AppendUint32(bytes, uint32(word))
	}
	address, ok := netip.AddrFromSlice(bytes)
	return netip.AddrPortFrom(address.Unmap(), uint16(port)), ok
}
