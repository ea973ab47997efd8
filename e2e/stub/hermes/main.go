//go:build linux

// Command hermes stands in for the hermes program in the end-to-end tests, as a gateway or as the dashboard: it serves
// /health on its port and writes down what happened to it, below $HERMES_HOME/stub:
//
//	NAME.starts    one JSON record a start
//	NAME.stops     one JSON record at SIGTERM, one at the exit that follows
//	NAME.children  one pid a line: the child processes asked for by STUB_CHILD
//	NAME.unready   answers 503 as long as somebody leaves this file there
//	NAME.lock      locked as long as a gateway of that profile lives
//	double         one line each time a gateway started while another of its profile lived
//	bindfail       one line each time a port was taken
//
// What it shall do wrong is said by STUB_EXIT, STUB_LINES, STUB_CHILD, STUB_DRAIN, STUB_IGNORE_TERM and STUB_LIFE (see
// behaviour).
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// childArg makes this program the child of STUB_CHILD instead of a gateway.
const childArg = "stub-child"

// maxLife ends a process that a failed test left behind, if STUB_LIFE says nothing else.
const maxLife = 10 * time.Minute

func main() {
	run := runGateway
	if len(os.Args) > 1 && os.Args[1] == childArg {
		run = runChild
	}
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "hermes (stub): %v\n", err)
	}
	os.Exit(code)
}

// behaviour is what the profile's environment asks for.
type behaviour struct {
	exit       int           // STUB_EXIT: exit with this code at once; -1: not asked for
	lines      int           // STUB_LINES: numbered lines a second on stdout
	child      string        // STUB_CHILD: "1", or "setsid" for a session of its own
	drain      time.Duration // STUB_DRAIN: between SIGTERM and the exit
	ignoreTerm bool          // STUB_IGNORE_TERM=1
	life       time.Duration // STUB_LIFE: after which it ends itself
}

func readBehaviour() (behaviour, error) {
	b := behaviour{exit: -1, child: os.Getenv("STUB_CHILD"), ignoreTerm: os.Getenv("STUB_IGNORE_TERM") == "1", life: maxLife}
	var errs []error
	if s := os.Getenv("STUB_EXIT"); s != "" {
		n, err := strconv.Atoi(s)
		b.exit, errs = n, append(errs, err)
	}
	if s := os.Getenv("STUB_LINES"); s != "" {
		n, err := strconv.Atoi(s)
		b.lines, errs = n, append(errs, err)
	}
	if s := os.Getenv("STUB_DRAIN"); s != "" {
		d, err := time.ParseDuration(s)
		b.drain, errs = d, append(errs, err)
	}
	if s := os.Getenv("STUB_LIFE"); s != "" {
		d, err := time.ParseDuration(s)
		b.life, errs = d, append(errs, err)
	}
	return b, errors.Join(errs...)
}

// gateway is one run of the program as a gateway.
type gateway struct {
	name string // profile
	port int    // 0: serves nothing
	dir  string // where the records go
	behaviour
}

func newGateway(args []string) (*gateway, error) {
	home := os.Getenv("HERMES_HOME")
	if home == "" {
		return nil, errors.New("HERMES_HOME is not set")
	}
	b, err := readBehaviour()
	if err != nil {
		return nil, err
	}
	g := &gateway{name: "default", dir: filepath.Join(home, "stub"), behaviour: b}
	if len(args) > 0 && args[0] == "dashboard" {
		g.name = "dashboard" // no gateway, but for the rest the same
	}
	for i := 0; i+1 < len(args); i++ {
		switch args[i] {
		case "-p":
			g.name = args[i+1]
		case "--port":
			if g.port, err = strconv.Atoi(args[i+1]); err != nil {
				return nil, fmt.Errorf("cannot read --port: %w", err)
			}
		}
	}
	return g, os.MkdirAll(g.dir, 0o755)
}

func runGateway(args []string) (int, error) {
	g, err := newGateway(args)
	if err != nil {
		return 1, err
	}
	// Before everything else, so that a SIGTERM which comes early is not lost.
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	if err := g.lock(); err != nil {
		return 1, errors.Join(err, g.appendLine("double", fmt.Sprintf("%s %d: %v", g.name, os.Getpid(), err)))
	}
	if err := g.recordStart(); err != nil {
		return 1, err
	}
	if g.exit >= 0 {
		fmt.Printf("%s: exits %d\n", g.name, g.exit)
		return g.exit, nil
	}
	if err := g.serve(); err != nil {
		return 1, errors.Join(err, g.appendLine("bindfail", fmt.Sprintf("%s %v", g.name, err)))
	}
	if err := g.startChild(); err != nil {
		return 1, err
	}
	fmt.Printf("%s: started on stdout\n", g.name)
	fmt.Fprintf(os.Stderr, "%s: started on stderr\n", g.name)
	return 0, g.live(term)
}

