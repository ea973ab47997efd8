//go:build linux

package home

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"hermes-reconcile/reconcile/inputs"
	"hermes-reconcile/render/rawjson"
	"hermes-reconcile/s6ctl/safefile"
)

// Serves reports whether the program was started by Ask or Show.
func Serves(args []string) bool { return len(args) == 2 && args[1] == argument }

// Serve carries out the requests on stdin, one after the other, and answers each on stdout. One for
// logs is the last.
func Serve(stdin io.Reader, stdout io.Writer) error {
	requests := json.NewDecoder(stdin)
	for {
		var request Request
		err := requests.Decode(&request)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read the request: %w", err)
		}
		if request.Log != nil || request.Logs != nil {
			return serveLogs(request, stdin, stdout)
		}
		if err := json.NewEncoder(stdout).Encode(carryOut(request)); err != nil {
			return err
		}
	}
}

// serveLogs shows one log, or several.
func serveLogs(request Request, stdin io.Reader, stdout io.Writer) error {
	if request.Log != nil {
		return serveLog(stdin, func(ctx context.Context) error {
			return sendLog(ctx, frames{stdout}, *request.Log)
		})
	}
	return serveLog(stdin, func(ctx context.Context) error {
		return sendAll(ctx, stdout, request.Logs)
	})
}

// carryOut does what is asked for, profile by profile. A fault of one is noted, and keeps none of
// the others from being done.
func carryOut(request Request) Answer {
	s := &server{
		home:   request.Home,
		places: request.Places,
		answer: Answer{
			States: map[string]State{},
			Swept:  map[string][]string{},
			Found:  map[string]Finding{},
			Others: map[string][]string{},
			Tokens: map[string]map[string]string{},
			Hosts:  map[string]Host{},
			Inputs: map[string]map[string]inputs.Look{},
		},
	}
	for _, p := range request.Recall {
		s.answer.States[p] = s.recall(p)
	}
	for _, p := range request.Sweep {
		s.sweep(p)
	}
	for _, p := range slices.Sorted(maps.Keys(request.Wishes)) {
		s.note(s.wish(p, request.Wishes[p]))
	}
	for _, p := range request.Retire {
		if _, err := safefile.StatOwn(s.path(p, stateFile)); !errors.Is(err, fs.ErrNotExist) {
			s.note(s.wish(p, false))
		}
	}
	if request.Report != nil {
		s.note(s.report(*request.Report))
	}
	for _, p := range request.Folders {
		s.lookFor(p)
	}
	for _, p := range request.Inspect {
		s.answer.Found[p] = s.inspect(p)
		s.lookForHost(s.homeOf(p))
	}
	for _, p := range request.Tokens {
		if found, known := s.tokens(p, request.Variables, request.Key); known {
			s.answer.Tokens[p] = found
		}
	}
	for p, wanted := range request.Inputs {
		s.answer.Inputs[p] = s.inputs(p, wanted)
	}
	return s.answer
}

// server carries out one request. It runs as the user that the home belongs to, so wherever a path
// leads that user may go. What must not happen is that it waits: every file is opened in a way that
// a FIFO cannot block.
type server struct {
	home   string
	places map[string]Place // Request.Places
	answer Answer
}

// note keeps a fault for the answer.
func (s *server) note(err error) {
	if err != nil {
		s.answer.Faults = append(s.answer.Faults, err.Error())
	}
}

// path is where a file of a profile is: below a home of its own, else below HERMES_HOME.
func (s *server) path(profile, name string) string {
	if own, has := s.places[profile]; has {
		return filepath.Join(own.Home, own.Dir, name)
	}
	return filepath.Join(s.home, profileDir(profile), name)
}

// HomeOf is the HERMES_HOME of a profile's gateway.
func (s *server) homeOf(profile string) string {
	if own, has := s.places[profile]; has {
		return own.Home
	}
	return s.home
}

