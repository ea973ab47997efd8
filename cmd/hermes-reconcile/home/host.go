package home

import (
	"errors"
	"math"
	"path"
	"strings"
	"time"

	"hermes-reconcile/render/rawjson"
)

// Host is what a gateway that serves several profiles of one account writes of itself: hermes-agent
// from 0.21 on has one for all, unless it is told otherwise.
type Host struct {
	PID      int
	Started  time.Time // its process
	Since    time.Time // what it serves is so since then, or longer
	Home     string    // that it was started with
	Profiles []string  // that it serves, its own among them
}

// HostFile is where it does that, below the home of the account. A gateway of ours has HERMES_HOME
// as that.
const HostFile = ".local/state/hermes/gateway-locks/host-gateway.json"

// ParkedFile marks a profile that hermes was told to stop. What is in it means nothing.
const ParkedFile = "gateway.parked"

// ParseHost reads a Host. Names of profiles are taken as they are, at most MaxOthers.
func ParseHost(data []byte) (Host, error) {
	var h Host
	var since string
	var started float64 // seconds since 1970
	data = []byte(strings.TrimPrefix(string(data), "\uFEFF"))
	err := rawjson.Unmarshal(data, map[string]any{
		"pid": &h.PID, "createTime": &started, "updatedAt": &since, "home": &h.Home, "profiles": &h.Profiles,
	})
	if err != nil || h.PID <= 0 {
		return Host{}, errors.New(path.Base(HostFile) + " cannot be understood")
	}
	h.Profiles = h.Profiles[:min(len(h.Profiles), MaxOthers)]
	h.Since, _ = time.Parse(time.RFC3339, since) // else it is zero: not known
	if started > 0 && started < math.MaxInt32 {
		h.Started = time.UnixMilli(int64(started * 1000))
	}
	return h, nil
}

// Launched is the profile that it was started as.
func (h Host) Launched() string {
	if above, name := path.Split(path.Clean(h.Home)); path.Base(above) == "profiles" {
		return name
	}
	return rootProfile
}

// Serves are the profiles that it serves beside its own.
func (h Host) Serves() (others []string) {
	own := h.Launched()
	for _, profile := range h.Profiles {
		if profile != own {
			others = append(others, profile)
		}
	}
	return others
}
