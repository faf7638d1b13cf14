package links

import (
	"slices"
	"strings"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// A far side may be a conference server like ours that has a link to our room. Both may have people, and both may dial; then there were two calls,
// and everybody would hear himself. So a call that comes from the far side of a link takes the link's place, unless ours is there already, and
// as it is no person it keeps nothing alive. By our mark we know whose call it is; where a PBX in between has taken that away, by the number.

// Meeting is what becomes of a call that has come for a room.
type Meeting struct {
	Link    bool          // it is another conference's line, and no person
	Refused bool          // the link has a call already, and two would make a circle
	Known   bool          // it is of the far side of a link of this room, which sees to all else
	Lost    time.Duration // of that link
}

// Incoming is a call that has come in; *sip.Call is one.
type Incoming interface {
	ID() string
	Done() <-chan struct{} // closed when it is over
}

// Meet is told of a call that has come for a room, before it is answered. To be told of the same call again, as in another process, changes nothing.
func (l *Links) Meet(room, number string, mark dialout.Mark, call Incoming) Meeting {
	k := l.far(room, number, mark)
	if k == nil {
		return Meeting{Link: mark.Link && len(l.inRoom[room]) > 0} // else there is nothing that it could keep alive
	}
	m := Meeting{Link: true, Known: true, Lost: k.link.Lost}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case k.meets() && k.met.ID() == call.ID():
		return m
	case k.meets(), k.status.State == SendingDigits, k.status.State == Up, k.status.State == Ending:
		m.Refused = true
		return m
	case (k.giveUp != nil && k.status.State != WaitingForLine || k.invite != "") && !l.yieldsTo(mark):
		k.crossed = true
		m.Refused = true
		return m
	}
	k.met = call
	if k.giveUp != nil {
		k.giveUp(errYield)
	}
	k.rouse()
	return m
}

// far is the link whose far side has called; nil: it is of none.
func (l *Links) far(room, number string, mark dialout.Mark) *keeper {
	keepers := l.inRoom[room]
	i := slices.IndexFunc(keepers, func(k *keeper) bool { return k.calledFrom(number) || mark.Link && k.leadsTo(mark.Room) })
	if i < 0 {
		return nil
	}
	return keepers[i]
}

// calledFrom says whether that is the number of the far side.
func (k *keeper) calledFrom(number string) bool {
	key := k.links.cfg.Dialer.Rules().Key
	if key(number) == "" {
		return false
	}
	if len(k.link.From) == 0 {
		return key(number) == k.key
	}
	return slices.ContainsFunc(k.link.From, func(from string) bool { return key(from) == key(number) })
}

// leadsTo says whether the link leads to a room of that number at the far side: it is what is dialled, or the end of that behind a prefix, or
// what is pressed then.
func (k *keeper) leadsTo(room string) bool {
	return room != "" && (strings.HasSuffix(k.link.Number, room) || strings.Trim(k.script.Keys(), "#*") == room)
}

// yieldsTo says which of two servers gives up its call when both are dialling: the one whose name is the greater. Whose name is not
// known is refused; if both refuse, both dial again, each at some time.
func (l *Links) yieldsTo(mark dialout.Mark) bool {
	return mark.Instance != "" && mark.Instance < l.cfg.Dialer.Instance()
}

// metBy is closed when the call of the far side is over; nil: there is none.
func (k *keeper) metBy() <-chan struct{} {
	k.links.mu.Lock()
	defer k.links.mu.Unlock()
	if !k.meets() {
		return nil
	}
	return k.met.Done()
}

// meets says whether the far side has called, and that call is not over. The lock is held.
func (k *keeper) meets() bool {
	if k.met == nil {
		return false
	}
	select {
	case <-k.met.Done():
		k.met = nil
		return false
	default:
		return true
	}
}
