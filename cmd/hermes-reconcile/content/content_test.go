//go:build linux

package content

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hermes-reconcile/reconcile/inputs"
)

var key = []byte("a key of a test, of thirty-two bytes")

func write(t *testing.T, name, content string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

// TestSecretIsWhatAScriptMakesOfIt: what ./run drops is no part of it, and what it refuses is none.
func TestSecretIsWhatAScriptMakesOfIt(t *testing.T) {
	name := filepath.Join(t.TempDir(), "secret")
	want := Secret(key, write(t, name, "value"))
	require.Empty(t, want.Fault)
	require.LessOrEqual(t, len(want.Digest), inputs.MaxDigest)
	for _, same := range []string{"value\n", "value\r\n", "\uFEFFvalue\n"} {
		require.Equal(t, want.Digest, Secret(key, write(t, name, same)).Digest, "%q", same)
	}
	for _, other := range []string{"value\n\n", "value\r", " value", "Value"} {
		look := Secret(key, write(t, name, other))
		require.Empty(t, look.Fault)
		require.NotEqual(t, want.Digest, look.Digest, "%q", other)
	}
	require.Equal(t, "it is empty", Secret(key, write(t, name, "\n")).Fault)
	require.Equal(t, "it holds a NUL", Secret(key, write(t, name, "a\x00")).Fault)
	require.NoError(t, os.Truncate(name, maxSecret+1))
	require.Contains(t, Secret(key, name).Fault, "more than")
	require.NoError(t, os.Remove(name))
	require.Equal(t, "it is missing", Secret(key, name).Fault)
	require.Equal(t, "it is missing", Variables(key, name).Fault)
	require.NoError(t, unix.Mkfifo(name, 0o600))
	for _, look := range []inputs.Look{Secret(key, name), Variables(key, name), Own(key, name)} {
		require.Equal(t, "it is not a regular file", look.Fault)
	}
}

// TestDigestNeedsTheKey: it is neither that of the content, nor the same with another key.
func TestDigestNeedsTheKey(t *testing.T) {
	name := write(t, filepath.Join(t.TempDir(), ".env"), "A=b\n")
	look := Own(key, name)
	sum := sha256.Sum256([]byte("A=b\n"))
	require.NotEqual(t, hex.EncodeToString(sum[:]), look.Digest)
	require.NotEqual(t, look.Digest, Own(KeyOf(key, "a"), name).Digest)
	require.NotEqual(t, KeyOf(key, "a"), KeyOf(key, "b"))
	require.Equal(t, look.Digest, Variables(key, name).Digest)
	require.Equal(t, inputs.Absent, Own(key, name+"/x/y").Digest)
}

// TestFolderIsAllOfItsFiles: their names and contents, without those that begin with a dot.
func TestFolderIsAllOfItsFiles(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "secrets")
	require.Equal(t, "it is missing", Folder(key, folder).Fault)
	write(t, folder+"/AB", "c")
	seen := map[string]bool{}
	other := func(what string) {
		t.Helper()
		look := Folder(key, folder)
		require.Empty(t, look.Fault, what)
		require.False(t, seen[look.Digest], what)
		seen[look.Digest] = true
	}
	other("one file")
	write(t, folder+"/.hidden", "x")
	write(t, folder+"/AB", "c\n")
	require.True(t, seen[Folder(key, folder).Digest])
	require.NoError(t, os.Rename(folder+"/AB", folder+"/A"))
	other("another name")
	write(t, folder+"/A", "Bc")
	other("another content")
	write(t, folder+"/B", "c")
	other("one more")
	write(t, folder+"/B", "")
	require.Equal(t, `"B": it is empty`, Folder(key, folder).Fault)
	require.NoError(t, os.Remove(folder+"/B"))
	for i := range maxFolder {
		write(t, folder+"/F"+strconv.Itoa(i), "x")
	}
	require.Contains(t, Folder(key, folder).Fault, "more than")
}

// TestChanged is the time of the last change on the way to a content: of the file or a symlink, and
// of the folder that it is in where that may have been put there as a whole.
func TestChanged(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/one/file", "x")
	write(t, root+"/two/file", "x")
	require.NoError(t, os.Symlink("one", root+"/link"))
	name := root + "/link/file"
	later := func(what string, before inputs.Look, change func()) inputs.Look {
		t.Helper()
		var look inputs.Look
		require.Eventually(t, func() bool { // within a tick of the kernel's clock all changes have one time
			change()
			look = Secret(key, name)
			require.Equal(t, before.Digest, look.Digest, what)
			return look.Moved.After(before.Moved)
		}, 10*time.Second, 5*time.Millisecond, what)
		return look
	}
	look := Secret(key, name)
	for what, change := range map[string]func(){
		"touched":         func() { require.NoError(t, os.Chtimes(root+"/one/file", time.Unix(1, 0), time.Unix(1, 0))) },
		"written":         func() { write(t, root+"/one/file", "x") },
		"another mode":    func() { require.NoError(t, os.Chmod(root+"/one/file", 0o640)) },
		"another symlink": func() { replace(t, "one", root+"/link") },
		"replaced by itself": func() {
			write(t, root+"/one/new", "x")
			require.NoError(t, os.Rename(root+"/one/new", root+"/one/file"))
		},
	} {
		was := look
		look = later(what, look, change)
		require.True(t, look.Changed.After(was.Changed), what)
	}
	// A file that was there long before, by another symlink, and in a folder that has another name.
	was := look
	look = later("swapped", look, func() { replace(t, "two", root+"/link") })
	require.True(t, look.Changed.After(was.Changed))
	later("moved", look, func() { require.NoError(t, os.Remove(write(t, root+"/two/other", "x"))) })
	own := Own(key, name)
	require.Equal(t, own.Changed, own.Moved, "a folder that its owner changes all the time means nothing")
}

// replace puts a symlink in the place of another one.
func replace(t *testing.T, target, name string) {
	t.Helper()
	require.NoError(t, os.Symlink(target, name+"~"))
	require.NoError(t, os.Rename(name+"~", name))
}
