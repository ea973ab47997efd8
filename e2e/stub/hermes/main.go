//go:build linux

// Command hermes stands in for the hermes program in the end-to-end tests, as a gateway or as the
// dashboard. It takes the command line that a release of hermes-agent takes, and refuses any other
// in its words (args.go). It serves /health and writes down what happened to it, below
// $HERMES_HOME/stub:
//
//	NAME.starts    one JSON record a start
//	NAME.stops     one JSON record at SIGTERM or SIGUSR1, one at the exit that follows
//	NAME.children  one pid a line: the child processes asked for by STUB_CHILD
//	NAME.unready   answers 503 as long as a test leaves this file there
//	NAME.busy      a turn runs as long as a test leaves this file there: SIGUSR1 waits for its end
//	NAME.lock      locked as long as a gateway of that profile lives
//	double         one line each time a gateway started while another of its profile lived
//	bindfail       one line each time a port was taken
//	refused        one line each time the release did not take the command line, or the profile
//
// What it should do wrong is said by STUB_EXIT, STUB_LINES, STUB_CHILD, STUB_DRAIN,
// STUB_IGNORE_TERM, STUB_TERM, STUB_TURN and STUB_LIFE (see behaviour). STUB_RELEASE is the release, 0.21 if
// not given; STUB_REFUSE how long it takes to refuse, 2s if not given. With STUB_PROFILES=1 a
// profile has to have its folder, $HERMES_HOME/profiles/NAME.
//
// Like the real one it takes its port from API_SERVER_PORT. Without it the stub serves nothing; the
// real one serves where API_SERVER_ENABLED or API_SERVER_KEY is set, by default on 8642. It ends
// nothing at --replace, and reads no .env.
package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// childArg makes this program the child of STUB_CHILD instead of a gateway.
const childArg = "stub-child"

// maxLife ends a process that a failed test left behind, if STUB_LIFE says nothing else.
const maxLife = 10 * time.Minute

// How hermes ends. It exits 1 at a SIGTERM that no command of its own has announced: a supervisor
// that starts again what fails should do so.
const (
	termCode    = 1
	restartCode = 75 // after SIGUSR1: start me again
	configCode  = 78 // a taken port, for one: do not
)

func main() {
	run := runGateway
	if len(os.Args) > 1 && os.Args[1] == childArg {
		run = runChild
	}
	code, err := run(os.Args[1:])
	var refused *refusal
	if errors.As(err, &refused) {
		os.Exit(refuse(refused))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "hermes (stub): %v\n", err)
	}
	os.Exit(code)
}

// refuse ends as late as Python does, which has to load the program first.
func refuse(r *refusal) int {
	takes, err := time.ParseDuration(cmp.Or(os.Getenv("STUB_REFUSE"), "2s"))
	if err != nil {
		fmt.Fprintf(os.Stderr, "hermes (stub): STUB_REFUSE: %v\n", err)
		return 1
	}
	time.Sleep(takes)
	fmt.Fprint(r.to, r.text)
	if home := os.Getenv("HERMES_HOME"); home != "" && r.code != 0 {
		// For the test alone, which may have made no such folder, or one for another user.
		lines := strings.Split(strings.TrimSpace(r.text), "\n")
		_ = appendTo(filepath.Join(home, "stub", "refused"), fmt.Sprintf("%q: exit %d: %s", os.Args, r.code, lines[len(lines)-1]))
	}
	return r.code
}

// behaviour is what the profile's environment asks for.
type behaviour struct {
	exit       int           // STUB_EXIT: exit with this code at once; -1: not asked for
	lines      int           // STUB_LINES: numbered lines a second on stdout
	child      string        // STUB_CHILD: "1", or "setsid" for a session of its own
	turn       time.Duration // STUB_TURN: one turn after the other, each so long; 0: none
	drain      time.Duration // STUB_DRAIN: between the signal and the exit, the end of turns apart
	ignoreTerm bool          // STUB_IGNORE_TERM=1
	term       int           // STUB_TERM: exit code after SIGTERM; termCode if not given
	life       time.Duration // STUB_LIFE: after which it ends itself
}

// readBehaviour reads the STUB_ variables. All that is wrong with them is told at once.
func readBehaviour() (behaviour, error) {
	b := behaviour{exit: -1, child: os.Getenv("STUB_CHILD"), ignoreTerm: os.Getenv("STUB_IGNORE_TERM") == "1", term: termCode, life: maxLife}
	var errs []error
	if s := os.Getenv("STUB_EXIT"); s != "" {
		n, err := strconv.Atoi(s)
		b.exit, errs = n, append(errs, err)
	}
	if s := os.Getenv("STUB_TERM"); s != "" {
		n, err := strconv.Atoi(s)
		b.term, errs = n, append(errs, err)
	}
	if s := os.Getenv("STUB_LINES"); s != "" {
		n, err := strconv.Atoi(s)
		b.lines, errs = n, append(errs, err)
	}
	if s := os.Getenv("STUB_DRAIN"); s != "" {
		d, err := time.ParseDuration(s)
		b.drain, errs = d, append(errs, err)
	}
	if s := os.Getenv("STUB_TURN"); s != "" {
		d, err := time.ParseDuration(s)
		b.turn, errs = d, append(errs, err)
	}
	if s := os.Getenv("STUB_LIFE"); s != "" {
		d, err := time.ParseDuration(s)
		b.life, errs = d, append(errs, err)
	}
	return b, errors.Join(errs...)
}

