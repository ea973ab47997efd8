package reconcile

import (
	"slices"
	"strings"

	"hermes-reconcile/render"
)

// Assume is what a scandir holds once these service directories are applied to it and every gateway
// is as it was asked to be. Diff against it says what apply would do, as far as that can be known
// without a live scandir.
func Assume(dirs []render.Servicedir) Actual {
	a := Actual{Listening: true}
	for _, d := range dirs {
		s := Service{Name: d.Name, HasLog: true, Files: make(map[string]File, len(d.Files))}
		for _, f := range d.Files {
			s.Files[f.Path] = File{Mode: f.Mode, Data: f.Data}
		}
		s.Mark(s.Files[render.MarkerPath])
		s.AssumeStatus()
		a.Services = append(a.Services, s)
	}
	slices.SortFunc(a.Services, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	return a
}

// assumedPID stands for any process: it does not matter which.
const assumedPID = 1

// AssumeStatus supposes that the service is as its directory says. One that is what it was last
// says nothing: it is taken to be up, so that a plan names the restart that there may be.
func (s *Service) AssumeStatus() {
	up := Status{Supervised: true, PID: assumedPID, WantUp: true}
	s.Status, s.LogStatus, s.Guessed = up, up, s.Marker.Last
	if _, down := s.Files[render.DownPath]; down && !s.Guessed {
		s.Status = Status{Supervised: true, ExitCode: -1}
	}
}
