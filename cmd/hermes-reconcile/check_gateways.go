//go:build linux

package main

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"

	"hermes-reconcile/cmd/hermes-reconcile/accounts"
	"hermes-reconcile/cmd/hermes-reconcile/doctor"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl"
)

// ports looks who listens on the ports of gateways: those of the manifest, and of services that it
// does not name.
func (c *checkup) ports(ctx context.Context) ([]explain.Finding, error) {
	byProfile := map[string]doctor.Port{}
	sockets := doctor.Sockets{Services: map[int]string{}}
	for _, g := range c.gateways {
		sockets.Services[g.PID] = g.Service
		up := g.PID != 0 || g.Wanted == string(manifest.StateUp)
		byProfile[g.Profile] = doctor.Port{
			Number:  g.Port,
			Profile: g.Profile,
			Wanted:  up,
			PID:     g.PID,
			Since:   g.Status.Since,
		}
	}
	if c.manifest != nil {
		for _, p := range c.manifest.Profiles {
			port := byProfile[p.Name]
			port.Number, port.Profile = p.Port, p.Name
			port.Wanted = p.State == manifest.StateUp ||
				p.State == manifest.StateLast && port.PID != 0
			byProfile[p.Name] = port
		}
	}
	delete(sockets.Services, 0)
	var ports []doctor.Port
	for _, profile := range slices.Sorted(maps.Keys(byProfile)) {
		if byProfile[profile].Number != 0 {
			ports = append(ports, byProfile[profile])
		}
	}
	if len(ports) == 0 {
		return doctor.JudgePorts(nil, sockets, c.now), nil
	}
	sockets.Listeners, sockets.Err = s6ctl.Listeners(s6ctl.ThisHost())
	sockets.Listeners = c.completed(ctx, sockets.Listeners, ports)
	return doctor.JudgePorts(ports, sockets, c.now), nil
}

// all looks at the gateways.
func (c *checkup) all(ctx context.Context) ([]explain.Finding, error) {
	if c.scandirErr != nil {
		return nil, errScandirUnread
	}
	c.readRefusals(ctx)
	return doctor.JudgeGateways(c.gateways, c.actual.Listening, c.now), nil
}

// strays looks for processes that have outlived their gateways. The gateway of a supervisor that
// was killed is another matter, and told of as such.
func (c *checkup) strays(ctx context.Context) []explain.Finding {
	if c.scandirErr != nil {
		return nil
	}
	running := map[string]int{}
	for _, g := range c.gateways {
		running[g.Service] = g.PID
	}
	byUID := map[uint32]accounts.Account{}
	for _, name := range c.users() {
		who := accounts.LookUp(name)
		byUID[who.UID] = who
	}
	all := s6ctl.Strays(s6ctl.ThisHost(), c.path, running, func(uid uint32) (seen map[int]string) {
		if who, known := byUID[uid]; known && uid != 0 && os.Geteuid() == 0 {
			_ = ask(ctx, who, lookAtMarks, &seen) // what cannot be seen is not told
		}
		return seen
	})
	byProfile := map[string][]s6ctl.Stray{}
	for _, s := range all {
		former := func(d reconcile.Displaced) bool { return d.Former }
		if !slices.ContainsFunc(c.actual.DisplacedOf(s.Service), former) {
			profile := strings.TrimPrefix(s.Service, render.Prefix)
			byProfile[profile] = append(byProfile[profile], s)
		}
	}
	return doctor.JudgeStrays(byProfile)
}

// commands are the commands of gateways by profile: as the manifest says, else as they were
// applied.
func (c *checkup) commands() map[string][]string {
	commands := map[string][]string{}
	for _, p := range c.profiles() {
		commands[p.Name] = p.Command
	}
	return commands
}
