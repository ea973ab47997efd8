//go:build linux

package checkup

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/cmd/hermes-reconcile/usage"
	"hermes-reconcile/reconcile/liveness"
	"hermes-reconcile/s6ctl/process"
)

// sound are options that make sense.
func sound() Options {
	return Options{
		Rules: liveness.Rules{URL: "http://127.0.0.1:9/", Interval: time.Second, Failures: 1, Drain: time.Minute}, Gateway: 4711,
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for want, wrong := range map[string]func(*Options){
		"--gateway: 1 is not the process": func(o *Options) { o.Gateway = 1 },
		"want an interval of a second":    func(o *Options) { o.Interval = time.Millisecond },
		"one failure or more":             func(o *Options) { o.Failures = 0 },
		"no negative limit":               func(o *Options) { o.Rules.Memory = -1 },
		`there is no signal "SIGKILL"`:    func(o *Options) { o.DrainSignal = "SIGKILL" },
		"is not a URL":                    func(o *Options) { o.URL = "ftp://x" },
	} {
		o := sound()
		wrong(&o)
		err := o.Check()
		var mendable *usage.Error
		require.ErrorContains(t, err, want)
		require.ErrorAs(t, err, &mendable)
	}
	o := sound()
	require.NoError(t, o.Check())
	require.Zero(t, o.Drain, "nothing asks it to end its work")
	o = sound()
	o.DrainSignal = "SIGUSR1"
	require.NoError(t, o.Check())
	require.Equal(t, time.Minute, o.Drain)
}

// TestRecordThatIsNone is begun anew: a service that was just made has an empty file.
func TestRecordThatIsNone(t *testing.T) {
	for _, text := range []string{"", "no record", "{}"} {
		name := filepath.Join(t.TempDir(), "liveness")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		file, err := os.Open(name)
		require.NoError(t, err)
		record, err := readRecord(file)
		require.NoError(t, err)
		require.Equal(t, &liveness.Record{}, record)
		require.NoError(t, file.Close())
	}
	folder, err := os.Open(t.TempDir())
	require.NoError(t, err)
	defer folder.Close()
	_, err = readRecord(folder)
	require.EqualError(t, err, "it is not a regular file")
}

// TestRestartIsSaidBeforeItIsDone: the gateway may end at once, and ./finish then ends who would say
// it.
func TestRestartIsSaidBeforeItIsDone(t *testing.T) {
	gateway := exec.Command("sleep", "1000")
	require.NoError(t, gateway.Start())
	o := sound()
	o.Gateway = gateway.Process.Pid
	said := ""
	found := Found{Verdict: liveness.Verdict{Act: liveness.Kill, Say: "restarting it"}}
	o.carryOut(&found, func(what string) {
		said = what
		stat, err := process.ThisHost().Stat(o.Gateway)
		require.NoError(t, err)
		require.False(t, stat.Ending(), "it was ended before that was said")
	})
	require.NoError(t, found.Unsent)
	require.Equal(t, "restarting it", said)
	require.Error(t, gateway.Wait(), "it was ended")
}

// TestStrangerIsNotLookedAt: a process looks at nothing but the leader of its own session.
func TestStrangerIsNotLookedAt(t *testing.T) {
	o := sound()
	o.Gateway = 1 << 30
	_, err := o.Look(t.Context(), nil, nil)
	require.ErrorContains(t, err, "does not lead the session that this is run in")
}
