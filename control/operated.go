package control

// Operated is the server that commands are about. Safe for concurrent use.
type Operated interface {
	Status() Status
	Rooms() []Room // by number
	Links() []Link // in the order of the configuration

	// Kick hangs up a call that is in a room. again: that had been asked for before, and it is not over yet. One that has left is no error.
	Kick(room, call string) (again bool)
	// Silence keeps a room from hearing one call, or lets it hear it again. False: it is not in the room (any more).
	Silence(room, call string, silent bool) (Silenced, bool)
}

// Silenced is what has become of a call's mute.
type Silenced struct {
	Already bool // it was so before
	Muted   bool // he has muted himself, whatever else there is: only he undoes that
}