// recall says what a gateway was last, as its own state file has it.
func (s *server) recall(profile string) State {
	data, err := readFile(s.path(profile, stateFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return State{Why: "there is no " + stateFile}
	case err != nil:
		why := fmt.Sprintf("%s cannot be read: %v", stateFile, safefile.Cause(err))
		if !tells(err) {
			s.note(fmt.Errorf("cannot tell what %s was last: %s", profile, why))
		}
		return State{Why: why, Unknown: !tells(err)}
	}
	return ParseState(data)
}

// tells reports whether an error of reading is as good as an answer: it says what stands there, or
// that its user may not read it. Any other may be gone the next time: a disk that fails, a lack of
// memory or descriptors.
func tells(err error) bool {
	var large *safefile.TooLargeError
	return safefile.IsAbsent(err) || errors.Is(err, safefile.ErrIrregular) ||
		errors.As(err, &large) ||
		errors.Is(err, fs.ErrPermission)
}

// sweep removes what names processes of a container that is no more: their numbers belong to others
// now.
func (s *server) sweep(profile string) {
	if pid := s.lives(profile); pid != 0 {
		s.note(
			fmt.Errorf("%s: %s is left: the gateway of pid %d runs outside of s6", profile, pidFile,
				pid),
		)
		return
	}
	for _, name := range []string{pidFile, processesFile} {
		switch err := os.Remove(s.path(profile, name)); {
		case err == nil:
			s.answer.Swept[profile] = append(s.answer.Swept[profile], name)
		case !errors.Is(err, fs.ErrNotExist):
			s.note(fmt.Errorf("cannot remove %q: %w", s.path(profile, name), safefile.Cause(err)))
		}
	}
}

// lives is the process that the pid file names, if it is the very one that wrote it, else 0. The
// file has its start time.
func (s *server) lives(profile string) int {
	data, err := readFile(s.path(profile, pidFile))
	if err != nil {
		return 0
	}
	pid, start := parsePIDFile(data)
	if start == 0 {
		return 0
	}
	stat, err := safefile.Proc("/proc").Of(pid, "stat")
	if err != nil {
		return 0
	}
	// "pid (name) state ...": the name may hold blanks and parentheses, and the start time is the
	// 20th field behind it.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const startTime = 19
	if len(fields) <= startTime || fields[startTime] != strconv.FormatInt(start, 10) {
		return 0
	}
	return pid
}

// parsePIDFile reads which process wrote a pid file, and when that was started: in clock ticks
// since boot, as in /proc. A start of 0 means that the file does not say.
func parsePIDFile(data []byte) (pid int, start int64) {
	if rawjson.Unmarshal(data, map[string]any{"pid": &pid, "start_time": &start}) != nil {
		return 0, 0
	}
	return pid, start
}

// wish records what an operator wants of a gateway. All else that the file says is kept.
func (s *server) wish(profile string, up bool) error {
	file := s.path(profile, stateFile)
	if _, err := safefile.StatOwn(filepath.Dir(file)); errors.Is(err, fs.ErrNotExist) {
		// A gateway that has never run, and writes the file itself when it does.
		return nil
	}
	mode := fs.FileMode(0o644)
	data, info, err := safefile.ReadOwn(file, maxState)
	if info != nil {
		mode = info.Mode().Perm()
	}
	if errors.Is(err, fs.ErrNotExist) {
		data, err = nil, nil
	}
	if err == nil {
		data, err = withWish(data, up)
	}
	if err == nil {
		err = replaceFile(file, mode, data)
	}
	if err != nil {
		return fmt.Errorf("cannot record what %s should be in %q: %w", profile, file,
			safefile.Cause(err))
	}
	return nil
}

// withWish is a state file with what an operator wants in it. All else stays as it is, byte for
// byte.
func withWish(data []byte, up bool) ([]byte, error) {
	state := stateStopped
	if up {
		state = stateRunning
	}
	object, err := rawjson.Parse(data)
	if err != nil { // what cannot be read is worth nothing
		object, _ = rawjson.Parse([]byte("{}\n"))
	}
	wished := object.Set(desiredKey, json.RawMessage(strconv.Quote(state)))
	if len(wished) > maxState {
		return nil, fmt.Errorf("it would have more than %d bytes",
			maxState) // and nothing would read it
	}
	return wished, nil
}

// replaceFile writes a file whole or not at all, even if the machine loses power.
func replaceFile(name string, mode fs.FileMode, data []byte) error {
	temporary := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".hermes-reconcile")
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := safefile.OpenOwn(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err == nil {
		err = os.Rename(temporary, name)
	}
	if err != nil {
		os.Remove(temporary)
	}
	return err
}

// report appends to the report.
func (s *server) report(r Report) error {
	name := r.File
	if err := os.Mkdir(filepath.Dir(name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot write the report: %w",
			err) // of the folders above it none is made
	}
	if info, err := safefile.LstatOwn(name); err == nil && info.Mode().IsRegular() &&
		info.Size()+int64(len(r.Text)) > r.Limit {
		if err := os.Rename(name, name+".1"); err != nil {
			return fmt.Errorf("cannot rotate the report: %w", err)
		}
	}
	f, err := safefile.OpenOwn(name, unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_NOFOLLOW,
		0o644)
	if err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	_, err = f.WriteString(r.Text) // one write: the lines of two of us never mix
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}

// readFile reads a regular file that is not too large.
func readFile(name string) ([]byte, error) {
	data, _, err := safefile.ReadOwn(name, maxState)
	return data, err
}
