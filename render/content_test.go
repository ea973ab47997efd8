package render

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hermes-reconcile/manifest"
)

// TestScriptsAreNotKept: of scripts that differ in a few words, those are kept. A thousand profiles
// would have 10 MB of them in memory.
func TestScriptsAreNotKept(t *testing.T) {
	const n = 1000
	m := &manifest.Manifest{Runtime: manifest.RuntimeS6, HermesHome: "/opt/data"}
	for i := range n {
		m.Profiles = append(m.Profiles, manifest.Profile{
			Name: fmt.Sprintf("p%d", i), User: "nobody", StopTimeout: time.Second,
			Command: []string{"hermes", "-p", fmt.Sprintf("p%d", i)},
			Env:     []manifest.EnvVar{{Name: "TONE", Value: fmt.Sprint(i)}},
		})
	}
	before := inUse()
	dirs, err := All(m)
	require.NoError(t, err)
	kept := inUse() - before
	all := 0
	for _, d := range dirs {
		for _, f := range d.Files {
			all += len(f.Data.Bytes())
		}
	}
	require.Less(t, kept, all/2, "of %d bytes", all)
	runtime.KeepAlive(dirs)
}

// inUse is how much memory is in use, in bytes.
func inUse() int {
	runtime.GC()
	runtime.GC() // what was in a pool goes with the second
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// TestContentThatIsEmpty: a file without content is one of no bytes.
func TestContentThatIsEmpty(t *testing.T) {
	var none *Content
	require.Empty(t, none.Bytes())
	require.True(t, none.Is(nil) && none.Equal(nil) && none.Equal(Text(nil)) && Text(nil).Equal(none))
	require.False(t, none.Is([]byte("x")) || none.Equal(Text([]byte("x"))) || digested([]byte("x")).Equal(none))
	require.Equal(t, Digest(nil), none.Digest())
}

// TestContentIsNoDigestAlone: content that was read has no digest, and is compared all the same.
func TestContentIsNoDigestAlone(t *testing.T) {
	a, b := digested([]byte("a")), digested([]byte("b"))
	require.True(t, a.Equal(digested([]byte("a"))) && a.Equal(Text([]byte("a"))) && Text([]byte("a")).Equal(a))
	require.False(t, a.Equal(b) || a.Equal(Text([]byte("b"))) || Text([]byte("b")).Equal(a))
}

// BenchmarkIs compares the scripts of a gateway with what is on disk: the same bytes.
func BenchmarkIs(b *testing.B) {
	dirs, err := All(&manifest.Manifest{
		Runtime: manifest.RuntimeS6, HermesHome: "/opt/data",
		Profiles: []manifest.Profile{{Name: "a", User: "nobody", Command: []string{"hermes"}}},
	})
	require.NoError(b, err)
	files := dirs[0].Files
	data := make([][]byte, len(files))
	for i, f := range files {
		data[i] = f.Data.Bytes()
	}
	b.ReportAllocs()
	for b.Loop() {
		for i, f := range files {
			require.True(b, f.Data.Is(data[i]))
		}
	}
}
