package attendant

import (
	"cmp"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/rooms/menu"
)

// Rights are those of a person, and a person is a number: behind a PBX a transfer puts somebody else on the same call.

// judge takes note of who is on the call, and so of what he may do and in which language he is told things. Whom we have called is judged by the
// number that was dialled, for what the other side says who has answered is only its word; and if it says another number later, he
// is nobody who has rights. Whose call with somebody else was taken over never is: by what was dialled only that call was found.
func (a *attendant) judge(number string) {
	same, called := number == a.first, a.dialled != ""
	known := number
	if called && same {
		known = a.known
	}
	a.number, a.lang = number, a.office.cfg.Language(a.room, cmp.Or(known, number))
	a.host = (same || !called) && known != "" && a.office.cfg.Hosts(known) || same && a.convenes
	a.p.SetHost(a.host)
	a.p.SetNotices(a.office.notices(a.lang))
}

// knownBy is the number by which somebody is judged who was brought in: the one that was dialled; his own, if he has picked up at another telephone, which
// has called us; none, if a call was taken over.
func knownBy(call Call, r dialout.Result) string {
	if r.Taken {
		return ""
	}
	if other, ok := call.(interface{ Incoming() bool }); ok && other.Incoming() {
		_, number := call.Caller()
		return number
	}
	return r.Number
}

// renamed looks who is on the call now. What somebody else has begun to type is not his.
func (a *attendant) renamed() {
	name, number := a.call.Caller()
	a.p.Rename(name, number)
	if number == a.number {
		return
	}
	a.log.Info("somebody else is on the call", "number", number, "before", a.number)
	a.judge(number)
	a.typed, a.forgiven = menu.State{}, false
	a.tellBack()
}

// lookWhoItIs does that before a key is taken: it may be that of somebody who has just been put on the call.
func (a *attendant) lookWhoItIs() {
	select {
	case <-a.call.Renamed():
		a.renamed()
	default:
	}
}
