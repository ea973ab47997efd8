//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/e2e/kit"
)

type (
	start = kit.Start
	stop  = kit.Stop
)

func (tr *tree) starts(profile string) []start {
	tr.t.Helper()
	return records[start](tr.t, filepath.Join(tr.home, "stub", profile+".starts"))
}

func (tr *tree) stops(profile string) []stop {
	tr.t.Helper()
	return records[stop](tr.t, filepath.Join(tr.home, "stub", profile+".stops"))
}

// children are the pids of the processes that STUB_CHILD asked for, oldest first.
func (tr *tree) children(profile string) []int {
	tr.t.Helper()
	return records[int](tr.t, filepath.Join(tr.home, "stub", profile+".children"))
}

// records reads one JSON value a line; a missing file holds none.
func records[T any](t testing.TB, path string) []T {
	t.Helper()
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	return kit.Records[T](t, data)
}

// started waits until the profile's gateway has recorded n starts, and returns the last one.
func (tr *tree) started(profile string, n int) start {
	tr.t.Helper()
	eventually(tr.t, patience, func() bool { return len(tr.starts(profile)) >= n },
		fmt.Sprintf("%d starts of %s", n, profile))
	all := tr.starts(profile)
	require.Len(tr.t, all, n, "starts of %s", profile)
	return all[n-1]
}

// envOf looks a variable up in an environment.
func envOf(env []string, name string) (string, bool) {
	i := slices.IndexFunc(env, func(s string) bool { return strings.HasPrefix(s, name+"=") })
	if i < 0 {
		return "", false
	}
	return strings.TrimPrefix(env[i], name+"="), true
}

// log is the text of the profile's `current` log file.
func (tr *tree) log(profile string) string {
	data, err := os.ReadFile(tr.logPath(profile, "current"))
	if err != nil {
		return ""
	}
	return string(data)
}

func (tr *tree) logPath(profile string, elem ...string) string {
	return filepath.Join(append([]string{tr.home, "logs", "gateways", profile}, elem...)...)
}

// logged waits for a text in the profile's log.
func (tr *tree) logged(profile, text string) {
	tr.t.Helper()
	eventually(tr.t, patience, func() bool { return strings.Contains(tr.log(profile), text) },
		fmt.Sprintf("%q in the log of %s", text, profile))
}

// healthy reports whether the gateway of that profile, and no other, answers on the port.
func healthy(profile string, port int) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	url := fmt.Sprintf("http://127.0.0.1:%d/health", port)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	req.Close = true // the next answer may come from another process
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var body struct {
		Profile string `json:"profile"`
	}
	return json.NewDecoder(resp.Body).Decode(&body) == nil && body.Profile == profile
}

// serves waits until the gateway of that profile answers on the port.
func (tr *tree) serves(profile string, port int) {
	tr.t.Helper()
	eventually(tr.t, patience, func() bool { return healthy(profile, port) },
		fmt.Sprintf("%s answers on port %d", profile, port))
}

// portPool gives each port once: two tests that run at a time must not be given the same one. The
// range lies below the one from which the kernel takes ports for outgoing connections, so none is
// taken in between.
var portPool = struct {
	sync.Mutex
	next int
}{next: 10000 + rand.IntN(8000)}

// freePorts returns n ports on which no program listens.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	portPool.Lock()
	defer portPool.Unlock()
	var found []int
	for tries := 0; len(found) < n; tries++ {
		require.Less(t, tries, 2000, "no free ports")
		portPool.next++
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(portPool.next))
		if err == nil {
			require.NoError(t, l.Close())
			found = append(found, portPool.next)
		}
	}
	return found
}
