//go:build !linux

package safefile

// Dir is an opened folder. Here none is opened: it is there so that what only names it builds.
type Dir struct{}
