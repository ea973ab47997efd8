//go:build linux

package reconcile

import "golang.org/x/sys/unix"

// What openat answers about a name that is no directory: with O_DIRECTORY and O_NOFOLLOW a symlink is either.
const (
	errNoDir   = unix.ENOTDIR
	errSymlink = unix.ELOOP
)

// The file type in a mode, as stat gives it.
const (
	modeType      = unix.S_IFMT
	modeSymlink   = unix.S_IFLNK
	modeDirectory = unix.S_IFDIR
	modeRegular   = unix.S_IFREG
	modeOthers    = unix.S_IWGRP | unix.S_IWOTH
)
