//go:build unix

package render

import (
	"os/exec"
	"strconv"
	"syscall"
)

// ownGroup starts a process as the head of a group of its own.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func pid(cmd *exec.Cmd) string { return strconv.Itoa(cmd.Process.Pid) }
