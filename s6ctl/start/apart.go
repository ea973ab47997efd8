//go:build linux

package start

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

// The first argument of this program where it was started by Apart: of the process that only starts
// the other one, so that this has no parent among ours, and of the other one.
const (
	apartFirst  = "start-apart"
	apartSecond = "run-apart"
)

// reportFD is the descriptor on which the process apart says its pid, and then its exit code.
const reportFD = 3

// Apart runs this program anew with these arguments, where no signal for our process group, our
// session or our descendants reaches it, and returns its exit code. It has our environment, folder,
// standard descriptors and credentials. If we are ended, it goes on; SIGINT is handed on.
func Apart(args []string) (code int, err error) {
	said, saying, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer said.Close()
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	err = again(apartFirst, args, saying)
	saying.Close()
	if err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(said)
	pid, err := number(lines)
	if err != nil {
		return 0, err
	}
	go func() {
		for range interrupts {
			_ = syscall.Kill(pid, syscall.SIGINT)
		}
	}()
	return number(lines)
}

// again starts this program anew in a session of its own.
func again(first string, args []string, report *os.File) error {
	if err := closeInherited(); err != nil {
		return err
	}
	cmd := &exec.Cmd{
		Path: Self, Args: append([]string{os.Args[0], first}, args...),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, ExtraFiles: []*os.File{report},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if first == apartFirst {
		return cmd.Wait() // it ends at once
	}
	return cmd.Process.Release()
}

// number reads one line of the helper's answer.
func number(lines *bufio.Scanner) (int, error) {
	if !lines.Scan() {
		return 0, errors.New("the helper process has ended without an answer")
	}
	return strconv.Atoi(strings.TrimSpace(lines.Text()))
}

// Resume is called first of all by the program, with its arguments. Where Apart has started it, it
// returns the arguments that are meant and what to report the exit code with; else report is nil.
func Resume(args []string) (rest []string, report func(code int)) {
	if len(args) == 0 || args[0] != apartFirst && args[0] != apartSecond {
		return args, nil
	}
	rest = args[1:]
	said := os.NewFile(reportFD, "report")
	if args[0] == apartFirst {
		if again(apartSecond, rest, said) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	syscall.CloseOnExec(reportFD)
	// Our terminal and the readers of our output may go with the gateway.
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP)
	fmt.Fprintln(said, os.Getpid())
	return rest, func(code int) { fmt.Fprintln(said, code) }
}
