package values

import (
	"errors"

	"hermes-reconcile/manifest/wording"
)

// ParsePort reads a port as people write it.
func ParsePort(text string) (int, error) {
	if !IsDecimal(text) || Number(text) < 1 || Number(text) > MaxPort {
		return 0, errors.New(wording.Quote(text) + " is not a port (want 1-65535)")
	}
	return int(Number(text)), nil
}

// MaxPort is the largest TCP port.
const MaxPort = 65535
