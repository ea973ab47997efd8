//go:build linux

package s6ctl

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"hermes-reconcile/s6ctl/safefile"
)

// maxNews is how many instances of inotify are in use at a time: all programs of a user share 128
// (/proc/sys/fs/inotify/max_user_instances). A caller that gets none has to look now and then.
const maxNews = 8

// News tells of services whose state s6-supervise publishes from now on, by the names that it is
// given: paths relative to the scandir. With loggers, news of theirs are told in their names, too.
// The empty name says that any may have changed. The channel is nil where the system offers none, or
// not for each of the services. The caller has to end it.
func (s *Scandir) News(services []string, loggers bool) (news <-chan string, end func()) {
	nothing := func() {}
	if s.news.Add(1) > maxNews {
		s.news.Add(-1)
		return nil, nothing
	}
	w, err := s.watch(services, loggers)
	if err != nil {
		s.news.Add(-1)
		return nil, nothing
	}
	done, told := make(chan struct{}), make(chan string)
	go w.tell(told, done)
	return told, sync.OnceFunc(func() {
		close(done)
		w.file.Close()
		s.news.Add(-1)
	})
}

// watched are services that inotify watches.
type watched struct {
	file  *os.File         // the instance
	names map[int32]string // by what inotify calls them
}

// watch watches services.
func (s *Scandir) watch(services []string, loggers bool) (*watched, error) {
	root, err := safefile.Open(s.path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	w := &watched{os.NewFile(uintptr(fd), "inotify"), make(map[int32]string, 2*len(services))}
	parts := []string{"supervise", "log/supervise"}
	if !loggers {
		parts = parts[:1]
	}
	for _, name := range services {
		for _, part := range parts {
			wd, err := watchFolder(fd, root, filepath.Join(name, part))
			if err != nil {
				w.file.Close()
				return nil, err
			}
			w.names[int32(wd)] = name
		}
	}
	return w, nil
}

// watchFolder watches the folder of a supervisor. It replaces its status by rename, last of all
// when it starts. The folder is named by its descriptor: no symlink is followed to it.
func watchFolder(inotify int, root *safefile.Dir, name string) (wd int, err error) {
	folder, err := root.Dir(name)
	if err != nil {
		return 0, err
	}
	defer folder.Close()
	path := "/proc/self/fd/" + strconv.Itoa(folder.FD())
	return unix.InotifyAddWatch(inotify, path, unix.IN_MOVED_TO|unix.IN_ONLYDIR)
}

// tell tells the names of services that have news, until done.
func (w *watched) tell(to chan<- string, done <-chan struct{}) {
	const room = 64 // events, with the names that status files have
	events := make([]byte, room*(unix.SizeofInotifyEvent+16))
	for {
		n, err := w.file.Read(events)
		if err != nil {
			return
		}
		for rest := events[:n]; len(rest) >= unix.SizeofInotifyEvent; {
			// What is lost, or no longer watched, has no name here.
			name := w.names[int32(binary.NativeEndian.Uint32(rest))]
			length := binary.NativeEndian.Uint32(rest[unix.SizeofInotifyEvent-4:])
			rest = rest[min(unix.SizeofInotifyEvent+int(length), len(rest)):]
			select {
			case to <- name:
			case <-done:
				return
			}
		}
	}
}
