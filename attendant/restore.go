package attendant

import (
	"context"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/rooms/menu"
)

// Restore makes the attendants and far sides of an image again, over their calls and participants, of which either may be nil: whoever has hung up
// meanwhile is not there. Right after New. From then on the office is paused; Resume has it go on. Whom the office itself serves, as the guests who
// are in, goes on then; for each incoming call its handler is to call Continue, and for each member of a group who is being received Receive is to
// be called again.
func (o *Office) Restore(im *Image, call func(id string) Call, people func(id string) *rooms.Participant) {
	o.still.hold()
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range im.Attendants {
		o.restore(&im.Attendants[i], call, people)
	}
	for i := range im.Attendants {
		a, was := o.serves[im.Attendants[i].Call], &im.Attendants[i]
		if a != nil {
			a.join(was)
		} else if g := o.serves[was.Doing.Guest]; g != nil {
			o.waits = append(o.waits, func() { guestOf(g).dismiss("the inviter has left") })
		}
	}
	for i := range im.FarSides {
		o.restoreFar(&im.FarSides[i], call, people)
	}
	o.expectReceivers()
	for _, w := range im.Wishes {
		if action, err := menu.ParseAction(w.Action); err == nil {
			o.wishes[wish{w.Room, action}] = wished{w.Call, w.At}
		}
	}
	for _, e := range im.Expected {
		o.expected[e.Call] = expectation{spot{e.Room}, make(chan struct{})}
		o.waits = append(o.waits, func() { o.expectNoLonger(e.Call) })
	}
	for i := range im.Brings {
		o.restoreBringing(&im.Brings[i], call)
	}
	o.crier.restore(im)
}

// restore makes an attendant, but for those whom he has to do with. The lock is held.
func (o *Office) restore(im *AttendantImage, call func(id string) Call, people func(id string) *rooms.Participant) {
	c, p := call(im.Call), people(im.Call)
	if c == nil || p == nil {
		return
	}
	a := &attendant{office: o, call: newLine(c), p: p, room: im.Room, first: im.First, number: im.Number, host: im.Host, lang: im.Lang,
		keys: newInbox[byte](mostKeys), dialled: im.Dialled, known: im.Known, convenes: im.Convenes, typed: menu.State{Typed: im.Typed},
		forgiven: im.Forgiven, hashes: im.Hashes, until: im.Until, served: im.Served, outside: im.Outside, ours: im.Ours, away: im.Away}
	a.log.open(o.cfg.Log, c, im.Room)
	for _, key := range []byte(im.Keys) {
		a.keys.put(key)
	}
	o.serves[im.Call] = a
	if a.ours {
		o.waits = append(o.waits, func() { o.accompany(guestOf(a), func() { a.carryOn(during(context.Background(), a.call)) }) })
	}
}

// join has an attendant have to do with the others again. The lock is held.
func (a *attendant) join(im *AttendantImage) {
	guest := func(id string) *guest {
		if b := a.office.serves[id]; b != nil {
			return guestOf(b)
		}
		return nil
	}
	a.invited = guest(im.Invited)
	d := &im.Doing
	a.doing = doing{task: task(d.Task), number: d.Number, until: d.Until, guest: guest(d.Guest), out: d.Out,
		hears: hearing{way{d.Tries.Number, d.Tries.Trunk}, d.Rings}, givenUp: d.GivenUp, outcome: d.Outcome, said: d.Said}
	if im.Mate == "" {
		return
	}
	if a.mate = a.office.serves[im.Mate]; a.mate == nil {
		a.p.Return() // he has hung up meanwhile
	}
}

// expectReceivers has those sent away in the end whom groups were receiving, and for whom Receive is not called again. The lock is held.
func (o *Office) expectReceivers() {
	met := make(map[*attendant]bool)
	for _, a := range o.serves {
		if g := a.doing.guest; g != nil {
			met[g.keys] = true
		}
	}
	for _, a := range o.serves {
		if a.outside && !met[a] {
			a.waited = true
			until := a.doing.until                                                               // it is of whoever receives him from then on
			o.waits = append(o.waits, func() { o.wg.Go(func() { o.expectReceiver(a, until) }) }) // ends with his time, or his call; Close waits
		}
	}
}

// expectReceiver waits until the guest's time is over. If nobody has received him by then, nobody will.
func (o *Office) expectReceiver(a *attendant, until time.Time) {
	late := time.NewTimer(time.Until(until))
	defer late.Stop()
	select {
	case <-late.C:
	case <-a.call.Done():
	}
	w := o.worker(receiving, a.call.call())
	w.begin()
	defer w.end()
	o.mu.Lock()
	waits := a.waited
	o.mu.Unlock()
	if waits {
		guestOf(a).dismiss("nobody receives him any more")
	}
}

func (o *Office) restoreFar(im *FarSideImage, call func(id string) Call, people func(id string) *rooms.Participant) {
	c, p := call(im.Call), people(im.Call)
	if c == nil || p == nil {
		return
	}
	f := &farSide{office: o, call: c, p: p, room: im.Room, link: &links.Link{Send: im.Send, Tone: im.Tone, Gap: im.Gap}, script: im.Script,
		heard: newInbox[rooms.Event](mostHeard), log: o.cfg.Log.With("call", im.Call, "room", im.Room),
		spoken: im.Spoken, answered: im.Answered, in: true, until: im.Until}
	for _, e := range im.Heard {
		f.heard.put(rooms.Event{Kind: e.Kind, First: e.First, Link: true, Call: im.Call, Room: im.Room})
	}
	o.far[im.Call] = f
	o.waits = append(o.waits, func() { o.stay(context.Background(), f) })
}

func (c *crier) restore(im *Image) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range im.Comings {
		c.rooms[r.Room] = &r.Comings
	}
	for _, b := range im.Bulletins {
		c.lines[b.Room] = &b.Bulletin
	}
}

// spot is a place that was written down.
type spot struct{ in dialout.Room }

func (s spot) Room() string        { return s.in.Number }
func (s spot) Incarnation() uint64 { return s.in.Incarnation }

// expectNoLonger forgets after a while whom nobody expects any more.
func (o *Office) expectNoLonger(call string) {
	o.mu.Lock()
	e, there := o.expected[call]
	o.mu.Unlock()
	if !there {
		return
	}
	time.AfterFunc(lateService, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if now, there := o.expected[call]; there && now.over == e.over && now.Place == e.Place {
			o.arrived(call)
		}
	})
}
