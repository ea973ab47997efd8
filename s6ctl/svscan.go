//go:build linux

package s6ctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"hermes-reconcile/s6ctl/process"
	"hermes-reconcile/s6ctl/safefile"
	"hermes-reconcile/s6ctl/start"
)

// Defaults and bounds of s6-svscan (s6-svscan.c of 2.11, of 2.12 to 2.14, and of 2.15).
const (
	defaultServicesOld = 500
	minServicesOld     = 2
	maxServicesOld     = 90_000
	defaultServices    = 1000
	minServices        = 4
	maxServices        = 160_000
	defaultName        = 251
	minName            = 11
	maxName            = 1019
)

// Svscan looks at the s6-svscan on the scandir: its family, its command line, its limits. The error
// is ErrNotListening where there is none.
func (s *Scandir) Svscan(ctx context.Context) (Svscan, error) {
	h := process.ThisHost()
	pid, err := svscanPID(h, s.path)
	if err != nil {
		return Svscan{}, err
	}
	if pid == 0 {
		return Svscan{}, ErrNotListening
	}
	newer, err := s.newer(ctx)
	if err != nil {
		return Svscan{}, err
	}
	v := parseSvscan(h.Cmdline(pid), newer)
	v.MaxFiles = h.MaxFiles(pid)
	if v.CountsLoggers { // else its processes say nothing of its places
		v.Supervisors = countSupervisors(h, pid)
	}
	return v, nil
}

// Environ is the environment that the s6-svscan on a scandir was started with. It is nil where none
// runs, or where it is none of our business. That the kernel refuses it to root, or to the user of
// s6-svscan, is an error: root without CAP_SYS_PTRACE may not read it if s6-svscan has that
// (ptrace(2)), and what stands there counts nevertheless.
func Environ(h process.Host, scandir string) ([]string, error) {
	pid, err := svscanPID(h, scandir)
	if err != nil || pid <= 0 {
		return nil, err
	}
	b, err := h.Files().Of(pid, "environ")
	switch {
	case safefile.IsGone(err), errors.Is(err, fs.ErrPermission) && !concerns(h, pid):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("cannot read the environment of s6-svscan: %w", err)
	}
	return strings.Split(string(b), "\x00"), nil
}

// concerns reports whether we are root, or the user of a process.
func concerns(h process.Host, pid int) bool {
	me := uint32(os.Geteuid())
	uid, known := process.UserOf(h, pid)
	return me == 0 || known && uid == me
}

// newer reports whether s6-svscan is of 2.12 or later. There is no option to ask for its version,
// but only those know -L, and then find that the folder is not there.
func (s *Scandir) newer(ctx context.Context) (bool, error) {
	svscan, err := find("s6-svscan")
	if err != nil {
		return false, err
	}
	err = s.run(ctx, svscan, "-L", strconv.Itoa(defaultName), "--",
		filepath.Join(s.path, ".s6-svscan", "lock", "none"))
	switch start.ExitCode(err) {
	case exitNobody: // wrong usage
		return false, nil
	case exitSystem:
		return true, nil
	}
	if err == nil {
		err = errors.New("it ran on a folder that cannot be there")
	}
	return false, fmt.Errorf("cannot tell the family of s6-svscan: %w", err)
}

// exitSystem is what s6 programs end with when a system call fails.
const exitSystem = 111

// parseSvscan reads the options of an s6-svscan's command line.
func parseSvscan(args []string, newer bool) Svscan {
	opts := options(args)
	if !newer {
		return Svscan{
			MaxServices: number(opts['c'], defaultServicesOld, minServicesOld, maxServicesOld),
		}
	}
	v := Svscan{
		CountsLoggers: true,
		MaxServices:   number(opts['C'], defaultServices, minServices, maxServices),
		MaxName:       number(opts['L'], defaultName, minName, maxName),
	}
	if c, found := opts['c']; found { // 2.12 to 2.14 took it as so many logged services
		if n, err := strconv.Atoi(c); err == nil {
			v.MaxServices = min(max(2*n, minServices), maxServices)
		}
	}
	return v
}

// number reads an option's value as s6-svscan does, clamped.
func number(text string, otherwise, least, most int) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return otherwise
	}
	return min(max(n, least), most)
}

// options reads the options of a command line. All of them take a value: `-C 8`, `-C8`,
// `--services-max=8`.
func options(args []string) map[byte]string {
	found := map[byte]string{}
	for i := 1; i < len(args); i++ {
		arg := args[i]
		if arg == "--" || len(arg) < 2 || arg[0] != '-' {
			break
		}
		letter, value, has := arg[1], arg[2:], len(arg) > 2
		if long, isLong := strings.CutPrefix(arg, "--"); isLong {
			long, value, has = strings.Cut(long, "=")
			letter = short(long)
		}
		if !has && i+1 < len(args) {
			i++
			value = args[i]
		}
		found[letter] = value
	}
	return found
}

// short is the letter of a long option, which s6-svscan has from 2.15 on; 0 for those that do not
// matter here.
func short(long string) byte {
	switch long {
	case "services-max":
		return 'C'
	case "name-max":
		return 'L'
	}
	return 0
}

// countSupervisors counts the s6-supervise processes that are children of a process. Its name and
// its parent stand in one file: each process of the host is looked at.
func countSupervisors(h process.Host, parent int) int {
	n := 0
	for _, pid := range h.PIDs() {
		stat, err := h.Stat(pid)
		if err == nil && stat.Is("s6-supervise") && stat.Parent() == parent {
			n++
		}
	}
	return n
}
