package reconcile

// Note is what a user should know besides the outcomes. Its text may change with a version, its
// code stays.
type Note struct {
	Code NoteCode
	Text string
}

// NoteCode says in a word what kind of note it is.
type NoteCode string

const (
	NoteKilled        NoteCode = "killed"
	NoteUnkept        NoteCode = "state-not-kept"
	NoteLeftAlone     NoteCode = "left-alone"
	NoteFormer        NoteCode = "former-supervisor"
	NoteDeaf          NoteCode = "not-told-down"
	NoteUnremoved     NoteCode = "removal-failed"
	NoteTaken         NoteCode = "changed-meanwhile"
	NoteRemovalOwed   NoteCode = "removal-owed"
	NoteLoggerEnded   NoteCode = "logger-ended"
	NoteUndeleted     NoteCode = "not-deleted"
	NoteMark          NoteCode = "rescan-not-recorded"
	NoteUnkeptHistory NoteCode = "history-not-written"
	NoteRescanned     NoteCode = "rescanned"
	NoteInputs        NoteCode = "inputs-not-recorded"
	NotePaced         NoteCode = "input-restart-waits"
)