// gateway is one run of the program as a gateway.
type gateway struct {
	name  string    // profile
	port  int       // 0: serves nothing
	dir   string    // where the records go
	begun time.Time // when its first turn began
	behaviour
}

// newGateway refuses in the order of the real one: the profile comes before the command line.
func newGateway(args []string) (*gateway, error) {
	home := os.Getenv("HERMES_HOME")
	if home == "" {
		return nil, errors.New("HERMES_HOME is not set")
	}
	if os.Getenv("STUB_PROFILES") == "1" {
		if err := refuseUnknown(args, home); err != nil {
			return nil, err
		}
	}
	release := cmp.Or(os.Getenv("STUB_RELEASE"), newest)
	c, err := parseArgs(release, args)
	if err != nil {
		return nil, err
	}
	if err := c.refuseSecond(release, home); err != nil {
		return nil, err
	}
	b, err := readBehaviour()
	if err != nil {
		return nil, err
	}
	g := &gateway{name: c.profile, dir: filepath.Join(home, "stub"), behaviour: b}
	port, from := os.Getenv("API_SERVER_PORT"), "API_SERVER_PORT"
	switch {
	case c.command == "dashboard":
		g.name = "dashboard" // no gateway, but for the rest the same
		port, from = c.options["--port"], "--port"
	case c.command == "start" && release == phase3:
		port, from = c.options["--port"], "--port"
	case c.command == "start":
		return nil, errors.New("gateway start would start a service that was installed; the stub has none")
	}
	if port != "" {
		if g.port, err = strconv.Atoi(port); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", from, err)
		}
	}
	return g, os.MkdirAll(g.dir, 0o755)
}

// runGateway lives until a signal, or as long as STUB_LIFE says.
func runGateway(args []string) (int, error) {
	g, err := newGateway(args)
	if err != nil {
		return 1, err
	}
	// Before everything else, so that a SIGTERM which comes early is not lost.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGUSR1)
	g.actOn(syscall.SIGUSR2)
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
		return configCode, errors.Join(err, g.appendLine("bindfail", fmt.Sprintf("%s %v", g.name, err)))
	}
	if err := g.startChild(); err != nil {
		return 1, err
	}
	fmt.Printf("%s: started on stdout\n", g.name)
	fmt.Fprintf(os.Stderr, "%s: started on stderr\n", g.name)
	return g.live(signals)
}

// actOn makes a signal run the shell script at STUB_SELF, as an agent runs commands: for the test
// alone.
func (g *gateway) actOn(s syscall.Signal) {
	script := os.Getenv("STUB_SELF")
	if script == "" {
		return
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, s)
	go func() {
		for range asked {
			cmd := exec.Command("/bin/sh", script)
			cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
			if err := cmd.Run(); err != nil {
				fmt.Fprintln(os.Stderr, "STUB_SELF:", err)
			}
		}
	}()
}

// live prints until SIGTERM or SIGUSR1, then drains. It returns the exit code.
func (g *gateway) live(signals <-chan os.Signal) (int, error) {
	stop := make(chan struct{})
	printed := make(chan int, 1)
	go func() { printed <- printLines(g.lines, stop) }()
	code, event := g.term, ""
	g.begun = time.Now()
	end := time.NewTimer(g.life)
	for event == "" {
		select {
		case <-end.C:
			return 0, errors.New("no test stopped this gateway: it ends itself")
		case s := <-signals:
			if s == syscall.SIGUSR1 {
				code, event = restartCode, "usr1"
			} else if !g.ignoreTerm {
				event = "term"
			}
		}
	}
	err := g.recordStop(event, 0)
	if event == "usr1" {
		err = errors.Join(err, g.endTurns(signals))
	}
	close(stop)
	lines := <-printed
	fmt.Println("stopping")
	if g.drain > 0 {
		time.Sleep(g.drain)
		fmt.Println("drained")
	}
	return code, errors.Join(err, g.recordStop("exit", lines))
}

// endTurns waits for the end of a turn that runs. SIGTERM interrupts it, so a test that finds no
// record of a SIGTERM knows that none was. A second SIGUSR1 changes nothing.
func (g *gateway) endTurns(signals <-chan os.Signal) error {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	end := time.Now()
	if g.turn > 0 {
		end = end.Add(g.turn - end.Sub(g.begun)%g.turn)
	}
	for {
		if _, err := os.Stat(g.path("busy")); err != nil && !time.Now().Before(end) {
			return nil
		}
		select {
		case <-look.C:
		case s := <-signals:
			if s == syscall.SIGTERM {
				return g.recordStop("term", 0)
			}
		}
	}
}

// printLines prints perSecond numbered lines a second until stop is closed, and returns how many it
// printed. The pace is kept by absolute time: a late line makes no other line late.
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

// lock is held until the process ends, and inherited by no child: a bare descriptor, which no
// garbage collector closes.
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

// serve answers on the loopback alone, as tests do not reach beyond it. Without a port it serves
// nothing.
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

// answer answers one request, as little HTTP as will do: net/http takes longer to compile than all
// else here.
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

// startChild starts a process that ignores SIGTERM and holds stdout and stderr, so the logger's
// pipe.
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
