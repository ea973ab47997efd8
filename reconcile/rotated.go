package reconcile

import (
	"fmt"
	"strings"
)

// rotates reports whether a gateway starts anew because its files hold something else than it has
// read. A gateway that has ended for good starts again, too: its files may have been the reason.
func (c *Change) rotates() bool {
	status := c.Actual.Status
	return len(c.Rotated) > 0 &&
		(status.PID != 0 && status.WantUp || c.ended() && status.ExitCode == ExitConfig)
}

// tellRotated plans that.
func (c *Change) tellRotated() {
	verb := "has"
	if len(c.Rotated) > 1 {
		verb = "have"
	}
	changed := strings.Join(c.Rotated, ", ") + " " + verb + " changed since it "
	c.Gateway = Restart
	if c.Actual.Status.PID == 0 {
		c.Gateway, changed = BringUp, fmt.Sprintf("exited %d, and %s", ExitConfig, changed)
	}
	c.because(ReasonRotated, changed+"started")
}