// live prints until SIGTERM, then drains.
func (g *gateway) live(term <-chan os.Signal) error {
	stop := make(chan struct{})
	printed := make(chan int, 1)
	go func() { printed <- printLines(g.lines, stop) }()
	end := time.NewTimer(g.life)
	for {
		select {
		case <-end.C:
			return errors.New("nobody stopped this gateway: it ends itself")
		case <-term:
		}
		if !g.ignoreTerm {
			break
		}
	}
	err := g.recordStop("term", 0)
	close(stop)
	lines := <-printed
	fmt.Println("stopping")
	if g.drain > 0 {
		time.Sleep(g.drain)
		fmt.Println("drained")
	}
	return errors.Join(err, g.recordStop("exit", lines))
}

// printLines prints perSecond numbered lines a second until stop is closed, and returns how many it printed. The pace is
// kept by absolute time: a late line makes no other line late.
func printLines(perSecond int, stop <-chan struct{}) int {
	if perSecond <= 0 {
		<-stop
		return 0
	}
	start := time.Now()
	for i := 1; ; i++ {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		select {
		case <-stop:
			return i - 1
		case <-time.After(time.Until(due)):
		}
		fmt.Printf("line %06d\n", i)
	}
}

// lock is held until the process ends, and inherited by nobody: a bare descriptor, which no garbage collector closes.
func (g *gateway) lock() error {
	fd, err := syscall.Open(g.path("lock"), syscall.O_RDWR|syscall.O_CREAT|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return fmt.Errorf("cannot open %s: %w", g.path("lock"), err)
	}
	if err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another gateway of profile %q lives: %w", g.name, err)
	}
	return nil
}

func (g *gateway) serve() error {
	if g.port == 0 {
		return nil
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", g.port))
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				fmt.Fprintf(os.Stderr, "hermes (stub): %v\n", err)
				return
			}
			go g.answer(conn)
		}
	}()
	return nil
}

// answer answers one request, as little HTTP as will do: net/http takes longer to compile than all else here.
func (g *gateway) answer(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	request := bufio.NewReader(conn)
	first, err := request.ReadString('\n')
	for line := first; err == nil && line != "\r\n"; {
		line, err = request.ReadString('\n')
	}
	if err != nil {
		return
	}
	status, body := "404 Not Found", "{}\n"
	if _, err := os.Stat(g.path("unready")); err == nil {
		status = "503 Service Unavailable"
	} else if strings.HasPrefix(first, "GET /health ") {
		status, body = "200 OK", fmt.Sprintf("{\"pid\":%d,\"profile\":%q}\n", os.Getpid(), g.name)
	}
	fmt.Fprintf(conn, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, len(body), body)
}

// startChild starts a process that ignores SIGTERM and holds stdout and stderr, so the logger's pipe.
func (g *gateway) startChild() error {
	if g.child == "" {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, childArg, g.name, g.path("children"))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: g.child == "setsid"}
	return cmd.Start()
}

// runChild records its pid only once it ignores SIGTERM.
func runChild(args []string) (int, error) {
	if len(args) != 3 {
		return 1, fmt.Errorf("usage: hermes %s NAME RECORD", childArg)
	}
	signal.Ignore(syscall.SIGTERM)
	if err := appendTo(args[2], strconv.Itoa(os.Getpid())); err != nil {
		return 1, err
	}
	time.Sleep(maxLife)
	return 0, nil
}

// start is a record of NAME.starts.
type start struct {
	PID    int      `json:"pid"`
	PPID   int      `json:"ppid"`
	Argv   []string `json:"argv"`
	Env    []string `json:"env"`
	Cwd    string   `json:"cwd"`
	UID    int      `json:"uid"`
	GID    int      `json:"gid"`
	Groups []int    `json:"groups"`
	Time   int64    `json:"time"` // nanoseconds since 1970
}

func (g *gateway) recordStart() error {
	now := time.Now().UnixNano()
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	groups, err := os.Getgroups()
	if err != nil {
		return err
	}
	env := os.Environ()
	slices.Sort(env)
	return g.record("starts", start{
		PID: os.Getpid(), PPID: os.Getppid(), Argv: os.Args, Env: env, Cwd: cwd,
		UID: os.Getuid(), GID: os.Getgid(), Groups: groups, Time: now,
	})
}

// stop is a record of NAME.stops.
type stop struct {
	PID   int    `json:"pid"`
	Event string `json:"event"` // term or exit
	Lines int    `json:"lines"` // at exit: how many numbered lines were printed
	Time  int64  `json:"time"`
}

func (g *gateway) recordStop(event string, lines int) error {
	return g.record("stops", stop{PID: os.Getpid(), Event: event, Lines: lines, Time: time.Now().UnixNano()})
}

func (g *gateway) path(suffix string) string {
	return filepath.Join(g.dir, g.name+"."+suffix)
}

func (g *gateway) record(suffix string, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return appendTo(g.path(suffix), string(line))
}

func (g *gateway) appendLine(file, line string) error {
	return appendTo(filepath.Join(g.dir, file), line)
}

// appendTo writes the line by one write(2): records of two processes never mix.
func appendTo(path, line string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}
