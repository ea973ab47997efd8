//go:build linux

package operate

import "time"

// ActOptions say how gateways are acted upon by hand.
type ActOptions struct {
	// Timeout bounds the whole; 0 is no limit but that something has to move.
	Timeout time.Duration
	// Ready says that a gateway is back when it is ready, where its profile has ready, rather than
	// up; ReadyLimit is how long that may take.
	Ready      bool
	ReadyLimit time.Duration
}
