//go:build linux

package process

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"hermes-reconcile/s6ctl/safefile"
)

// Marks are the directories that processes say they were started in, by pid: those of processes
// that this user may look into.
func Marks(h Host) map[int]string {
	marks, _ := h.marks()
	return marks
}

// marks also gives the users that have processes which cannot be looked into.
func (h Host) marks() (marks map[int]string, hidden []uint32) {
	marks = map[int]string{}
	for _, pid := range h.PIDs() {
		if pid == 1 || h.service(pid) != 0 {
			continue // s6 ends it with its service
		}
		environ, err := h.Files().Of(pid, "environ")
		if errors.Is(err, fs.ErrPermission) {
			if uid, known := h.uid(pid); known && !slices.Contains(hidden, uid) {
				hidden = append(hidden, uid)
			}
			continue
		}
		for entry := range strings.SplitSeq(string(environ), "\x00") {
			if value, found := strings.CutPrefix(entry, ServiceVariable+"="); found {
				marks[pid] = value
				break
			}
		}
	}
	return marks, hidden
}

// realPath is a folder's path as the kernel calls it: without symlinks.
func (h Host) realPath(folder string) (string, error) {
	root, err := safefile.Open(folder)
	if err != nil {
		return "", err
	}
	defer root.Close()
	return h.Files().Link(os.Getpid(), "fd/"+strconv.Itoa(root.FD()))
}

// Strays finds the processes that have outlived a gateway of the scandir. What may be seen of
// others' processes is asked for by their users; they are believed for their own processes alone.
// Running are the processes of services, by name: what is younger than that belongs to its present
// life, whatever its parent is.
func Strays(
	h Host,
	scandir string,
	running map[string]int,
	ask func(uid uint32) map[int]string,
) []Stray {
	root, err := h.realPath(scandir)
	if err != nil {
		return nil
	}
	marks, hidden := h.marks()
	for _, uid := range hidden {
		for pid, mark := range ask(uid) {
			if pid > 1 && h.isOf(pid, uid) && h.service(pid) == 0 {
				marks[pid] = mark
			}
		}
	}
	var found []Stray
	for pid, mark := range marks {
		service, inside := strings.CutPrefix(mark, root+"/")
		if !inside || strings.Contains(service, "/") {
			continue
		}
		if now := running[service]; now != 0 &&
			h.stat(pid).Start() >= h.stat(now).Start() {
			continue
		}
		found = append(found, Stray{PID: pid, Program: h.Comm(pid), Service: service})
	}
	slices.SortFunc(found, func(a, b Stray) int { return a.PID - b.PID })
	return found
}
