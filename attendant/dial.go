package attendant

import (
	"context"

	"github.com/sipconf/sipconf/dialout"
)

// dial dials, or goes on with what the process before has sent, and lets him hear what becomes of it.  The guest is nil if nobody has come in.
func (a *attendant) dial(ctx context.Context) (dialout.Outcome, *guest) {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	a.works.urgent = true // the dial-out waits for him
	defer func() { a.works.urgent = false }()
	if a.doing.out != "" && a.doing.guest == nil {
		a.p.StepAside(nil) // whom he has heard may have gone between the processes
	}
	d := a.startDial(ctx)
	waits := true
	defer func() {
		if waits { // a panic, which goes on: nobody else knows whom he was bringing in
			giveUp(dialout.ErrGivenUp)
			letGo(a.ended(d), "internal error", a.doing.guest)
		}
	}()
	for !a.over() && !a.doing.givenUp && !a.pressesAway() {
		switch n, gone := a.hearOf(d); {
		case gone:
			a.hush("he is not there any more")
		case n.result != nil:
			waits = false
			a.works.urgent = false
			return a.answered(ctx, *n.result, a.doing.guest)
		case n.works != nil:
			a.follow(n.change)
		}
	}
	waits = false
	a.doing.givenUp = true
	giveUp(dialout.ErrGivenUp)
	a.release(a.ended(d), a.doing.guest) // what he presses meanwhile is for what comes then
	return dialout.Outcome{State: dialout.Cancelled}, nil
}

// hearOf waits for news of the dial-out, or for something else; gone: whom he hears is not there any more.
func (a *attendant) hearOf(d *dialOut) (n news, gone bool) {
	a.works.rest(func() {
		select {
		case n = <-d.news:
		case <-a.goneIsWhomHeHears():
			gone = true
		case <-a.keys.came:
		case <-a.call.Done():
		}
	})
	n.taken()
	return n, gone
}

// ended waits for the result of a dial-out of which he does not want to hear more.
func (a *attendant) ended(d *dialOut) dialout.Result {
	for {
		var n news
		a.works.rest(func() { n = <-d.news })
		n.taken()
		if n.result != nil {
			return *n.result
		}
	}
}

// dialOut is what an attendant hears of the one that he has begun. It belongs to the goroutine that dials, but for the reading.
type dialOut struct {
	office *Office
	news   chan news
	ends   *worker // works from when it is known how it has ended
}

// news is a step of a dial-out, or its result. Its worker works from when it comes until it is taken, so that there is no pause between.
type news struct {
	works  *worker
	change dialout.Change
	result *dialout.Result // nil: it goes on
}

// mostNews is how much news waits; then the oldest is forgotten, for the newest says where it is.
const mostNews = 16

// startDial begins a dial-out, or goes on with the one that is out. Its result comes when it has ended, and is waited for by who has called.
func (a *attendant) startDial(ctx context.Context) *dialOut {
	d := &dialOut{a.office, make(chan news, mostNews), a.office.urgentWorker()}
	number, out := a.doing.number, a.doing.out
	go func() { // ends with Dial
		r := dialout.Result{Outcome: dialout.Outcome{State: dialout.Failed, Cause: dialout.Broken}, Number: number} // of a panic
		defer func() {
			d.ends.begin()
			d.put(news{works: d.ends, result: &r})
		}()
		defer func() { a.office.survived(recover(), "dial-out", a.log.now.Load(), nil) }()
		if out != "" {
			r = a.office.cfg.Dialer.Continue(ctx, out, d.tell)
			return
		}
		r = a.office.cfg.Dialer.Dial(ctx, dialout.Request{Room: a.conference(), Caller: a.number, Number: number}, d.tell)
	}()
	return d
}

// tell tells the attendant of a step. At the end its worker begins to work: the result is coming.
func (d *dialOut) tell(c dialout.Change) {
	if c.Over {
		d.ends.begin()
		return
	}
	n := news{works: d.office.urgentWorker(), change: c}
	n.works.begin()
	d.put(n)
}

func (d *dialOut) put(n news) {
	for {
		select {
		case d.news <- n:
			return
		default:
		}
		select {
		case oldest := <-d.news:
			oldest.taken()
		default:
		}
	}
}

// taken says that whoever hears it works now himself.
func (n *news) taken() {
	if n.works != nil {
		n.works.end()
	}
}

// urgentWorker is one who has something to tell of a dial-out.
func (o *Office) urgentWorker() *worker {
	w := o.worker(dialling, nil)
	w.urgent = true
	return w
}

// pressesAway says whether he has pressed a key that means that he waits no longer.
func (a *attendant) pressesAway() bool {
	for {
		key, pressed := a.keys.take()
		if !pressed || a.givesUp(key) {
			return pressed
		}
	}
}

// release ends what nobody waits for any more.
func (a *attendant) release(r dialout.Result, early *guest) {
	why := "the inviter has given up"
	if a.over() {
		why = "the inviter has left"
	}
	letGo(r, why, early)
}

// letGo hangs up who was dialled, and those leave the ante-room who have come for it; each of them may be nil, or may have left.
func letGo(r dialout.Result, why string, guests ...*guest) {
	if r.Call != nil {
		r.Call.Hangup(why)
	}
	for _, g := range guests {
		g.leave(why)
	}
}
