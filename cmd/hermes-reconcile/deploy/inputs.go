//go:build linux

package deploy

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"hermes-reconcile/cmd/hermes-reconcile/content"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/homes"
	"hermes-reconcile/manifest"
	"hermes-reconcile/reconcile"
	"hermes-reconcile/reconcile/inputs"
	"hermes-reconcile/reconcile/journal"
	"hermes-reconcile/reconcile/pace"
	"hermes-reconcile/render"
	"hermes-reconcile/s6ctl/process"
)

// inputLooks is what was seen, once, of the files that gateways read when they start.
type inputLooks struct {
	place    *Place
	profiles map[string]*manifest.Profile // by service: those with restart_on
	homes    *homes.Homes
	record   *journal.Inputs
	fresh    bool                    // the record was made for this look
	sights   map[string]inputs.Sight // by service
	services []reconcile.Service     // as the last plan has seen them
	paced    bool
	notes    []reconcile.Note
}

// lookAtInputs looks at the files that gateways have read. What has changed but just now may be
// half written: with settle it is looked at twice. It comes before the plan, so that a gateway that
// starts in between is not taken for one that has read what was seen.
func (d *Deployment) lookAtInputs(ctx context.Context, settle bool) {
	profiles := map[string]*manifest.Profile{}
	for i := range d.opt.Manifest.Profiles {
		if p := &d.opt.Manifest.Profiles[i]; len(p.RestartOn) > 0 {
			profiles[render.ServiceOf(p.Name)] = p
		}
	}
	d.Scandir.Rotated = nil
	if d.inputs, d.unseen = d.newInputLooks(profiles, d.opt.Homes); d.inputs == nil {
		return
	}
	if d.inputs.record == nil {
		if d.inputs.record, d.unseen = journal.NewInputs(); d.unseen != nil {
			d.inputs = nil
			return
		}
		d.inputs.fresh = true
	}
	d.inputs.paced = d.opt.Paced
	d.inputs.look(ctx)
	if settle {
		d.inputs.settle(ctx)
	}
	d.Scandir.Rotated = d.inputs.rotated
}

// newInputLooks reads what is recorded of the inputs of services; nil: there are none, or it cannot
// be read. A new record would then restart gateways because a disk has failed once.
func (p *Place) newInputLooks(
	profiles map[string]*manifest.Profile, h *homes.Homes,
) (*inputLooks, error) {
	if len(profiles) == 0 {
		return nil, nil
	}
	looks := &inputLooks{place: p, profiles: profiles, homes: h}
	j, err := p.Journal()
	if j != nil {
		defer j.Close()
		looks.record, err = j.Inputs()
	}
	if err != nil {
		return nil, err
	}
	return looks, nil
}

// look looks at all files once: at secrets as this user, and at a profile's own as its user.
func (l *inputLooks) look(ctx context.Context) {
	begin, _ := process.SinceBoot()
	limited, cancel := context.WithTimeout(ctx, l.homes.Limit)
	defer cancel()
	own := map[string]home.Inputs{}
	all := map[string]map[string]inputs.Look{}
	for service, p := range l.profiles {
		key := content.KeyOf(l.record.Key, "profile "+p.Name)
		all[service] = map[string]inputs.Look{}
		for _, r := range p.RestartOn {
			if r == manifest.RotatedSecrets {
				all[service] = lookAtSecrets(limited, key, p)
				continue
			}
			files := append(own[p.Name].Files, string(r))
			own[p.Name] = home.Inputs{Files: files, Key: key}
		}
	}
	l.lookAtHomes(ctx, own, all)
	end, _ := process.SinceBoot()
	l.sights = map[string]inputs.Sight{}
	for service, looks := range all {
		l.sights[service] = inputs.Sight{Begin: begin, End: end, Looks: looks}
	}
}

// lookAtSecrets looks at the files that the run script of a profile opens. Their disk may not
// answer, which is no reason to wait.
func lookAtSecrets(ctx context.Context, key []byte, p *manifest.Profile) map[string]inputs.Look {
	looks := map[string]inputs.Look{}
	for _, s := range p.Secrets {
		looks["secret "+s.Name] = soon(ctx, func() inputs.Look { return content.Secret(key, s.File) })
	}
	for _, file := range p.EnvFiles {
		looks["env_file "+file] = soon(ctx, func() inputs.Look { return content.Variables(key, file) })
	}
	if p.SecretsDir != "" {
		looks["secrets_dir"] = soon(ctx, func() inputs.Look { return content.Folder(key, p.SecretsDir) })
	}
	return looks
}

