//go:build linux

package scandir

import (
	"strings"

	"hermes-reconcile/render"
)

// looker tells the listener of each service that was looked at. One that is a service by its marker
// alone is not told of: to count those would take a look at each entry first.
func (s *Scandir) looker(names []string) func(name string) {
	if s.Listener == nil {
		return func(string) {}
	}
	of := 0
	for _, name := range names {
		if strings.HasPrefix(name, render.Prefix) {
			of++
		}
	}
	return func(name string) {
		if strings.HasPrefix(name, render.Prefix) {
			s.Listener.TellLook(name, of)
		}
	}
}
