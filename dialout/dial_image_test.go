package dialout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// inviter is somebody who has one number dialled, whichever process does it.
type inviter struct {
	*exchange
	cfg    Config
	dialer *Dialer
	wanted context.Context
	giveUp context.CancelCauseFunc
	path   []string
	id     string // of the INVITE that is out
	result chan Result
}

// invites has somebody dial, and returns at once.
func (x *exchange) invites(cfg Config, d *Dialer, req Request) *inviter {
	i := &inviter{exchange: x, cfg: cfg, dialer: d}
	i.wanted, i.giveUp = context.WithCancelCause(context.Background())
	i.begins(func(ctx context.Context, watch func(Change)) Result { return d.Dial(ctx, req, watch) })
	return i
}

func (i *inviter) begins(dial func(context.Context, func(Change)) Result) {
	result, process := make(chan Result, 1), i.desk().process
	i.result = result
	hears := func(c Change) {
		if i.alive(process) {
			i.hears(c)
		}
	}
	go func() { result <- dial(i.wanted, hears) }() // whoever asks waits for it, or the process is gone
	synctest.Wait()
}

// hears takes note of a change.
func (i *inviter) hears(c Change) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.id = c.ID; !c.Over {
		i.path = append(i.path, c.State.String())
	}
}

// handsOver has another process take over after a pause of that length, and says what it has got. The old one is gone without a word. Unless he is
// continued, the inviter knows nothing of it.
func (i *inviter) handsOver(pause time.Duration, continued bool) *Saved {
	i.Helper()
	d := i.dialer
	if err := d.Pause(context.Background()); err != nil {
		i.Errorf("pause: %v", err)
	}
	time.Sleep(pause)
	synctest.Wait()
	saved := carry(i, d.Save())
	i.mu.Lock()
	i.process++
	old := i.id
	i.mu.Unlock()
	i.carryCalls()
	for j := range d.dials {
		if j.seat != nil {
			j.seat.Release() // is kept anew
		}
	}
	d.Close()
	synctest.Wait()
	cfg := i.cfg
	cfg.Inviter, cfg.Present, cfg.Saved, cfg.Call = i.desk(), i.present, saved, i.find
	next, err := New(cfg)
	if err != nil {
		i.Errorf("%v", err)
	}
	i.dialer = next
	next.Resume()
	if continued {
		i.begins(func(ctx context.Context, watch func(Change)) Result { return next.Continue(ctx, old, watch) })
	}
	return saved
}

// ends is how it has ended, as text.
func (i *inviter) ends() (Result, string) {
	r := <-i.result
	i.mu.Lock()
	defer i.mu.Unlock()
	return r, strings.Join(append(i.path, r.Outcome.String()), ", ")
}

// tidy says what is left over when nobody is dialled, and nobody talks.
func tidy(d *Dialer) error {
	s := d.Stats()
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.Dials != 0 || s.Waiting != 0 || len(d.claims) != 0 || len(d.left) != 0 || d.underWay != 0 || s.Usage.Rooms["5234"].Now != 0 || s.Usage.Callers["12"].Now != 0 {
		return fmt.Errorf("%+v, %v, %v, and %d are under way", s, d.claims, d.left, d.underWay)
	}
	for _, t := range s.Trunks {
		if t.Calls != 0 {
			return fmt.Errorf("%d lines of %s are in use", t.Calls, t.Name)
		}
	}
	return nil
}