// soon is a look, or a fault if it takes too long. Such a look is not ended.
func soon(ctx context.Context, look func() inputs.Look) inputs.Look {
	seen, err := pace.WithinLimit(ctx, func() (inputs.Look, error) { return look(), nil })
	switch {
	case errors.Is(err, reconcile.ErrInterrupted):
		return inputs.Look{Fault: home.ErrSilent.Error()}
	case err != nil:
		return inputs.Look{Fault: err.Error()}
	}
	return seen
}

// lookAtHomes has the users of profiles look at these files.
func (l *inputLooks) lookAtHomes(
	ctx context.Context, own map[string]home.Inputs, all map[string]map[string]inputs.Look,
) {
	answer := l.homes.Ask(ctx, slices.Sorted(maps.Keys(own)), func(theirs []string) home.Request {
		wanted := map[string]home.Inputs{}
		for _, p := range theirs {
			wanted[p] = own[p]
		}
		return home.Request{Inputs: wanted}
	})
	for profile, wanted := range own {
		looks := all[render.ServiceOf(profile)]
		for _, file := range wanted.Files {
			look, told := answer.Inputs[profile][file]
			if !told {
				look.Fault = cmp.Or(answer.Found[profile].Unknown, "it was not looked at")
			}
			looks[file] = look
		}
	}
}

// settleAge is for how long a file may be written still. It is that of a manifest.
const settleAge = 2 * time.Second

// changing is the fault of a file that differed at two looks.
const changing = "it keeps changing"

// settle looks a second time where something has changed but just now.
func (l *inputLooks) settle(ctx context.Context) {
	fresh, clock := map[string][]string{}, time.Now()
	for service, sight := range l.sights {
		if names := l.record.Gateways[service].Fresh(sight, clock, settleAge); len(names) > 0 {
			fresh[service] = names
		}
	}
	if len(fresh) == 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(settleAge):
	}
	before := l.sights
	l.look(ctx)
	for service, names := range fresh {
		for _, name := range names {
			look := l.sights[service].Looks[name]
			if look.Fault == "" && look.Digest != before[service].Looks[name].Digest {
				l.sights[service].Looks[name] = inputs.Look{Fault: changing}
			}
		}
	}
}

// rotated are the files that gateways have read, and that hold something else now, by service.
func (l *inputLooks) rotated(services []reconcile.Service) map[string][]string {
	l.services, l.notes = services, nil
	all := map[string][]string{}
	now, _ := process.SinceBoot()
	for i := range services {
		s := &services[i]
		if l.profiles[s.Name] == nil {
			continue
		}
		g := l.record.Gateways[s.Name]
		life := l.place.nowOf(s)
		_, names := g.Judge(life, l.sights[s.Name])
		if len(names) == 0 {
			continue
		}
		// One that is under way, as while the gateway drains, goes on.
		if wait := g.Pace.Wait(now, ownFiles(names)); l.paced && wait > 0 && g.Pace.Asked != life.Life {
			l.notes = append(l.notes, reconcile.Note{Code: reconcile.NotePaced, Text: fmt.Sprintf(
				"%s: %s changed again: the restart for that waits until %s (an apply makes it at once)",
				s.Name, strings.Join(names, ", "), time.Now().Add(wait).Format(time.TimeOnly))})
			continue
		}
		all[s.Name] = names
	}
	return all
}

// ownFiles reports whether the gateway itself may have changed all of these.
func ownFiles(names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		return name != string(manifest.RotatedDotenv) && name != string(manifest.RotatedConfig)
	})
}

// nowOf is what the gateway of a service is, as far as that shows what it has read.
func (p *Place) nowOf(s *reconcile.Service) inputs.Now {
	status := s.Status
	switch {
	case !s.Owned || s.Fault != nil || s.Guessed || !status.Supervised:
		return inputs.Now{}
	case status.PID == 0 && reconcile.HasEnded(status, false):
		return inputs.Now{
			Life: inputs.Life{Died: status.Since.UnixNano()}, Reads: true, Before: status.Since,
		}
	case status.PID == 0:
		return inputs.Now{}
	}
	// A look may fail for once, which must not pass for a gateway that has ended.
	start := cmp.Or(p.Sup.Started(status.PID), p.Sup.Started(status.PID))
	age := cmp.Or(p.Sup.Age(status.PID), p.Sup.Age(status.PID))
	if start == 0 || age == 0 {
		return inputs.Now{}
	}
	life := inputs.Life{PID: status.PID, Start: start}
	now := inputs.Now{
		Life: life, Start: process.StartTime(life.Start), Before: time.Now().Add(-age),
		Reads: p.Sup.Phase(s.Name, status.PID) == reconcile.PhaseRunning,
	}
	if s.LastStarted == [2]int{life.PID, life.Start} {
		if began := p.S6.Began(s.Name); !began.IsZero() {
			now.Before = began
		}
	}
	return now
}

