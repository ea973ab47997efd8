//go:build !linux

package process

// Comm is unknown.
func (h Host) Comm(int) string { return "" }

// Stranger is no program that could be told.
func Stranger(Host, int, int) string { return "" }
