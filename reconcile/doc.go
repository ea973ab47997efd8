// Package reconcile makes a scandir match a set of rendered service directories. It and the
// packages below it are the only writers of the scandir.
//
// This package is the pure part: what is (Actual), what is to become of it (Plan) and why, and what
// became of it (Result), as plain data; Diff leads from one to the next. It opens, starts and waits
// for nothing. Data flows down this list, and no package imports one below it:
//
//	actual.go        what a scandir holds; displaced.go: supervisors that work outside their places
//	state.go         what a gateway is, in a word, from one look at it
//	diff.go          what should be and what is -> changes with their reasons
//	wanted.go        up, down, or as it was last; ports.go: which gateway waits for a port of another
//	plan.go          a plan, its changes, and what became of them; errors.go: why not; digest.go: what tells plans apart;
//	                 select.go: a part of one
//	rotated.go       a gateway whose files hold something else than what it has read
//	drain.go         a gateway that is asked to end its work before it is stopped
//	capacity.go      how many services s6-svscan has room for
//	supervisor.go    what all of this needs of s6
//	servicetree/     service directories in a plain folder, for a look or an image
//	pace/            waits, with limits that count from when something has moved last
//	inputs/          which content of its files a gateway has read, and whether they still hold that
//	liveness/        what looks at a gateway that serves have seen, and what follows
//	journal/         the dot directory in the scandir: journal/lock.go, journal/records.go, journal/marks.go,
//	                 journal/history.go, journal/counts.go, journal/inputs.go
//	ownership/       which user may change what in a service directory, and taking it back
//	scandir/         reads what is; scandir/misplaced.go finds s6-supervise processes outside their places
//	operate/         stops, starts and restarts one live service, by hand, too; waits until it is ready
//	turns/           lets so many gateways restart at a time
//	circle/          says which of those that pass ports to each other go on now
//	apply/           carries a plan out
//
// Beside them stand dirfd, which changes directories, watch, which knows when to make a pass,
// fault, which makes errors of panics, and testkit, for tests.
//
// An apply has these phases. Each has a file, and apply/apply.go has their order and the reason for
// it:
//
//	apply/prepare.go       finish what an earlier apply left in the way, wait for supervisors that are coming back, plan
//	apply/room.go          room in s6-svscan for what is new
//	apply/stage.go         write what is new, out of sight of s6-svscan
//	apply/pending.go       record the restarts that will be due
//	apply/misplaced.go     end what runs outside its place
//	apply/swap.go          stop what is replaced, hide what goes, rename in what comes; take it all back after an error
//	apply/rescan.go        wake s6-svscan, and see that it has found what is new
//	apply/drain.go         ask gateways to end that have to be asked, and let the rest of what is done to them wait
//	apply/update.go        bring each service to what the plan says: its files, its logger, its gateway
//	apply/restarts.go      at most so many restarts at a time, by turns
//	apply/ownership.go     give each gateway's user its control, and take back what others could change
//	apply/keep.go          let the down file say what the gateway is, where the manifest leaves that open
//	apply/removal.go       wait until a hidden service has ended, and delete it
//
// What an apply has to know of earlier ones lies in the scandir, in .hermes-reconcile. s6-svscan
// skips that name for its dot:
//
//	name       says                   written by                          removed by                          after a crash
//	lock       who has it, since when the first change (journal/lock.go)  nothing                             the kernel drops the lock
//	staging/N  N is being written     apply/stage.go                      the end of an apply                 the next apply deletes it
//	hidden/I/N N is being removed     apply/swap.go                       apply/removal.go                    the next apply ends and deletes it
//	owed/N     a restart of N is due  apply/pending.go, operate/operate.go  apply/update.go, start and stop   the next apply, or watch, makes it
//	held       nothing starts unasked down (journal/marks.go)             an apply by hand, or boot           watch waits for that apply
//	start/     who may start: locks     data/turn of services               no apply                             the kernel drops the locks
//	woken      a rescan was asked for apply/swap.go (journal/marks.go)    apply/rescan.go                     the next plan waits for its end
//	history/I  a manifest was applied journal/history.go, before it is    journal/history.go, 20 later        it says "begun"; the same manifest again ends it
//	canary     a manifest is tried on some  journal/counts.go, before it is     the apply that tries it, the next by hand, or watch once it has changed  watch leaves them alone; boot takes it back
//	turns      who restarts by turns  journal/counts.go, before it is     watch, when all are back            watch goes on with those turns
//	inputs     which content gateways have read  journal/inputs.go, before what an apply does  nothing   it is as before: nothing is taken for read that may not have been
//	rolledback a manifest was taken back  journal/counts.go, before it is  an apply of it by hand, or watch once it has changed  watch and boot finish the way back
//
// owed/N says, too, which process of a gateway was asked to end before it is stopped, and since
// when: apply/drain.go and operate/drain.go write it before they send the signal. After a crash the
// next apply goes on from there. The scripts in a service directory find that process in
// data/draining.
//
// What a gateway is, is said by Look.State alone, from one look at what s6 and the kernel know:
//
//	         start              script is through       answers
//	 down ----------> starting --------------------> up --------> ready
//	  ^                 ^   ^                         |             |
//	  | it is down      |   | after a second,         +------+------+
//	  |                 |   | at most two deaths             |
//	stopping            |   +------------- dies -------------+
//	  ^                 |                                    |
//	  | stop            | the pause       third death        |
//	  |                 | is over         in a row           | exits 78
//	any that runs       |                    |               v
//	                    +-- backing off <----+             ended
//	                        then: crash loop, until it has run
//	                        for longer than before
//
// One that is up or ready, and is asked to end first, is draining until it has ended or its time is
// over; then it is starting, stopping or down.
//
// Nothing here runs a program: what s6 does and knows comes through a Supervisor. Nothing here
// follows a symlink below the scandir or touches a directory that is neither ours nor named by the
// manifest.
package reconcile