// A telephone rings when another process takes over, after three seconds: what would have come of it comes of it, at the time when it would have.
func TestWhatRingsGoesOnInAnotherProcess(t *testing.T) {
	const begin = "queued, trying, ringing, "
	for _, c := range []struct {
		name   string
		phones func(x *exchange)
		what   func(i *inviter) // happens then
		pause  time.Duration    // for how long neither process does anything
		want   string
		log    string
	}{
		{name: "answered", phones: func(x *exchange) { x.phone("101").rings(0).answers(5 * time.Second) }, want: begin + "ringing, answered", log: "0s INVITE 101@pbx"},
		{name: "answered in between", phones: func(x *exchange) { x.phone("101").rings(0).answers(5 * time.Second) }, pause: 4 * time.Second,
			want: begin + "answered", log: "0s INVITE 101@pbx"},
		{name: "busy", phones: func(x *exchange) { x.phone("101").rings(0).fails(5*time.Second, 486) }, want: begin + "ringing, busy", log: "0s INVITE 101@pbx"},
		{name: "busy in between", phones: func(x *exchange) { x.phone("101").rings(0).fails(5*time.Second, 486) }, pause: 4 * time.Second,
			want: begin + "busy", log: "0s INVITE 101@pbx"},
		{name: "rings out", phones: func(x *exchange) { x.phone("101").rings(2 * time.Second) }, want: begin + "ringing, no answer",
			log: "0s INVITE 101@pbx\n12s CANCEL 101@pbx: no answer"},
		{name: "rings out in between", phones: func(x *exchange) { x.phone("101").rings(2 * time.Second) }, pause: 10 * time.Second, want: begin + "ringing, no answer",
			log: "0s INVITE 101@pbx\n13s CANCEL 101@pbx: no answer"},
		{name: "begins to ring", phones: func(x *exchange) { x.phone("101").tries(0).rings(4 * time.Second) }, pause: 4 * time.Second,
			want: "queued, trying, trying, ringing, no answer", log: "0s INVITE 101@pbx\n14s CANCEL 101@pbx: no answer"},
		{name: "silent, and the next trunk", phones: func(x *exchange) { x.phone("101@pbx"); x.phone("101@carrier").rings(0).answers(time.Second) },
			want: "queued, trying, trying, queued, trying, ringing, answered",
			log:  "0s INVITE 101@pbx\n4s CANCEL 101@pbx: no response within the time-out\n4s INVITE 101@carrier"},
		{name: "congested, and the next trunk", phones: func(x *exchange) {
			x.phone("101@pbx").rings(0).fails(5*time.Second, 503)
			x.phone("101@carrier").fails(0, 486)
		},
			want: begin + "ringing, queued, trying, busy", log: "0s INVITE 101@pbx\n5s INVITE 101@carrier"},
		{name: "congested in between, and the next trunk", phones: func(x *exchange) {
			x.phone("101@pbx").rings(0).fails(5*time.Second, 503)
			x.phone("101@carrier").fails(0, 486)
		},
			pause: 4 * time.Second, want: begin + "queued, trying, busy", log: "0s INVITE 101@pbx\n7s INVITE 101@carrier"},
		{name: "the last trunk", phones: func(x *exchange) {
			x.phone("101@pbx").fails(0, 503)
			x.phone("101@carrier").rings(0).fails(5*time.Second, 503)
		},
			want: "queued, trying, queued, trying, ringing, ringing, failed: congestion (503)", log: "0s INVITE 101@pbx\n0s INVITE 101@carrier"},
		{name: "redirected", phones: func(x *exchange) {
			x.phone("101").rings(0).then(step{after: 5 * time.Second, failure: &Failure{Class: Redirect, Code: 302, Targets: []string{"102"}}})
			x.phone("102").fails(0, 486)
		}, want: begin + "ringing, queued, trying, busy", log: "0s INVITE 101@pbx\n5s INVITE 102@pbx"},
		{name: "where it was redirected to", phones: func(x *exchange) {
			x.phone("101").moved("102", "103")
			x.phone("102").rings(0).then(step{after: 5 * time.Second, failure: &Failure{Class: Redirect, Code: 302, Targets: []string{"101", "104"}}})
			x.phone("103").fails(0, 486)
			x.phone("104").fails(0, 486)
		}, want: "queued, trying, queued, trying, ringing, ringing, queued, trying, queued, trying, busy",
			log: "0s INVITE 101@pbx\n0s INVITE 102@pbx\n5s INVITE 104@pbx\n5s INVITE 103@pbx"},
		{name: "given up", phones: func(x *exchange) { x.phone("101").rings(0) }, what: func(i *inviter) { time.Sleep(time.Second); i.giveUp(ErrElsewhere) },
			want: begin + "ringing, cancelled", log: "0s INVITE 101@pbx\n4s CANCEL 101@pbx: answered elsewhere"},
		{name: "given up, and answered", phones: func(x *exchange) { x.phone("101").rings(0).crosses = true },
			what: func(i *inviter) { time.Sleep(time.Second); i.giveUp(ErrGivenUp) }, want: begin + "ringing, cancelled",
			log: "0s INVITE 101@pbx\n4s CANCEL 101@pbx: the inviter has given up\n4s BYE 101@pbx: the inviter has given up"},
		{name: "the room ends", phones: func(x *exchange) { x.phone("101").rings(0) }, what: func(i *inviter) { i.dialer.CancelRoom(conference("5234")) },
			want: begin + "ringing, cancelled", log: "0s INVITE 101@pbx\n3s CANCEL 101@pbx: the room has ended"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := two()
			cfg.Ring = 10 * time.Second
			cfg.Limits = Limits{RoomAtOnce: 1, CallerAtOnce: 1, RoomDaily: 5}
			cfg.Trunks[0].Internal, cfg.Trunks[0].MaxCalls = false, 1
			seats := &chairs{free: 1}
			cfg.Reserve = seats.reserve
			within(t, cfg, func(x *exchange, d *Dialer) {
				c.phones(x)
				i := x.invites(cfg, d, into("101"))
				time.Sleep(3 * time.Second)
				before := d.Stats()
				i.handsOver(c.pause, true)
				defer i.dialer.Close()
				if got := i.dialer.Stats(); c.pause == 0 && fmt.Sprint(got) != fmt.Sprint(before) {
					t.Errorf("the figures are\n%+v\nand were\n%+v", got, before)
				}
				if c.pause == 0 {
					x.wantDial(i.dialer, into("101"), "failed: already being called")
				}
				if c.what != nil {
					c.what(i)
				}
				r, got := i.ends()
				if got != c.want {
					t.Errorf("it went: %s; want %s", got, c.want)
				}
				x.wantLog(c.log)
				if r.Call != nil {
					seats.want(t, 0)
					if r.Lease.Trunk != r.Trunk || r.Seat == nil || len(i.dialer.Save().Leases) != 1 {
						t.Errorf("the result is %+v", r)
					}
					r.Call.Hangup("bye")
					<-r.Over
				}
				seats.want(t, 1)
				if err := tidy(i.dialer); err != nil {
					t.Errorf("left over: %v", err)
				}
			})
		})
	}
}

