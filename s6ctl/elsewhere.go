//go:build !linux

package s6ctl

// Listening is false: s6 is not here.
func Listening(Host, string) (bool, error) { return false, nil }

// comm is unknown.
func (h Host) comm(int) string { return "" }

// Stranger is no program that could be told.
func Stranger(Host, int, int) string { return "" }
