package links

import (
	"cmp"
	"context"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// Image is the links written down for another process. Plain data, for encoding/gob.
type Image struct {
	Links  []LinkImage
	Panics uint64
}

// LinkImage is one of them. The link with this room and number goes on from there, whatever else of its configuration has changed. Plain data, for
// encoding/gob.
type LinkImage struct {
	Room, Number string

	State     State
	Since     time.Time
	Until     time.Time // of BackingOff
	Cause     string    // why it failed last
	Call      string    // the ID of its call; of Up and Ending
	Invite    string    // the ID of its INVITE that is out; of Dialling and Ringing
	Crossed   bool      // the far side has called meanwhile, and was refused
	Met       string    // the ID of the call by which the far side has called; empty: there is none
	Attempts  uint64
	Connected uint64
	Lost      uint64

	Conference dialout.Room // with which it was to be connected last
	Step       int          // how far its waits have grown
	Ending     EndImage     // why its call ends; of Ending
}

// EndImage is how a call of a link has ended. Plain data, for encoding/gob.
type EndImage struct {
	Cause      string
	Up         time.Duration
	Deliberate bool
	Yielded    bool
	Crossed    bool
}

func (e end) save() EndImage { return EndImage{e.cause, e.up, e.deliberate, e.yielded, e.crossed} }

func (im EndImage) restore() end { return end{im.Cause, im.Up, im.Deliberate, im.Yielded, im.Crossed} }

// Save writes the links down. Only while they are paused.
func (l *Links) Save() *Image {
	l.mu.Lock()
	defer l.mu.Unlock()
	im := &Image{Panics: l.panics.Load()}
	for _, k := range l.keepers {
		im.Links = append(im.Links, k.save())
	}
	return im
}

// save writes a link down. The lock is held.
func (k *keeper) save() LinkImage {
	s := &k.status
	im := LinkImage{
		Room: k.link.Room, Number: k.link.Number, State: s.State, Since: s.Since, Until: s.Until, Cause: s.Cause, Call: s.Call,
		Attempts: s.Attempts, Connected: s.Connected, Lost: s.Lost, Conference: k.room, Step: k.waits.step, Ending: k.ending.save(),
	}
	im.Invite, im.Crossed = k.invite, k.crossed
	if k.giveUp != nil && k.invite == "" { // it waits to be dialled, and is so when it goes on
		im.Attempts--
	}
	if k.meets() {
		im.Met = k.met.ID()
	}
	return im
}

// former is what a link did in the process before.
type former struct {
	state  State
	since  time.Time
	until  time.Time
	call   Call   // nil: there is none, or it is over
	invite string // the ID of its INVITE that is out; empty: none is
}

// restore takes over what another process has left. In New.
func (l *Links) restore(im *Image) {
	if im == nil {
		return
	}
	l.resumed = make(chan struct{})
	l.panics.Store(im.Panics)
	for i := range im.Links {
		saved := &im.Links[i]
		call := l.restored(saved.Call)
		if k := l.keeperOf(saved); k != nil {
			k.restore(saved, call)
		} else if call != nil {
			l.left = append(l.left, call)
		}
	}
}

// restored is the call of that ID that there was in the process before; nil: it is over.
func (l *Links) restored(id string) Call {
	if id == "" || l.cfg.Call == nil {
		return nil
	}
	return l.cfg.Call(id)
}

// keeperOf keeps the link that goes on from there; nil: there is none any more.
func (l *Links) keeperOf(im *LinkImage) *keeper {
	for _, k := range l.inRoom[im.Room] {
		if k.key == l.cfg.Dialer.Rules().Key(im.Number) {
			return k
		}
	}
	return nil
}

// restore takes over what the link did in another process.
func (k *keeper) restore(im *LinkImage, call Call) {
	s := &k.status
	s.State, s.Since, s.Until, s.Cause, s.Call = im.State, im.Since, im.Until, im.Cause, im.Call
	s.Attempts, s.Connected, s.Lost = im.Attempts, im.Connected, im.Lost
	k.room, k.waits, k.ending = im.Conference, ladder{im.Step}, im.Ending.restore()
	if met := k.links.restored(im.Met); met != nil {
		k.met = met
	}
	k.invite, k.crossed = im.Invite, im.Crossed
	k.before = &former{im.State, im.Since, im.Until, call, im.Invite}
	if k.before.occupies() {
		k.line.occupy()
	}
}

// occupies says whether it had a line.
func (f *former) occupies() bool { return f.state == Up || f.state == Ending || f.invite != "" }

// former takes what the link did in the process before; nil: nothing, or it has gone on from there, or it can, because that was for the same people.
func (k *keeper) former(needed *need) *former {
	k.links.mu.Lock()
	defer k.links.mu.Unlock()
	f := k.before
	if f == nil || needed != nil && needed.room == k.room {
		return nil
	}
	k.before = nil
	return f
}

// goOn goes on with what the link did for the same conference in the process before.
func (k *keeper) goOn(ctx context.Context, room dialout.Room, f *former) {
	e := end{cause: "internal error"}
	switch {
	case f.occupies():
		k.guard("going on with a link", func() { e = k.holdOn(ctx, room, f) })
		k.line.give()
	case f.state == Met:
		over := make(chan struct{})
		close(over)
		met := cmp.Or[<-chan struct{}](k.metBy(), over)
		e = k.sitOut(ctx, room, met, f.since)
	case f.state == BackingOff:
		k.rest(ctx, f.until)
		return
	default: // nothing has come of it yet
		return
	}
	k.backOff(ctx, e)
}

// holdOn serves the call that the link had in the process before, or the one that comes of its INVITE, and finishes it, as hold does.
func (k *keeper) holdOn(ctx context.Context, room dialout.Room, f *former) (e end) {
	if f.invite != "" {
		return k.hold(ctx, room, f.invite)
	}
	e = end{cause: "internal error"}
	defer func() { k.finishFormer(ctx, f, e) }()
	switch {
	case f.state == Ending:
		return k.ending
	case f.call == nil:
		k.lost(room)
		return end{cause: "its call has ended while another process took over", up: time.Since(f.since)}
	}
	return k.attend(ctx, room, f.call, f.since)
}

// letGo ends what the link did in the process before for people who have left.
func (k *keeper) letGo(f *former) {
	if f.occupies() {
		left, leave := context.WithCancelCause(context.Background())
		leave(dialout.ErrRoomEnded)
		k.guard("letting a link go", func() {
			if f.invite != "" {
				k.hold(left, k.room, f.invite)
			} else {
				k.finishFormer(left, f, k.ending)
			}
		})
		k.line.give()
	}
	k.become(Status{State: Idle})
}

// mostSettling is how long the far side may have a call of which we know nothing any more: as long as a BYE is sent (RFC 3261 section 17.1.2.2).
const mostSettling = 32 * time.Second

// finishFormer is finish of the call that there was in the process before. Of one that is over there is nobody who knows whether the far side knows.
func (k *keeper) finishFormer(ctx context.Context, f *former, e end) {
	if f.call != nil {
		k.finish(ctx, f.call, k.links.cfg.Dialer.Over(f.call.ID()), e)
		return
	}
	k.ends(e, "")
	k.rests()
	timer := time.NewTimer(mostSettling)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-k.links.closing:
	}
	k.move()
}