// Nobody wants to know in the next process what becomes of it: it is given up after two seconds, also in the process after that. Who has answered is hung up.
func TestNobodyContinues(t *testing.T) {
	for answers, log := range map[time.Duration]string{
		time.Hour:               "0s INVITE 101@pbx\n6s CANCEL 101@pbx: the inviter has given up",
		3500 * time.Millisecond: "0s INVITE 101@pbx\n6s BYE 101@pbx: the inviter has given up",
	} {
		within(t, pbx(), func(x *exchange, d *Dialer) {
			x.phone("101").rings(0).answers(answers)
			i := x.invites(pbx(), d, into("101"))
			time.Sleep(3 * time.Second)
			i.handsOver(0, false)
			time.Sleep(time.Second)
			i.handsOver(0, false)
			defer func() { i.dialer.Close() }()
			time.Sleep(10 * time.Second)
			x.wantLog(log)
			if r := i.dialer.Continue(context.Background(), "INVITE 0 to 101@pbx", nil); r.Outcome != failed(Interrupted) {
				t.Errorf("it is continued: %v", r.Outcome)
			}
			if err := tidy(i.dialer); err != nil {
				t.Errorf("left over: %v", err)
			}
		})
	}
}

// The conference has ended between the processes, or there is no seat any more: who is called is told so, or who has answered.
func TestThereIsNoSeatInTheNextProcess(t *testing.T) {
	for _, c := range []struct {
		ended bool
		want  string
		log   string
	}{
		{true, "cancelled", "0s INVITE 101@pbx\n3s CANCEL 101@pbx: the room has ended"},
		{false, "failed: the room is full", "0s INVITE 101@pbx\n5s BYE 101@pbx: failed: the room is full"},
	} {
		cfg := pbx()
		seats := &chairs{free: 1}
		cfg.Reserve = seats.reserve
		within(t, cfg, func(x *exchange, d *Dialer) {
			x.phone("101").rings(0).answers(5 * time.Second)
			i := x.invites(cfg, d, into("101"))
			time.Sleep(3 * time.Second)
			i.cfg.Reserve = func(Room, Sitter) (Seat, error) {
				if c.ended {
					return nil, fmt.Errorf("it is over: %w", ErrRoomEnded)
				}
				return nil, errors.New("the room is full")
			}
			i.handsOver(0, true)
			defer i.dialer.Close()
			if r, _ := i.ends(); r.Outcome.String() != c.want {
				t.Errorf("%v", r.Outcome)
			}
			x.wantLog(c.log)
		})
	}
}

