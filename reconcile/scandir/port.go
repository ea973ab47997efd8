//go:build linux

package scandir

import (
	"path"

	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
)

// markedPort is the port in the marker of a service that cannot be read, or 0 if that cannot be
// read either.
func (s *Scandir) markedPort(name string) int {
	d, err := s.Dir.Open(name)
	if err != nil {
		return 0
	}
	defer d.Close()
	data, err := d.Open(dataDir)
	if err != nil {
		return 0
	}
	defer data.Close()
	text, _, err := data.Read(path.Base(render.MarkerPath), reconcile.MaxFile)
	if err != nil {
		return 0
	}
	marker, err := render.ParseMarker(text)
	if err != nil {
		return 0
	}
	return marker.Port
}
