package dialout

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSomebodyAnswers(t *testing.T) {
	within(t, pbx(), func(x *exchange, d *Dialer) {
		x.phone("101").tries(0).rings(time.Second).answers(3 * time.Second)
		x.wantDial(d, into("1-0 (1)"), "queued, trying, trying, ringing, answered on 101@pbx: straight")
		if got := time.Since(x.began); got != 4*time.Second {
			t.Errorf("it took %v", got)
		}
		a := x.sent[0]
		if a.Number != "101" || a.Room != "5234" || a.Caller != "12" || a.Trunk.Address != "sip:pbx" {
			t.Errorf("the attempt was %+v", a)
		}
	})
}

// His phone is switched off, as the PBX knows: that is not the trunk's trouble, the carrier is not asked, and he is called at his other
// number.
func TestAPhoneThatIsNotThere(t *testing.T) {
	gathering(t, two(), GroupsConfig{}, func(o *office) {
		o.list("100", "101,102", "103")
		for _, number := range []string{"101", "103"} {
			o.phone(number).then(step{failure: &Failure{Class: Absent, Code: 480}})
		}
		o.phone("102").answers(0)
		o.press(2)
		o.wantReport("1 of 2; missing: 103: unreachable (480)")
		o.wantLog("0s INVITE 101@pbx\n0s INVITE 102@pbx\n0s INVITE 103@pbx\n0s 102@pbx is in")
		if s := o.dialer.Stats(); s.Trunks[0].Failovers != 0 {
			t.Errorf("figures: %+v", s.Trunks)
		}
	})
}

// TestEveryFinalResponseHasItsName: what comes of it, and that a second trunk is tried only where that may help.
func TestEveryFinalResponseHasItsName(t *testing.T) {
	for _, c := range []struct {
		code int
		rang bool
		want string
		over bool // the next trunk is tried
	}{
		{code: 486, want: "busy"},
		{code: 600, want: "busy"},
		{code: 603, want: "declined"},
		{code: 607, want: "declined"},
		{code: 480, want: "no answer"},
		{code: 408, rang: true, want: "no answer"},
		{code: 404, want: "failed: refused (404)"},
		{code: 403, want: "failed: refused (403)"},
		{code: 488, want: "failed: refused (488)"},
		{code: 606, want: "failed: refused (606)"},
		{code: 305, want: "failed: refused (305)"},
		{code: 302, want: "failed: refused (302)"}, // without a target
		{code: 408, want: "unreachable: no response (408)", over: true},
		{code: 500, want: "failed: congestion (500)", over: true},
		{code: 503, want: "failed: congestion (503)", over: true},
		{code: 503, rang: true, want: "failed: congestion (503)", over: true},
		{code: 504, want: "failed: congestion (504)", over: true},
		{code: 401, want: "failed: authentication (401)", over: true},
		{code: 407, want: "failed: authentication (407)", over: true},
	} {
		within(t, two(), func(x *exchange, d *Dialer) {
			p := x.phone("101")
			if c.rang {
				p.rings(0)
			}
			p.fails(0, c.code)
			got := x.dial(d, into("101"))
			if !strings.HasSuffix(got, ", "+c.want) || strings.Contains(strings.TrimSuffix(got, c.want), ": ") {
				t.Errorf("%d, rang %t: %s; want %s", c.code, c.rang, got, c.want)
			}
			for outcome := range d.Stats().Outcomes {
				if outcome.Code != c.code {
					t.Errorf("counted as %+v", outcome)
				}
			}
			if over := len(x.sent) == 2; over != c.over {
				t.Errorf("%d, rang %t: the other trunk was tried: %t", c.code, c.rang, over)
			}
		})
	}
}

func TestErrorsOfOurOwnAreNotTriedTwice(t *testing.T) {
	within(t, two(), func(x *exchange, d *Dialer) {
		x.phone("101").then(step{failure: fmt.Errorf("no ports")})
		x.wantDial(d, into("101"), "queued, trying, failed: error")
		x.wantLog("0s INVITE 101@pbx")
	})
}

