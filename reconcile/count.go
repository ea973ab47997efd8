//go:build linux

package reconcile

import (
	"context"
	"strings"
)

// Vacancy tells how many more gateways s6-svscan has room for, beside these removals that are not
// finished.
func (s *Scandir) Vacancy(ctx context.Context, leftovers []Hidden) (Vacancy, error) {
	room, err := s.sup.Room(ctx)
	if err != nil {
		return Vacancy{}, err
	}
	now, err := s.count(leftovers)
	if err != nil {
		return Vacancy{}, err
	}
	return room.vacancy(now), nil
}

// count counts what s6-svscan sees, and what is hidden and not gone.
func (s *Scandir) count(leftovers []Hidden) (census, error) {
	var now census
	names, err := s.dir.Names()
	if err != nil {
		return now, err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, ".") && s.dir.LeadsToFolder(name) {
			now.add(s.dir.LeadsToFolder(name + "/log"))
		}
	}
	for _, m := range leftovers {
		if m.Status.Supervised || m.Log.Supervised {
			now.add(m.Log.Supervised)
		}
	}
	return now, nil
}
