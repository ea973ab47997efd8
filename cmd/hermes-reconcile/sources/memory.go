package sources

import (
	"os"
	"runtime"
	"runtime/debug"
	"sync"
)

// firstPercent lets the first collection of garbage wait for 12 MB: Go begins at 4 MB and so many
// percent of that (heapminimum of its runtime). To collect what a hundred profiles need takes
// longer than to read them. From then on there may be as much garbage as is in use, as usual.
const firstPercent = 300

// muchText is how much text of a manifest makes it worth to let the first collection wait, in
// bytes. Less text is sixty profiles at most, as a rule, and there is no collection for them at
// all. To let it wait stops all threads and starts one, which takes a tenth of the start of the
// program.
const muchText = 1500

// collectLate lets the first collection wait where that much text has been read. That finds
// something that is not used any more.
func collectLate(text int) {
	if text > muchText && os.Getenv("GOGC") == "" {
		wait()
	}
}

// wait is for the first collection: later ones do not wait, however often a manifest is read.
var wait = sync.OnceFunc(func() {
	before := debug.SetGCPercent(firstPercent)
	unused := new([64]byte) // too large to share its place with something that is used
	runtime.AddCleanup(unused, func(percent int) { debug.SetGCPercent(percent) }, before)
})
