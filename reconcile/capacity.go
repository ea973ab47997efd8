//go:build linux

package reconcile

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Room is what the s6-svscan on a scandir can take, and what it has.
type Room struct {
	// MaxServices is how many services it takes; from s6 2.12 on a logger counts, too.
	MaxServices   int
	CountsLoggers bool
	MaxName       int // longest name, in bytes, that it does not ignore; 0: any
	MaxFiles      int // its limit of open files; 0: unknown
	Supervisors   int // s6-supervise processes that it has now
}

// s6-svscan keeps both ends of each logger's pipe open, and needs some files for itself: its
// standard ones, its lock and FIFO, the scandir while it reads it, and what it takes to start a
// process.
const (
	filesPerLogged = 2
	filesOfItsOwn  = 20
)

// census counts services as s6-svscan does.
type census struct{ services, loggers int }

func (c *census) add(logged bool) {
	c.services++
	if logged {
		c.loggers++
	}
}

// slots is how many of its places they take.
func (c census) slots(room Room) int {
	if room.CountsLoggers {
		return c.services + c.loggers
	}
	return c.services
}

// checkRoom refuses a plan that s6-svscan has no room for. A scan adds before it removes, so what
// goes counts until it is gone; where only the rest would fit, what goes has to go first.
func (r *applier) checkRoom(ctx context.Context) error {
	if !r.listening || r.opt.NoRescan || !slices.ContainsFunc(r.jobs, (*job).appears) {
		return nil
	}
	room, err := r.sup.Room(ctx)
	if err != nil {
		return err
	}
	now, err := r.count(r.plan.Leftovers)
	if err != nil {
		return err
	}
	var comes, goes census
	for _, j := range r.jobs {
		if j.appears() {
			if room.MaxName > 0 && len(j.Service) > room.MaxName {
				return &NameError{j.Service, room.MaxName}
			}
			comes.add(true)
		}
		if j.hides() {
			goes.add(j.actual.HasLog)
		}
	}
	if room.fits(now, comes, census{}) == nil {
		return nil
	}
	r.tight = true
	return room.fits(now, comes, goes)
}

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
	fits := func(n int) error { return room.fits(now, census{n, n}, census{}) }
	more := sort.Search(room.MaxServices, func(n int) bool { return fits(n+1) != nil })
	return Vacancy{
		Services: max(now.slots(room), room.supervisors()), Limit: room.MaxServices,
		CountsLoggers: room.CountsLoggers, More: more, Err: fits(more + 1),
	}, nil
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

// fits reports whether there is room for what is there, less what goes, and what comes.
func (room Room) fits(now, comes, goes census) error {
	have := max(now.slots(room), room.supervisors())
	more := comes.slots(room) - goes.slots(room)
	if have+more > room.MaxServices {
		limit := fmt.Sprintf("s6-svscan takes %d services (its option -c)", room.MaxServices)
		if room.CountsLoggers {
			limit = fmt.Sprintf(
				"s6-svscan takes %d services, each logger counting as one (its option -C)",
				room.MaxServices)
		}
		return &RoomError{limit, have, more}
	}
	more = comes.loggers - goes.loggers
	if most := (room.MaxFiles - filesOfItsOwn) / filesPerLogged; room.MaxFiles > 0 &&
		now.loggers+more > most {
		return &RoomError{
			fmt.Sprintf(
				"s6-svscan may open %d files, enough for %d services with a logger (ulimit -n)",
				room.MaxFiles, most),
			now.loggers,
			more,
		}
	}
	return nil
}

// supervisors is how many places its processes take, those of services on their way out included.
// Before 2.12 a logger's process takes none, and which is which cannot be counted.
func (room Room) supervisors() int {
	if room.CountsLoggers {
		return room.Supervisors
	}
	return 0
}

// makeRoom removes what goes before anything comes, with a rescan of its own. From then on there is
// no way back.
func (r *applier) makeRoom(ctx context.Context) error {
	if !r.tight {
		return nil
	}
	if err := r.hideAll(); err != nil {
		return err
	}
	if err := r.sup.Rescan(ctx, true); err != nil {
		return err
	}
	r.reversals = slices.DeleteFunc(r.reversals, func(u reversal) bool { return u.hides })
	r.note("rescanned once more: what goes had to go before there was room for what comes")
	r.finishRemovals(ctx)
	r.collectRemovals()
	r.removals = nil
	for _, j := range r.jobs {
		if j.hidden && j.err != nil {
			return fmt.Errorf("%s does not go: %w", j.Service, j.err)
		}
	}
	return nil
}
