//go:build linux

package s6ctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// publish replaces the state of a service, as s6-supervise does.
func publish(t *testing.T, scandir, service string) {
	t.Helper()
	folder := filepath.Join(scandir, service, "supervise")
	require.NoError(t, os.WriteFile(folder+"/status.new", make([]byte, statusSize), 0o644))
	require.NoError(t, os.Rename(folder+"/status.new", folder+"/status"))
}

// next is what is told next.
func next(t *testing.T, news <-chan string) string {
	t.Helper()
	select {
	case name := <-news:
		return name
	case <-time.After(time.Minute):
		t.Fatal("no news")
		return ""
	}
}

func TestNewsOfServices(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"gateway-a", "gateway-a/log", "gateway-b", "gateway-b/log"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, name, "supervise"), 0o755))
	}
	s := Open(root)
	alone, endAlone := s.News([]string{"gateway-a/log", "gateway-b"}, false)
	publish(t, root, "gateway-a")
	publish(t, root, "gateway-b/log")
	publish(t, root, "gateway-a/log")
	require.Equal(t, "gateway-a/log", next(t, alone), "the others are not asked for")
	endAlone()
	news, end := s.News([]string{"gateway-a", "gateway-b"}, true)
	require.NotNil(t, news)
	for _, name := range []string{"gateway-b", "gateway-a/log", "gateway-a/log", "gateway-a"} {
		publish(t, root, name)
		require.Equal(t, strings.TrimSuffix(name, "/log"), next(t, news))
	}
	for range 1000 { // more than fits into one read
		publish(t, root, "gateway-a")
		publish(t, root, "gateway-b/log")
	}
	for range 1000 {
		require.Equal(t, "gateway-a", next(t, news))
		require.Equal(t, "gateway-b", next(t, news))
	}
	require.NoError(t, os.RemoveAll(filepath.Join(root, "gateway-b")))
	require.NotEmpty(t, next(t, news), "which one it was that is gone")
	publish(t, root, "gateway-a") // and no reader any more
	end()
	end()
	require.Zero(t, s.news.Load())
}

// TestNoNewsThroughSymlinks: nothing that is planted is watched in the place of a service.
func TestNoNewsThroughSymlinks(t *testing.T) {
	root, other := t.TempDir(), t.TempDir()
	require.NoError(t, os.MkdirAll(root+"/gateway-a", 0o755))
	require.NoError(t, os.Symlink(other, root+"/gateway-a/supervise"))
	require.NoError(t, os.MkdirAll(other+"/supervise", 0o755))
	require.NoError(t, os.Symlink(other, root+"/gateway-b"))
	for _, name := range []string{"gateway-a", "gateway-b", "gateway-c"} {
		news, end := Open(root).News([]string{name}, false)
		require.Nil(t, news, name)
		end()
	}
}

// TestNewsAreFew: other programs need instances of inotify, too.
func TestNewsAreFew(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(root+"/gateway-a/supervise", 0o755))
	s := Open(root)
	var ends []func()
	for range maxNews {
		news, end := s.News([]string{"gateway-a"}, false)
		require.NotNil(t, news)
		ends = append(ends, end)
	}
	none, end := s.News([]string{"gateway-a"}, false)
	require.Nil(t, none)
	end()
	ends[0]()
	news, end := s.News([]string{"gateway-a"}, false)
	require.NotNil(t, news)
	for _, end := range append(ends, end) {
		end()
	}
}