func TestTheNextTrunkAfterATimeout(t *testing.T) {
	within(t, two(), func(x *exchange, d *Dialer) {
		x.phone("101@pbx")
		x.phone("101@carrier").rings(0).answers(0)
		x.wantDial(d, into("101"), "queued, trying, queued, trying, ringing, answered on 101@carrier: press-1")
		x.wantLog(`0s INVITE 101@pbx
			4s CANCEL 101@pbx: no response within the time-out
			4s INVITE 101@carrier`)
		x.phone("101@carrier")
		x.wantDial(d, into("101"), "failed: already being called") // who has answered is still there
		x.phone("102")
		x.wantDial(d, into("102"), "queued, trying, queued, trying, unreachable: no response")
		x.phone("103@pbx").tries(0) // a provisional response is a sign of life, and then he does not answer
		x.wantDial(d, into("103"), "queued, trying, trying, no answer")
	})
}

func TestAnAnswerAtTheLastMomentCounts(t *testing.T) {
	within(t, two(), func(x *exchange, d *Dialer) {
		x.phone("101").crosses = true // answers after four seconds, when it is cancelled
		x.wantDial(d, into("101"), "queued, trying, answered on 101@pbx: straight")
		p := x.phone("102").rings(0)
		p.crosses = true // answers after 30 s
		x.wantDial(d, into("102"), "queued, trying, ringing, answered on 102@pbx: straight")
		if got := x.live(); len(got) != 2 {
			t.Errorf("live: %v", got)
		}
	})
}

func TestItRingsAsLongAsItMay(t *testing.T) {
	cfg := two()
	cfg.Ring = 20 * time.Second
	within(t, cfg, func(x *exchange, d *Dialer) {
		x.phone("101").tries(0).rings(5 * time.Second)
		x.wantDial(d, into("101"), "queued, trying, trying, ringing, no answer")
		req := into("101")
		req.Ring = 7 * time.Second
		x.wantDial(d, req, "queued, trying, trying, ringing, no answer")
		x.wantLog(`0s INVITE 101@pbx
			25s CANCEL 101@pbx: no answer
			25s INVITE 101@pbx
			37s CANCEL 101@pbx: no answer`)
	})
}

func TestGivingUpCancelsWhatRings(t *testing.T) {
	within(t, two(), func(x *exchange, d *Dialer) {
		x.phone("101").rings(0)
		x.phone("102").rings(0).crosses = true
		for _, number := range []string{"101", "102"} {
			ctx, giveUp := context.WithCancelCause(context.Background())
			time.AfterFunc(5*time.Second, func() { giveUp(ErrGivenUp) })
			if got := x.dialWith(ctx, d, into(number)); got != "queued, trying, ringing, cancelled" {
				t.Errorf("%s: %s", number, got)
			}
		}
		ctx, giveUp := context.WithCancel(context.Background())
		giveUp()
		if got := x.dialWith(ctx, d, into("101")); got != "queued, cancelled" {
			t.Errorf("given up before: %s", got)
		}
		x.wantLog(`0s INVITE 101@pbx
			5s CANCEL 101@pbx: the inviter has given up
			5s INVITE 102@pbx
			10s CANCEL 102@pbx: the inviter has given up
			10s BYE 102@pbx: the inviter has given up`)
	})
}

// Who asks for that gets his answer when the far side has ended the call that has crossed the cancelling; at once when
// the server shuts down.
func TestGivingUpWaitsForTheFarSide(t *testing.T) {
	within(t, two(), func(x *exchange, d *Dialer) {
		p := x.phone("101").rings(0)
		p.crosses, p.slowBye = true, 3*time.Second
		for settle, want := range map[bool]time.Duration{false: 5 * time.Second, true: 8 * time.Second} {
			ctx, giveUp := context.WithTimeout(context.Background(), 5*time.Second)
			req := into("101")
			req.Settle = settle
			begin := time.Now()
			if r := d.Dial(ctx, req, nil); r.State != Cancelled || time.Since(begin) != want {
				t.Errorf("settle %v: %v after %v, want %v", settle, r.Outcome, time.Since(begin), want)
			}
			giveUp()
		}
		p.slowBye = time.Hour
		ctx, giveUp := context.WithTimeout(context.Background(), 5*time.Second)
		defer giveUp()
		req := into("101")
		req.Settle = true
		begin := time.Now()
		if d.Dial(ctx, req, nil); time.Since(begin) != 37*time.Second {
			t.Errorf("a far side that never answers is waited for %v", time.Since(begin))
		}
		go d.Dial(context.Background(), req, nil)
		time.Sleep(time.Second)
		begin = time.Now()
		if d.Close(); time.Since(begin) != 0 {
			t.Errorf("closing took %v", time.Since(begin))
		}
		if last := x.sent[len(x.sent)-1]; !last.Settle {
			t.Error("the INVITE is not told")
		}
	})
}