// recordInputs records what gateways have read, and what was seen before those start that are about
// to. What cannot be recorded is a note: times still show what a gateway has read.
func (d *Deployment) recordInputs(lock *journal.Lock, plan reconcile.Plan) []reconcile.Note {
	l := d.inputs
	if l == nil {
		return nil
	}
	before, err := lock.Inputs()
	switch {
	case err == nil && l.fresh && before == nil:
		before = l.record
	case err == nil && (before == nil || !bytes.Equal(before.Key, l.record.Key)):
		return l.notes // another command has begun anew: what was seen cannot be compared
	}
	if err == nil {
		next := *before
		next.Gateways = l.next(before, plan)
		if l.fresh || !reflect.DeepEqual(next.Gateways, before.Gateways) {
			err = lock.RecordInputs(&next)
		}
		l.record, l.fresh = &next, false
	}
	if err != nil {
		return append(l.notes, reconcile.Note{Code: reconcile.NoteInputs, Text: fmt.Sprintf(
			"what gateways have read of their files cannot be recorded: %v", err)})
	}
	return l.notes
}

// next is what is to be recorded, with the restarts that watch plans.
func (l *inputLooks) next(before *journal.Inputs, plan reconcile.Plan) map[string]inputs.Gateway {
	all := map[string]inputs.Gateway{}
	now, _ := process.SinceBoot()
	for i := range l.services {
		s := &l.services[i]
		if l.profiles[s.Name] == nil {
			continue
		}
		life := l.place.nowOf(s)
		g, _ := before.Gateways[s.Name].Judge(life, l.sights[s.Name])
		if l.paced && restartsFor(plan, s.Name) {
			g.Pace = g.Pace.Restarts(life.Life, now)
		}
		all[s.Name] = g
	}
	for service := range l.profiles { // those that are made now
		if _, there := all[service]; !there {
			all[service], _ = before.Gateways[service].Judge(inputs.Now{}, l.sights[service])
		}
	}
	return all
}

// restartsFor reports whether a plan starts a gateway anew for its files.
func restartsFor(plan reconcile.Plan, service string) bool {
	return slices.ContainsFunc(plan.Changes, func(c reconcile.Change) bool {
		return c.Service == service && slices.Contains(c.Reasons.Codes(), reconcile.ReasonRotated)
	})
}

// UnseenInputs says which files could not be compared with what gateways have read, and why.
func (d *Deployment) UnseenInputs() (all []string) {
	if d.unseen != nil {
		return []string{fmt.Sprintf("gateways: what they have read is not known: %v", d.unseen)}
	}
	if d.inputs == nil {
		return nil
	}
	for _, service := range slices.Sorted(maps.Keys(d.inputs.sights)) {
		looks := d.inputs.sights[service].Looks
		for _, name := range slices.Sorted(maps.Keys(looks)) {
			if why := looks[name].Fault; why != "" && why != changing {
				all = append(all, fmt.Sprintf("%s: %s: %s", service, name, why))
			}
		}
	}
	return all
}

// RotatedOf are the files that hold something else now than gateways have read, by service. It
// looks at services with directories that say that this matters. The manifest, if there is one,
// names the files; root opens none that only another user's scandir names.
func (p *Place) RotatedOf(
	ctx context.Context, m *manifest.Manifest, services []reconcile.Service,
) map[string][]string {
	profiles := map[string]*manifest.Profile{}
	var theirs []reconcile.Service
	for _, s := range services {
		if !strings.Contains(s.Marker.Manifest, "restart_on") {
			continue
		}
		var profile *manifest.Profile
		if m != nil {
			profile = m.Profile(render.ProfileOf(s.Name))
		} else if os.Geteuid() != 0 || p.Owner() == 0 {
			profile = homes.AppliedProfile(s)
		}
		if profile != nil && len(profile.RestartOn) > 0 {
			profiles[s.Name], theirs = profile, append(theirs, s)
		}
	}
	if len(profiles) == 0 {
		return nil
	}
	h, _ := p.HomesOf(m, theirs)
	looks, err := p.newInputLooks(profiles, h)
	if err != nil || looks == nil || looks.record == nil {
		return nil
	}
	looks.look(ctx)
	return looks.rotated(services)
}