// Its trunk is not configured any more: it goes on as it is, and those who answer are asked to press 1.
func TestTheTrunkIsGoneInTheNextProcess(t *testing.T) {
	cfg := two()
	within(t, cfg, func(x *exchange, d *Dialer) {
		x.phone("101").rings(0).answers(5 * time.Second)
		i := x.invites(cfg, d, into("101"))
		time.Sleep(3 * time.Second)
		i.cfg.Trunks = i.cfg.Trunks[1:]
		i.handsOver(0, true)
		defer i.dialer.Close()
		r, _ := i.ends()
		if r.State != Answered || r.Trunk != "pbx" || r.Policy != Press1 {
			t.Errorf("%+v", r)
		}
		r.Call.Hangup("bye")
		<-r.Over
		if err := tidy(i.dialer); err != nil {
			t.Error(err)
		}
	})
}

// Nothing shows that another process has taken over, at whatever time that was, and as often as one likes: the same INVITEs, CANCELs and BYEs at the same
// time as with a single process, and the same outcome.
func TestAHandOverAtAnyTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ *testing.T }{t}, func(t *rapid.T) { // rapid must not ask a T in fake time for its deadline
			var script []func(*exchange)
			seconds := func(what string) time.Duration {
				return time.Duration(rapid.IntRange(0, 15).Draw(t, what)) * time.Second
			}
			for _, number := range []string{"101@pbx", "101@carrier", "102@pbx", "102@carrier"} {
				rings, ends := seconds(number+" rings after"), seconds(number+" ends after")
				code := rapid.SampledFrom([]int{0, 0, 486, 503, 603, 302, 404, 1}).Draw(t, number)
				crosses, silent := rapid.Bool().Draw(t, number+" crosses"), rapid.Bool().Draw(t, number+" is silent")
				script = append(script, func(x *exchange) {
					p := x.phone(number)
					p.crosses = crosses
					rings, ends := rings+111*time.Millisecond, ends+111*time.Millisecond // never at the moment when it is given up
					if !silent {
						p.tries(0)
						p.rings(rings)
					}
					switch code {
					case 0:
						p.answers(ends)
					case 1:
					case 302:
						p.then(step{after: ends, failure: &Failure{Class: Redirect, Code: 302, Targets: []string{"102"}}})
					default:
						p.fails(ends, code)
					}
				})
			}
			givesUp := seconds("the inviter gives up after") * 3
			at := rapid.SliceOfN(rapid.IntRange(0, 20_000), 1, 4).Draw(t, "hand-overs after")
			tell := func(at []int) string {
				cfg := two()
				cfg.Ring = 12 * time.Second
				seats := &chairs{free: 1}
				cfg.Reserve = seats.reserve
				x := newExchange(t)
				cfg.Inviter, cfg.Present = x.desk(), x.present
				d, err := New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				for _, phone := range script {
					phone(x)
				}
				i := x.invites(cfg, d, into("101"))
				stop := time.AfterFunc(givesUp+77*time.Millisecond, func() { i.giveUp(ErrGivenUp) })
				defer stop.Stop()
				for _, ms := range at {
					time.Sleep(time.Duration(ms)*time.Millisecond + 333*time.Microsecond)
					if len(i.result) == 0 {
						i.handsOver(0, true)
					}
				}
				r, _ := i.ends()
				log := strings.Join(x.log, "\n")
				if r.Call != nil {
					r.Call.Hangup("bye")
					<-r.Over
				}
				i.dialer.Close()
				synctest.Wait()
				if err := tidy(i.dialer); err != nil {
					t.Errorf("left over: %v", err)
				}
				if seats.free != 1 || len(x.live()) != 0 {
					t.Errorf("%d seats are free, and on a call are %v", seats.free, x.live())
				}
				return fmt.Sprintf("%v on %s@%s\n%s", r.Outcome, r.Number, r.Trunk, log)
			}
			if got, want := tell(at), tell(nil); got != want {
				t.Errorf("with hand-overs it went like this:\n%s\nand without:\n%s", got, want)
			}
		})
	})
}
