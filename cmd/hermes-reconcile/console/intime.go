package console

import (
	"fmt"
	"io"
	"time"

	"hermes-reconcile/manifest/visible"
)

// printTime is how long a line may take to get into a log. One whose logger does not read must not
// keep a look from its work.
const printTime = 5 * time.Second

// PrintInTime prints a line, unless that takes too long.
func PrintInTime(to io.Writer, line string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		fmt.Fprintln(to, visible.Text(line))
	}()
	select {
	case <-done:
	case <-time.After(printTime):
	}
}