func TestARoomThatEndsCancelsWhatRings(t *testing.T) {
	within(t, pbx(), func(x *exchange, d *Dialer) {
		x.phone("101").rings(0)
		x.phone("102").rings(0)
		var done sync.WaitGroup
		other := into("102")
		other.Room = conference("7777")
		done.Go(func() { x.wantDial(d, into("101"), "queued, trying, ringing, cancelled") })
		done.Go(func() { x.wantDial(d, other, "queued, trying, ringing, no answer") })
		time.Sleep(time.Second)
		d.CancelRoom(conference("5234"))
		done.Wait()
		x.wantLog(`0s INVITE 101@pbx
			0s INVITE 102@pbx
			1s CANCEL 101@pbx: the room has ended
			30s CANCEL 102@pbx: no answer`)
	})
}

func TestNobodyWaitsForAnother(t *testing.T) {
	within(t, pbx(), func(x *exchange, d *Dialer) {
		var done sync.WaitGroup
		for i := range 100 {
			number := fmt.Sprint(1000 + i)
			if i%2 == 0 {
				x.phone(number).rings(0)
			} else {
				x.phone(number).rings(0).answers(time.Second)
			}
			done.Go(func() { d.Dial(context.Background(), into(number), nil) })
		}
		synctest.Wait()
		if s := d.Stats(); s.Dials != 100 || len(x.sent) != 100 || time.Since(x.began) != 0 {
			t.Errorf("%d under way, %d INVITEs after %v", s.Dials, len(x.sent), time.Since(x.began))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := len(x.live()); got != 50 {
			t.Errorf("%d have answered", got)
		}
		done.Wait()
	})
}

func TestNobodyIsCalledTwiceIntoARoom(t *testing.T) {
	cfg := pbx()
	cfg.Rules.Prefixes = []string{"7", "8"}
	within(t, cfg, func(x *exchange, d *Dialer) {
		x.phone("89161234567").rings(0).answers(5 * time.Second)
		var done sync.WaitGroup
		done.Go(func() {
			x.wantDial(d, into("8 916 123-45-67"), "queued, trying, ringing, answered on 89161234567@pbx: straight")
		})
		time.Sleep(time.Second)
		x.wantDial(d, into("+79161234567"), "failed: already being called")
		other := into("89161234567")
		other.Room = conference("7777") // into another room: Errorf of the exchange looks at rooms as well
		x.phone("89161234567").fails(0, 486)
		x.wantDial(d, other, "queued, trying, busy")
		done.Wait()
		x.wantDial(d, into("9161234567"), "failed: already being called") // he talks
		x.calls[0].Hangup("bye")
		synctest.Wait()
		x.wantDial(d, into("89161234567"), "queued, trying, busy")

		x.enters("+7 916 123 45 67")
		x.wantDial(d, into("89161234567"), "failed: already in the room")
		x.wantDial(d, into("12"), "failed: already in the room") // the inviter himself
	})
}

func TestRewriting(t *testing.T) {
	cfg := pbx()
	cfg.Rules = Rules{Deny: []string{"_00X!"}, MaxDigits: 15}
	cfg.Trunks = []Trunk{
		{Name: "carrier", Address: "sip:carrier", Numbers: []string{"_9XXX!"}, Strip: 1, Prepend: "+7"},
		{Name: "zero", Address: "sip:zero", Numbers: []string{"_8XXX!"}, Strip: 1, Prepend: "0"},
		{Name: "bare", Address: "sip:bare", Numbers: []string{"_X"}, Strip: 1},
	}
	within(t, cfg, func(x *exchange, d *Dialer) {
		x.phone("+7499123@carrier").answers(0)
		x.wantDial(d, into("9499123"), "queued, trying, answered on 9499123@carrier: press-1")
		x.phone("01234@zero").answers(0)
		x.wantDial(d, into("81234"), "queued, trying, answered on 81234@zero: press-1")
		x.wantDial(d, into("801234"), "failed: not allowed") // would be 001234
		x.wantDial(d, into("7"), "failed: no trunk takes this number")
		x.wantDial(d, into("1234"), "failed: no trunk takes this number")
		x.wantLog("0s INVITE +7499123@carrier\n0s INVITE 01234@zero")
	})
}

func TestTheOrderOfTrunks(t *testing.T) {
	cfg := two()
	cfg.Trunks = append(cfg.Trunks, Trunk{Name: "spare", Address: "sip:spare"})
	cfg.Default = "carrier"
	within(t, cfg, func(x *exchange, d *Dialer) {
		x.phone("101").fails(time.Second, 500)
		x.wantDial(d, into("101"), "queued, trying, queued, trying, queued, trying, failed: congestion (500)")
		named := into("101")
		named.Trunk = "spare"
		x.wantDial(d, named, "queued, trying, failed: congestion (500)")
		named.Trunk = "nowhere"
		x.wantDial(d, named, "failed: no trunk takes this number")
		x.wantLog(`0s INVITE 101@carrier
			1s INVITE 101@pbx
			2s INVITE 101@spare
			3s INVITE 101@spare`)
		for i, want := range []uint64{1, 1, 2} {
			if got := d.Stats().Trunks[i]; got.Attempts != want || got.Failovers != want || got.LastError != "response 500" {
				t.Errorf("figures of %s: %+v", got.Name, got)
			}
		}
	})
}

func TestARestingTrunk(t *testing.T) {
	within(t, two(), func(x *exchange, d *Dialer) {
		x.phone("101@pbx").congested(30 * time.Second)
		x.phone("101@carrier").fails(0, 486)
		x.wantDial(d, into("101"), "queued, trying, queued, trying, busy")
		if got := d.Stats().Trunks[0]; time.Until(got.Rests) != 30*time.Second {
			t.Errorf("it rests for %v", time.Until(got.Rests))
		}
		x.wantDial(d, into("101"), "queued, trying, busy") // on the other one at once
		x.phone("102@carrier").congested(time.Hour)
		x.wantDial(d, into("102"), "queued, trying, queued, failed: congestion (503)")
		x.wantDial(d, into("102"), "queued, failed: congestion") // nobody is left
		patient := into("103")
		patient.Wait = time.Minute
		x.phone("103@pbx").answers(0)
		x.wantDial(d, patient, "queued, trying, answered on 103@pbx: straight")
		x.wantLog(`0s INVITE 101@pbx
			0s INVITE 101@carrier
			0s INVITE 101@carrier
			0s INVITE 102@carrier
			30s INVITE 103@pbx`)
		if got := d.Stats().Trunks[1]; time.Until(got.Rests) != maxRest-30*time.Second {
			t.Errorf("who asks for an hour rests for %v more", time.Until(got.Rests))
		}
	})
}

func TestRedirection(t *testing.T) {
	cfg := two()
	cfg.Rules = DefaultRules()
	cfg.Rules.Policies = []PolicyRule{{"_2XX", Consult}}
	for _, c := range []struct {
		name, want, log string
		phones          func(x *exchange)
		asked           Policy
	}{
		{name: "to a colleague", phones: func(x *exchange) {
			x.phone("101").moved("102")
			x.phone("102").rings(0).answers(0)
		}, want: "queued, trying, queued, trying, ringing, answered on 102@pbx: straight", log: "101@pbx 102@pbx"},
		{name: "what the invited meets is that of where he is", asked: Straight, phones: func(x *exchange) {
			x.phone("101").moved("201")
			x.phone("201").answers(0)
		}, want: "queued, trying, queued, trying, answered on 201@pbx: consult", log: "101@pbx 201@pbx"},
		{name: "abroad", phones: func(x *exchange) { x.phone("101").moved("0049301234") },
			want: "queued, trying, failed: not allowed (302)", log: "101@pbx"},
		{name: "to a service code", phones: func(x *exchange) { x.phone("101").moved("*72") },
			want: "queued, trying, failed: not allowed (302)", log: "101@pbx"},
		{name: "to a room of ours", phones: func(x *exchange) { x.phone("101").moved("*15234") },
			want: "queued, trying, failed: leads back here (302)", log: "101@pbx"},
		{name: "to what is no number", phones: func(x *exchange) { x.phone("101").moved("a b@c") },
			want: "queued, trying, failed: no number (302)", log: "101@pbx"},
		{name: "in a circle", phones: func(x *exchange) {
			x.phone("101").moved("102")
			x.phone("102").moved("101", "102")
		}, want: "queued, trying, queued, trying, failed: redirected too often (302)", log: "101@pbx 102@pbx"},
		{name: "on and on", phones: func(x *exchange) {
			for i := range 9 {
				x.phone(fmt.Sprint(101 + i)).moved(fmt.Sprint(102 + i))
			}
		}, want: "queued, trying, queued, trying, queued, trying, queued, trying, failed: redirected too often (302)",
			log: "101@pbx 102@pbx 103@pbx 104@pbx"},
		{name: "to several, the best first", phones: func(x *exchange) {
			x.phone("101").moved("0049301234", "102", "103", "104")
			x.phone("102").fails(0, 486)
			x.phone("103").answers(0)
		}, want: "queued, trying, queued, trying, queued, trying, answered on 103@pbx: straight", log: "101@pbx 102@pbx 103@pbx"},
		{name: "who declines does so everywhere", phones: func(x *exchange) {
			x.phone("101").moved("102", "103")
			x.phone("102").fails(0, 603)
		}, want: "queued, trying, queued, trying, declined", log: "101@pbx 102@pbx"},
		{name: "to somebody in the room", phones: func(x *exchange) {
			x.phone("101").moved("102")
			x.enters("102")
		}, want: "queued, trying, failed: already in the room (302)", log: "101@pbx"},
		{name: "after a trunk that was down", phones: func(x *exchange) {
			x.phone("101@pbx").fails(0, 503)
			x.phone("101@carrier").moved("102")
			x.phone("102@pbx").answers(0)
		}, want: "queued, trying, queued, trying, queued, trying, answered on 102@pbx: straight", log: "101@pbx 101@carrier 102@pbx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			within(t, cfg, func(x *exchange, d *Dialer) {
				c.phones(x)
				req := into("101")
				req.Policy = c.asked
				x.wantDial(d, req, c.want)
				var log []string
				for _, a := range x.sent {
					log = append(log, a.Number+"@"+a.Trunk.Name)
				}
				if got := strings.Join(log, " "); got != c.log {
					t.Errorf("INVITEs to %s; want %s", got, c.log)
				}
			})
		})
	}
}

