//go:build linux

package journal

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// keep adds a manifest of one file to the history.
func keep(t *testing.T, lock *Lock, text string) (Applied, bool) {
	t.Helper()
	a, fresh, err := lock.Keep(Applied{
		By: "apply", Files: []string{"profiles.yaml"}, Time: time.Unix(1, 0).UTC(), Profiles: 1,
	}, [][]byte{[]byte(text)})
	require.NoError(t, err)
	return a, fresh
}

// entriesOf are the numbers of the history.
func entriesOf(t *testing.T, j *Journal) (numbers []int) {
	t.Helper()
	all, err := j.History()
	require.NoError(t, err)
	for _, a := range all {
		numbers = append(numbers, a.Number)
	}
	return numbers
}

func TestHistoryOutlivesItsApply(t *testing.T) {
	_, scandir, lock := locked(t)
	latest, err := lock.Latest()
	require.NoError(t, err)
	require.Nil(t, latest)
	one, fresh := keep(t, lock, "one")
	require.True(t, fresh)
	require.Equal(t, Begun, one.Outcome)
	again, fresh := keep(t, lock, "one")
	require.False(t, fresh, "a manifest that is applied again is no new entry")
	require.Equal(t, one, again)
	one.Outcome, one.Summary = Done, "1 created"
	require.NoError(t, lock.Amend(one))
	two, fresh := keep(t, lock, "two")
	require.True(t, fresh)
	lock.Unlock()

	j, err := Open(scandir)
	require.NoError(t, err)
	defer j.Close()
	all, err := j.History()
	require.NoError(t, err)
	require.Equal(t, []Applied{one, two}, all)
	texts, err := j.Texts(one)
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("one")}, texts)
	latest, err = j.Latest()
	require.NoError(t, err)
	require.Equal(t, &two, latest)
}

// TestHistoryHasItsLimits: the number of manifests, and their size, of which the last two are kept.
func TestHistoryHasItsLimits(t *testing.T) {
	_, _, lock := locked(t)
	for i := range mostHistory + 5 {
		keep(t, lock, strconv.Itoa(i))
	}
	numbers := entriesOf(t, lock.Journal)
	require.Len(t, numbers, mostHistory)
	require.Equal(t, mostHistory+5, numbers[mostHistory-1])
	keep(t, lock, strings.Repeat("x", mostHistoryBytes))
	require.Len(t, entriesOf(t, lock.Journal), leastHistory)
	require.NoError(t, lock.Forget(mostHistory+6))
	require.Equal(t, []int{mostHistory + 5}, entriesOf(t, lock.Journal))
	last, _ := keep(t, lock, "y")
	require.Equal(t, mostHistory+6, last.Number)
}

// TestTornHistory: what a crash of the machine has cut off is no entry, keeps no other from being
// read, and does not get its number again.
func TestTornHistory(t *testing.T) {
	folder, _, lock := locked(t)
	keep(t, lock, "one")
	two, _ := keep(t, lock, "two")
	at := func(name string) string { return filepath.Join(folder, Dir, HistoryDir, name) }
	for _, text := range []string{"", "{", `{"time":7}`} {
		require.NoError(t, os.WriteFile(at("2/applied.json"), []byte(text), 0o600))
		require.Equal(t, []int{1}, entriesOf(t, lock.Journal), text)
	}
	require.NoError(t, os.WriteFile(at("2/manifest-1"), []byte("tw"), 0o600))
	_, err := lock.Texts(two)
	require.ErrorContains(t, err, "is not what was applied")
	latest, err := lock.Latest()
	require.NoError(t, err)
	require.Equal(t, 1, latest.Number)
	three, fresh := keep(t, lock, "one")
	require.True(t, fresh)
	require.Equal(t, 3, three.Number)
}

// TestKilledWhileItWritesHistory: what is left in staging harms no later write.
func TestKilledWhileItWritesHistory(t *testing.T) {
	folder, _, lock := locked(t)
	for _, name := range []string{"applied", "rolledback"} {
		require.NoError(t, os.MkdirAll(filepath.Join(folder, Dir, StagingDir, name, "x"), 0o700))
	}
	a, fresh := keep(t, lock, "one")
	require.True(t, fresh)
	require.Equal(t, 1, a.Number)
	require.NoError(t, lock.RollBack(RolledBack{Digest: "x", Number: 1}))
}

func TestRolledBack(t *testing.T) {
	folder, _, lock := locked(t)
	back, err := lock.RolledBack()
	require.NoError(t, err)
	require.Nil(t, back)
	require.NoError(t, lock.ForgetRollback())
	for _, n := range []int{1, 2} {
		want := RolledBack{Digest: DigestOf([][]byte{[]byte("x")}), From: 3, Number: n, Time: time.Unix(1, 0).UTC()}
		require.NoError(t, lock.RollBack(want))
		back, err = lock.RolledBack()
		require.NoError(t, err)
		require.Equal(t, &want, back)
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, Dir, rolledBackFile), nil, 0o600))
	_, err = lock.RolledBack()
	require.ErrorContains(t, err, "cannot understand")
	require.NoError(t, lock.ForgetRollback())
}

// TestDigestTellsFilesApart: not only their contents one behind the other.
func TestDigestTellsFilesApart(t *testing.T) {
	of := func(texts ...string) string {
		var all [][]byte
		for _, text := range texts {
			all = append(all, []byte(text))
		}
		return DigestOf(all)
	}
	require.NotEqual(t, of("ab", "c"), of("a", "bc"))
	require.NotEqual(t, of("a"), of("a", ""))
	require.Equal(t, of("a", "b"), of("a", "b"))
}

func TestCanaryOnRecord(t *testing.T) {
	folder, _, lock := locked(t)
	c, err := lock.Canary()
	require.NoError(t, err)
	require.Nil(t, c)
	require.NoError(t, lock.ForgetCanary())
	want := Canary{Digest: "x", Former: 2, Profiles: []string{"a"}, PID: 7, Start: 8, Time: time.Unix(1, 0).UTC()}
	for _, want.Failed = range []string{"", "it ended"} {
		require.NoError(t, lock.TryOn(want))
		c, err = lock.Canary()
		require.NoError(t, err)
		require.Equal(t, &want, c)
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, Dir, canaryFile), []byte("{"), 0o600))
	_, err = lock.Canary()
	require.ErrorContains(t, err, "cannot understand")
	require.NoError(t, lock.ForgetCanary())
}

// TestBeforeIsAnotherManifest: not an entry of the same one.
func TestBeforeIsAnotherManifest(t *testing.T) {
	_, _, lock := locked(t)
	keep(t, lock, "one")
	two, _ := keep(t, lock, "two")
	one, _ := keep(t, lock, "one")
	for of, want := range map[string]int{one.Digest: two.Number, two.Digest: one.Number, "x": one.Number} {
		before, err := lock.Before(of)
		require.NoError(t, err)
		require.Equal(t, want, before.Number)
	}
}
