//go:build linux

package dirfd

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// What openat answers about a name that is no directory: with O_DIRECTORY and O_NOFOLLOW a symlink
// is either.
const (
	ErrNoDir   = unix.ENOTDIR
	ErrSymlink = unix.ELOOP
)

// The file type in a mode, as stat gives it.
const (
	ModeType      = unix.S_IFMT
	ModeSymlink   = unix.S_IFLNK
	ModeDirectory = unix.S_IFDIR
	ModeRegular   = unix.S_IFREG
	ModeOthers    = unix.S_IWGRP | unix.S_IWOTH
)

// ModePrivate is the mode of a folder that only its owner can read and change.
const ModePrivate = 0o700

// Missing is nil for an error that says that there is no such file or folder. Behind a symlink
// there is none for us.
func Missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNoDir) || errors.Is(err, ErrSymlink) {
		return nil
	}
	return err
}
