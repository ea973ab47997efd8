// Package reconcile makes a scandir match a set of rendered service directories. It is the only
// writer of the scandir.
//
// Open gives a Scandir; Read tells what is there; Diff compares that with what should be there and
// gives a Plan, which is plain data; Lock and Session.Apply carry a plan out.
//
// An apply has these phases. Each has a file, and apply.go has their order and the reason for it:
//
//	prepare.go       finish what an earlier apply left in the way, wait for supervisors that are coming back, plan
//	diff.go          what should be and what is -> changes with their reasons; pure
//	capacity.go      room in s6-svscan for what is new
//	stage.go         write what is new, out of sight of s6-svscan
//	pending.go       record the restarts that will be due
//	swap.go          stop what is replaced, hide what goes, rename in what comes; take it all back after an error
//	rescan.go        wake s6-svscan, and see that it has found what is new
//	update.go        bring each service to what the plan says: its files, its logger, its gateway
//	supervise.go     stop, start and restart one gateway; logger.go does the same for a logger
//	keep.go          let the down file say what the gateway is, where the manifest leaves that open
//	removal.go       wait until a hidden service has ended, and delete it
//
// read.go reads the scandir, misplaced.go finds s6-supervise processes outside their places,
// ownership.go takes back what others could change, restarts.go limits how many restart at a time,
// readiness.go waits until gateways are up or ready, operate.go starts and stops by hand. The
// packages below: dirfd changes directories, watch knows when to make a pass, fault makes errors of
// panics.
//
// What an apply has to know of earlier ones lies in the scandir, in .hermes-reconcile, whose name
// s6-svscan skips for its dot:
//
//	name       says                         written by                removed by                  after a crash
//	lock       one apply at a time          the first lock            no one                      the kernel drops the lock
//	staging/N  N is being written           stage.go                  the end of an apply         the next apply deletes it
//	hidden/I/N N is being removed           swap.go                   removal.go                  the next apply ends and deletes it
//	owed/N     a restart of N is due        pending.go, operate.go    update.go, operate.go       the next apply, or watch, makes it
//	held       nothing starts unasked       down (hold.go)            an apply by hand, or boot   watch waits for that apply
//	woken      a rescan was asked for       swap.go (hold.go)         rescan.go                   the next plan waits for its end
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
// Nothing here runs a program: what s6 does and knows comes through a Supervisor. Nothing here
// follows a symlink below the scandir or touches a directory that is neither ours nor named by the
// manifest.
package reconcile
