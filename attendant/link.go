package attendant

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/rooms"
)

// Why the far side of a link is not brought into its room.
var (
	errFarHungUp = errors.New("the far side has hung up before it was in")
	errAsksAgain = errors.New("the far side asks again")
	errNoSeat    = errors.New("its call is none that a room could take")
	errBroken    = errors.New("internal error")
)

// mostHeard is how much waits for a far side's goroutine.
const mostHeard = 16

// linger is how long a far side that is in may still ask its question again, and is answered; then it is a conference and no machine.
const linger = 15 * time.Second

// farSide is who has answered the call of a link: a machine that wants keys, and then a conference. Until Connect returns it belongs to the
// goroutine that has called that, and then to one of the office's.
type farSide struct {
	office *Office
	call   Call
	p      presence
	room   string
	link   *links.Link
	script links.Script
	press  presser
	heard  *inbox[rooms.Event] // of the ear that is on it, and of its keys
	works  *worker             // of the goroutine that it belongs to
	log    *slog.Logger

	spoken   bool // it has, and was silent then, since the last key
	answered bool // its question, when it was asked again

	in    bool      // the room; guarded by Office.mu
	until time.Time // when it may still ask again
}

// presence is what a far side has in its room; *rooms.Participant is one.
type presence interface {
	SendKeys(inSound bool, strokes ...rooms.Stroke) error
	TakesEvents() bool
	Listen(rooms.Listening)
	SetNotices(*rooms.Notices)
	Enter() bool
	StepAside(mate *rooms.Participant)
	Return()
	Leave(reason string)
}

// Connect brings the far side of a link into its room, for links.Config: it waits in the ante-room, where neither hears the other, until the script has run and
// it is clear that the far side does not ask its question again. If it does, it is answered once more. When it is in, the error is nil, and it is
// until its call ends; else it has left. What is wrong with how the keys are to be sent is an error, too.
func (o *Office) Connect(ctx context.Context, a links.Answer) (err error) {
	call, ok := a.Call.(Call)
	if !ok {
		return errNoSeat
	}
	seat, err := o.seatFor(a)
	if err != nil {
		return err
	}
	f := &farSide{office: o, call: call, room: a.Room.Number, link: a.Link, script: a.Script, heard: newInbox[rooms.Event](mostHeard),
		log: o.cfg.Log.With("call", call.ID(), "room", a.Room.Number)}
	f.works = o.worker(connecting, call)
	f.works.begin()
	defer f.works.end()
	defer func() {
		if err != nil {
			f.leave(err.Error())
			seat.Release() // if it was not taken yet
		}
	}()
	defer func() {
		if r := recover(); r != nil {
			o.survived(r, "link", f.log, call)
			err = errBroken
		}
	}()
	f.wait(seat, o.cfg.Language(a.Room.Number, ""))
	if err := f.connect(ctx); err != nil {
		return err
	}
	return o.keep(ctx, f)
}

// seatFor is the seat that was kept, or another one, for a link.
func (o *Office) seatFor(a links.Answer) (*rooms.Seat, error) {
	seat, kept := a.Seat.(*rooms.Seat)
	if !kept {
		var err error
		if seat, err = o.cfg.Rooms.ReserveLink(a.Room.Number, a.Room.Incarnation); err != nil {
			return nil, err
		}
	}
	seat.ForLink() // also if whoever has kept it did not know
	return seat, nil
}

// wait takes the far side into the ante-room, with an ear on it. As those who have called it is told if it is recorded.
func (f *farSide) wait(seat *rooms.Seat, lang string) {
	o := f.office
	o.mu.Lock()
	o.far[f.call.ID()] = f // before there is anything to be heard
	o.mu.Unlock()
	f.p = seat.Wait(f.call)
	f.p.SetNotices(o.notices(lang))
	f.p.Listen(rooms.ForQuestion)
}

// hearFar takes what is heard of a far side, or was sent to it, to whoever waits for that. It does not block.
func (o *Office) hearFar(e rooms.Event) {
	switch e.Kind {
	case rooms.KeysSent, rooms.Spoke, rooms.AskedAgain, rooms.WentOn:
	default:
		return
	}
	o.mu.Lock()
	f := o.far[e.Call]
	o.mu.Unlock()
	if f != nil {
		f.heard.put(e)
	}
}

// connect runs the script and lets the far side into the room.
func (f *farSide) connect(ctx context.Context) (err error) {
	if f.press, err = f.presser(); err != nil {
		return err
	}
	if err := f.play(ctx, f.script); err != nil {
		return err
	}
	for f.script.Keys() != "" {
		again, first, err := f.asksAgain(ctx)
		if err != nil {
			return err
		}
		if !again {
			break
		}
		if f.answered {
			return errAsksAgain
		}
		if err := f.answer(ctx, first); err != nil {
			return err
		}
	}
	if err := f.over(ctx); err != nil {
		return err
	}
	if !f.p.Enter() {
		return rooms.ErrDeserted
	}
	return nil
}

// keep leaves the far side to a goroutine, which has it leave when its call is over.
func (o *Office) keep(ctx context.Context, f *farSide) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return dialout.ErrClosed
	}
	f.in, f.until = true, time.Now().Add(linger)
	o.stay(ctx, f)
	return nil
}

// stay is what a far side does while it is in, on a goroutine of its own.
func (o *Office) stay(ctx context.Context, f *farSide) {
	o.wg.Go(func() { // ends with the call; Close waits
		f.works = o.worker(connecting, f.call)
		f.works.begin()
		defer f.works.end()
		defer func() { f.leave(cmp.Or(f.call.Reason(), errBroken.Error())) }() // of a panic: the call has not ended yet
		defer func() { o.survived(recover(), "link", f.log, f.call) }()
		f.stay(during(ctx, f.call))
	})
}

// stay is what it does while it is in: for a while it may still ask again, for it may have been patient, or have apologised first.
func (f *farSide) stay(ctx context.Context) {
	if f.press == nil && f.script.Keys() != "" { // it was restored
		var err error
		if f.press, err = f.presser(); err != nil {
			f.log.Warn("the far side cannot be answered any more", "err", err)
			f.answered = true
		}
	}
	late := time.NewTimer(time.Until(f.until))
	defer late.Stop()
	for waits := !f.answered && f.script.Keys() != ""; waits; {
		for e, heard := f.heard.take(); heard && waits; e, heard = f.heard.take() {
			if e.Kind == rooms.AskedAgain {
				f.p.StepAside(nil)
				if err := f.answer(ctx, e.First); err != nil {
					f.log.Info("the far side was not answered", "err", err)
				}
				f.p.Return()
				waits = false
			}
		}
		if !waits {
			break
		}
		f.works.rest(func() {
			select {
			case <-f.heard.came:
			case <-late.C:
				waits = false
			case <-f.call.Done():
			}
		})
		if f.over(ctx) != nil {
			return
		}
	}
	f.p.Listen(rooms.NotListening)
	f.works.rest(func() { <-f.call.Done() })
}

// leave takes it out of the room, or the ante-room.
func (f *farSide) leave(why string) {
	f.office.mu.Lock()
	delete(f.office.far, f.call.ID())
	f.office.mu.Unlock()
	if f.p != nil {
		f.p.Leave(why)
	}
}
