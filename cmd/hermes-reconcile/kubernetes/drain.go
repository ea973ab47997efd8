package kubernetes

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"hermes-reconcile/manifest"
)

// drainScript asks the first process of the container to end, and waits until it has, or for so
// many seconds. With its end all else in the container ends, too.
const drainScript = `kill -s "$1" 1 && n=0 && while [ "$n" -lt "$2" ] && kill -0 1; do sleep 1; n=$((n + 1)); done; exit 0`

// drainHook is the hook that lets a gateway drain before it gets SIGTERM.
func drainHook(d *manifest.Drain) *lifecycle {
	if d == nil {
		return nil
	}
	l := &lifecycle{}
	l.PreStop.Exec.Command = []string{
		"/bin/sh", "-c", drainScript, "sh",
		strings.TrimPrefix(string(d.Signal), "SIG"), strconv.FormatInt(seconds(d.Timeout), 10),
	}
	return l
}

// grace is how long Kubernetes waits, from the hook on, before it kills: whole seconds.
func grace(p manifest.Profile) int64 {
	stop := seconds(p.StopTimeout)
	if p.Drain != nil {
		stop += seconds(p.Drain.Timeout)
	}
	return stop
}

// readDrain reads the hook of an export. What others have made of it is none: it is noted as not
// carried over.
func readDrain(l *lifecycle, base *manifest.Drain) *manifest.Drain {
	if l == nil {
		return nil
	}
	argv := l.PreStop.Exec.Command
	if base != nil && slices.Equal(argv, drainHook(base).PreStop.Exec.Command) {
		return base
	}
	ours := drainHook(&manifest.Drain{}).PreStop.Exec.Command
	same := len(ours) - len([]string{"signal", "seconds"})
	if len(argv) != len(ours) || !slices.Equal(argv[:same], ours[:same]) {
		return nil
	}
	wait, err := strconv.ParseInt(argv[same+1], 10, 32)
	d := &manifest.Drain{
		Signal: manifest.Signal("SIG" + argv[same]), Timeout: time.Duration(wait) * time.Second,
	}
	if err != nil || !d.Fits() {
		return nil
	}
	return d
}
