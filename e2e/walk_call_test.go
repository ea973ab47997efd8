//go:build e2e

package e2e

import (
	"regexp"
	"slices"

	"golang.org/x/sys/unix"
)

// sysCall is a system call of the program that concerns a walk: one on the scandir, on the
// manifest, below HERMES_HOME, or on what the kernel shows of the tree's processes, and one that
// starts a process.
type sysCall struct {
	class  class
	path   string // relative to the scandir, or absolute; of a child: its program
	helper bool   // of the process that looks below HERMES_HOME
}

func (c sysCall) String() string {
	who := ""
	if c.helper {
		who = "helper: "
	}
	return who + string(c.class) + " " + c.path
}

// number is what differs between calls of one kind: which side of a plan it is, which process.
var number = regexp.MustCompile(`\d+`)

// service is a service directory. What looks at one looks at all of them.
var service = regexp.MustCompile(`gateway-[a-z]+`)

// kind is the same for calls that do the same to the same.
func (c sysCall) kind() string {
	kind := number.ReplaceAllString(c.String(), "N")
	if c.class.looks() {
		kind = service.ReplaceAllString(kind, "gateway-NAME")
	}
	return kind
}

// class is a kind of system call.
type class string

const (
	look      class = "open"  // for reading, or to see whether anybody reads a FIFO
	lookBelow class = "open2" // the same by openat2, which may be missing
	readFile  class = "read"
	state     class = "stat"
	seek      class = "seek"
	readLink  class = "readlink"
	room      class = "statfs"
	list      class = "list"   // getdents64
	lockFile  class = "lock"   // fcntl
	await     class = "wait"   // for a child
	pipe      class = "pipe"   // to a child
	create    class = "create" // open for writing
	mkdir     class = "mkdir"
	write     class = "write"
	chmod     class = "chmod" // and chown
	rename    class = "rename"
	unlink    class = "unlink"
	flush     class = "sync" // fsync, syncfs, ftruncate
	spawn     class = "fork"
	execChild class = "exec"
)

// looking are the classes whose calls change nothing.
var looking = []class{
	look, lookBelow, readFile, state, seek, readLink, room, list, lockFile, await, pipe,
}

// looks reports whether such a call changes nothing.
func (c class) looks() bool { return slices.Contains(looking, c) }

// byPath are the calls with a directory and a path, and where these stand among their arguments.
var byPath = map[uint64]struct {
	class class
	at    int
}{
	unix.SYS_MKDIRAT:   {mkdir, 0},
	unix.SYS_MKNODAT:   {mkdir, 0},
	unix.SYS_FCHMODAT:  {chmod, 0},
	unix.SYS_FCHMODAT2: {chmod, 0},
	unix.SYS_FCHOWNAT:  {chmod, 0},
	unix.SYS_RENAMEAT:  {rename, 2},
	unix.SYS_RENAMEAT2: {rename, 2},
	unix.SYS_UNLINKAT:  {unlink, 0},

	unix.SYS_NEWFSTATAT: {state, 0},
	unix.SYS_STATX:      {state, 0},
	unix.SYS_READLINKAT: {readLink, 0},
}

// byName are the calls whose first argument is a path.
var byName = map[uint64]class{
	unix.SYS_STAT:     state,
	unix.SYS_LSTAT:    state,
	unix.SYS_READLINK: readLink,
	unix.SYS_STATFS:   room,
}

// byFile are the calls with an opened file as their first argument.
var byFile = map[uint64]class{
	unix.SYS_WRITE:      write,
	unix.SYS_PWRITE64:   write,
	unix.SYS_FCHMOD:     chmod,
	unix.SYS_FCHOWN:     chmod,
	unix.SYS_FSYNC:      flush,
	unix.SYS_FDATASYNC:  flush,
	unix.SYS_SYNCFS:     flush,
	unix.SYS_FTRUNCATE:  flush,
	unix.SYS_GETDENTS64: list,
	unix.SYS_READ:       readFile,
	unix.SYS_PREAD64:    readFile,
	unix.SYS_FSTAT:      state,
	unix.SYS_LSEEK:      seek,
	unix.SYS_FSTATFS:    room,
}

// others are calls that classify looks at more closely.
var others = []uint64{
	unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_FCNTL, unix.SYS_CLONE, unix.SYS_PIPE2,
	unix.SYS_WAITID, unix.SYS_WAIT4, unix.SYS_EXECVE,
}

// opens tells what an open with these flags does. An open of a FIFO for writing without waiting only
// asks for its reader.
func opens(flags uint64) class {
	switch {
	case flags&unix.O_CREAT != 0:
		return create
	case flags&(unix.O_WRONLY|unix.O_RDWR) != 0 && flags&unix.O_NONBLOCK == 0:
		return create
	}
	return look
}
