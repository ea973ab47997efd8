package reconcile

import (
	"fmt"
	"sort"

	"hermes-reconcile/s6ctl/seen"
)

// Room is what the s6-svscan on a scandir can take, and what it has.
type Room seen.Svscan

// s6-svscan keeps both ends of each logger's pipe open, and needs some files for itself: its
// standard ones, its lock and FIFO, the scandir while it reads it, and what it takes to start a
// process.
const (
	filesPerLogged = 2
	filesOfItsOwn  = 20
)

// Census counts services as s6-svscan does.
type Census struct{ Services, Loggers int }

// Add counts a service. A logger takes a place of its own in s6-svscan's table.
func (c *Census) Add(logged bool) {
	c.Services++
	if logged {
		c.Loggers++
	}
}

// Plus adds others.
func (c *Census) Plus(others Census) {
	c.Services += others.Services
	c.Loggers += others.Loggers
}

// slots is how many of its places they take.
func (c Census) slots(room Room) int {
	if room.CountsLoggers {
		return c.Services + c.Loggers
	}
	return c.Services
}

// Fits reports whether there is room for what is there, less what goes, and what comes.
func (room Room) Fits(now, comes, goes Census) error {
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
	more = comes.Loggers - goes.Loggers
	if most := (room.MaxFiles - filesOfItsOwn) / filesPerLogged; room.MaxFiles > 0 &&
		now.Loggers+more > most {
		return &RoomError{
			fmt.Sprintf(
				"s6-svscan may open %d files, enough for %d services with a logger (ulimit -n)",
				room.MaxFiles, most),
			now.Loggers,
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

// Vacancy is how many services the s6-svscan on a scandir has, and can take.
type Vacancy struct {
	Services      int // with a logger as one of its own where those count
	Limit         int // of that number
	CountsLoggers bool
	More          int   // gateways with a logger that it can still take
	Err           error // why not one more
}

// Vacancy is what room is left beside what is there now.
func (room Room) Vacancy(now Census) Vacancy {
	fits := func(n int) error { return room.Fits(now, Census{n, n}, Census{}) }
	more := sort.Search(room.MaxServices, func(n int) bool { return fits(n+1) != nil })
	return Vacancy{
		Services: max(now.slots(room), room.supervisors()), Limit: room.MaxServices,
		CountsLoggers: room.CountsLoggers, More: more, Err: fits(more + 1),
	}
}
