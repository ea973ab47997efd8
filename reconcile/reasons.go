package reconcile

// Reason is why something becomes of a service. Its text may change with a version, its code
// stays.
type Reason struct {
	Code ReasonCode
	Text string
}

// ReasonCode says in a word what kind of reason it is.
type ReasonCode string

const (
	ReasonNew          ReasonCode = "no-such-service"
	ReasonAbsent       ReasonCode = "not-in-manifest"
	ReasonNotOurs      ReasonCode = "not-ours"
	ReasonLeftAlone    ReasonCode = "left-alone"
	ReasonObstacle     ReasonCode = "obstacle"
	ReasonUnreadable   ReasonCode = "unreadable"
	ReasonDouble       ReasonCode = "double"
	ReasonDown         ReasonCode = "down"
	ReasonKeptDown     ReasonCode = "kept-down"
	ReasonMisplaced    ReasonCode = "displaced"
	ReasonForeignState ReasonCode = "others-hold-state"
	ReasonExposed      ReasonCode = "others-can-change"
	ReasonHalfAdopted  ReasonCode = "adoption-interrupted"
	ReasonNoLog        ReasonCode = "no-log"
	ReasonUnsupervised ReasonCode = "not-supervised"
	ReasonOrphan       ReasonCode = "other-s6-svscan"
	ReasonAccount      ReasonCode = "account-changed"
	ReasonOwed         ReasonCode = "restart-owed"
	ReasonUnderWay     ReasonCode = "restart-under-way"
	ReasonDraining     ReasonCode = "draining"
	ReasonLoggerDown   ReasonCode = "logger-down"
	ReasonLogFrozen    ReasonCode = "log-frozen"
	ReasonIsUp         ReasonCode = "is-up"
	ReasonIsDown       ReasonCode = "is-down"
	ReasonIsStopping   ReasonCode = "is-stopping"
	ReasonRunsOnce     ReasonCode = "runs-once"
	ReasonExited78     ReasonCode = "exited-78"
	ReasonExited0      ReasonCode = "exited-0"
	ReasonGuessed      ReasonCode = "state-unknown"
	ReasonWasLast      ReasonCode = "was-last"
	ReasonStateDown    ReasonCode = "state-down"
	ReasonStateUp      ReasonCode = "state-up"
	ReasonStateLast    ReasonCode = "state-last"
	ReasonChanged      ReasonCode = "changed"
	ReasonDrift        ReasonCode = "drift"
	ReasonMarker       ReasonCode = "marker-changed"
	ReasonRotated      ReasonCode = "input-changed"
	ReasonPortHeld     ReasonCode = "port-held"
)

// The reasons that several operations have.
var (
	absent    = Reason{ReasonAbsent, "not in the manifest"}
	notOurs   = Reason{ReasonNotOurs, "not ours"}
	leftAlone = Reason{ReasonLeftAlone, "left alone"}
)

// Reasons are why something becomes of a service, in the order in which to say them.
type Reasons []Reason

// Texts are the reasons as people read them.
func (r Reasons) Texts() []string {
	texts := make([]string, len(r))
	for i, reason := range r {
		texts[i] = reason.Text
	}
	return texts
}

// Codes are the reasons as programs read them.
func (r Reasons) Codes() []ReasonCode {
	codes := make([]ReasonCode, len(r))
	for i, reason := range r {
		codes[i] = reason.Code
	}
	return codes
}

// because adds a reason.
func (c *Change) because(code ReasonCode, text string) {
	c.Reasons = append(c.Reasons, Reason{code, text})
}

// reason is the code of Why.
func (o Owed) reason() ReasonCode {
	if o.Drain.Alive || o.Gateway && o.Drain.Fresh {
		return ReasonDraining
	}
	if o.Busy {
		return ReasonUnderWay
	}
	return ReasonOwed
}