func TestTheTargetOfARedirectionIsNotCalledTwice(t *testing.T) {
	within(t, pbx(), func(x *exchange, d *Dialer) {
		x.phone("101").rings(0).then(step{after: time.Second, failure: &Failure{Class: Redirect, Code: 302, Targets: []string{"102"}}})
		x.phone("102").rings(0).answers(5 * time.Second)
		var done sync.WaitGroup
		done.Go(func() {
			x.wantDial(d, into("101"), "queued, trying, ringing, queued, trying, ringing, answered on 102@pbx: straight")
		})
		time.Sleep(2 * time.Second)
		x.wantDial(d, into("102"), "failed: already being called")
		x.wantDial(d, into("101"), "failed: already being called")
		done.Wait()
		x.calls[0].Hangup("bye")
		synctest.Wait()
		if len(d.claims) != 0 {
			t.Errorf("claimed still: %v", d.claims)
		}
	})
}

func TestEarlyMediaIsForTheInviter(t *testing.T) {
	within(t, pbx(), func(x *exchange, d *Dialer) {
		early := &fakeCall{id: "early"}
		x.phone("101").then(step{progress: &Progress{State: Ringing, Early: early}}).answers(0)
		var heard Call
		d.Dial(context.Background(), into("101"), func(c Change) {
			if c.Early != nil && c.Trunk == "pbx" && c.Number == "101" && c.State == Ringing {
				heard = c.Early
			}
		})
		if heard != early {
			t.Errorf("heard %v", heard)
		}
	})
}

func TestAClosedDialer(t *testing.T) {
	within(t, pbx(), func(x *exchange, d *Dialer) {
		x.phone("101").rings(0)
		x.phone("102").answers(0)
		x.wantDial(d, into("102"), "queued, trying, answered on 102@pbx: straight")
		var done sync.WaitGroup
		done.Go(func() { x.wantDial(d, into("101"), "queued, trying, ringing, cancelled") })
		time.Sleep(time.Second)
		d.Close()
		done.Wait()
		x.wantDial(d, into("103"), "failed: the server is shutting down")
		if got := x.live(); len(got) != 1 {
			t.Errorf("a call that was answered is its owner's to end; live: %v", got)
		}
		d.Close()
		x.wantLog("0s INVITE 102@pbx\n0s INVITE 101@pbx\n1s CANCEL 101@pbx: the server is shutting down")
	})
}
