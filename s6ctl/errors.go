package s6ctl

import "errors"

// ErrNotInstalled is returned where a program of s6 is neither in /command nor on PATH.
var ErrNotInstalled = errors.New("s6 is not installed")

// ErrNotListening is returned where no s6-svscan runs on the scandir.
var ErrNotListening = errors.New("no s6-svscan is running on it")

// ErrNotSupervised is returned where no s6-supervise runs on a service directory.
var ErrNotSupervised = errors.New("not supervised")
