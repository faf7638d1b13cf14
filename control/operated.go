package control

import "time"

// Operated is the server that commands are about. Safe for concurrent use.
type Operated interface {
	Status() Status
	Rooms() []Room // by number
	Links() []Link // in the order of the configuration

	// Kick hangs up a call that is in a room. again: that had been asked for before, and it is not over yet. One that has left is no error.
	Kick(room, call string) (again bool)
	// Silence keeps a room from hearing one call, or lets it hear it again. False: it is not in the room (any more).
	Silence(room, call string, silent bool) (Silenced, bool)

	// Upgrade has another process take over, with every call, and says how that went, or, if nobody waits, that it has begun. After an error
	// everything goes on, and From is who goes on.
	Upgrade(wait bool) (Upgraded, error)
	// Drain takes no new calls any more but to rooms that live, and ends the server with its last call, or after some time; 0: not before that.
	Drain(within time.Duration) Draining
}

// Silenced is what has become of a call's mute.
type Silenced struct {
	Already bool // it was so before
	Muted   bool // he has muted himself, whatever else there is: only he undoes that
}
