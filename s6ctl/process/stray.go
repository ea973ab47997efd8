package process

// ServiceVariable is the variable in which a rendered run script tells its gateway, and all that
// this starts, in which directory it was started: an absolute path without symlinks.
const ServiceVariable = "HERMES_RECONCILE_SERVICE"

// Stray is a process that a gateway has started and that has outlived it: no stop reaches it. A
// program that puts itself in the background leaves one at each restart.
type Stray struct {
	PID     int
	Program string
	Service string // which service has started it
}
