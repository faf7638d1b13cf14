package attendant

import (
	"context"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// task is what somebody is doing besides being in the room. The words are in images.
type task string

const (
	nothing      task = ""
	lookingFor   task = "looking up"   // a group is being looked up for him; number is its
	missing      task = "missing"      // those of his groups who are not here are
	parting      task = "parting"      // he is told that there is no such group, and hung up then
	collecting   task = "collecting"   // he dials a number
	calling      task = "calling"      // it is being dialled
	asking       task = "asking"       // he waits until his guest presses 1
	consulting   task = "consulting"   // he talks to his guest, whom nobody else hears
	disappointed task = "disappointed" // he hears why nobody has come
	asked        task = "asked"        // he is a guest, and asked to press 1
)

// doing is what somebody is doing who has to wait meanwhile, as far as it has come: enough for another process to go on with it, or to begin
// what nobody has noticed yet once more. The zero value is nothing. Owned by the goroutine that serves him, and that of a guest by whoever asks him.
type doing struct {
	task    task
	number  string // that he dials, as far as it has come; or a group's
	until   time.Time
	guest   *guest          // whom he brings in, or who is heard before that is clear
	out     string          // the ID of the INVITE that is out for him; empty: none is yet
	hears   hearing         // while it is
	givenUp bool            // he does not wait for it any more
	outcome dialout.Outcome // that he hears
	said    bool            // the tone is over, and it is being said in words
}

// goOn goes on with what somebody was doing when the process before wrote it down.
func (a *attendant) goOn(ctx context.Context) {
	switch a.doing.task {
	case lookingFor:
		a.lookGroupUp(ctx)
	case parting:
		a.sendAway()
	case missing:
		a.callMissing(ctx)
	case collecting, calling, asking, consulting, disappointed:
		a.bringIn(ctx)
	}
}
