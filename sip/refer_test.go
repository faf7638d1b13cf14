package sip

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// inAgency is inWorld with somebody who takes REFERs: each comes by the channel.
func inAgency(t *testing.T, story func(w *world, referred chan *Referral)) {
	t.Helper()
	referred := make(chan *Referral, 16)
	inWorld(t, func(c *Config, _ *Handler) {
		c.Refer = func(ctx context.Context, r *Referral) {
			referred <- r
			<-ctx.Done()
		}
	}, func(w *world) {
		story(w, referred)
		w.ua.stopWork() // the handlers return
		w.wantNoSubscriptions()
	})
}

// refers sends a REFER and gives what the program gets of it.
func (p *phone) refers(to string, referred chan *Referral, headers ...string) *Referral {
	p.w.t.Helper()
	p.sends("REFER", "", append(headers, "Refer-To: "+to)...)
	select {
	case r := <-referred:
		return r
	case m := <-p.inbox:
		p.w.t.Fatalf("the REFER was answered with\n%s", m)
	case <-time.After(time.Second):
		p.w.t.Fatal("nobody was asked")
	}
	return nil
}

// accepted gets the 202, and the NOTIFY that must come at once.
func (p *phone) accepted(r *Referral) *sipgo.Response {
	p.w.t.Helper()
	if !r.Accept() {
		p.w.t.Fatal("it is not accepted")
	}
	res := p.wants(202)
	wantHeader(p.w.t, res, "Contact", "<sip:5234@127.0.0.1:5060>;isfocus")
	if p.toTag == "" {
		p.toTag, _ = res.To().Params.Get("tag")
	}
	p.wantsReport("active;expires=600", "100 Trying", res.CSeq().SeqNo)
	return res
}

// wantsReport gets a NOTIFY that says how far the REFER with that number has come.
func (p *phone) wantsReport(state, status string, number uint32) *sipgo.Request {
	p.w.t.Helper()
	req := p.wantsNOTIFY(2*time.Second, state, "SIP/2.0 "+status+"\r\n", 200)
	wantHeader(p.w.t, req, "Event", fmt.Sprint("refer;id=", number))
	wantHeader(p.w.t, req, "Content-Type", "message/sipfrag;version=2.0")
	wantHeader(p.w.t, req, "Contact", "<sip:5234@127.0.0.1:5060>;isfocus")
	return req
}

// TestREFER outside of any dialog, and within that of a call: 202, how it goes, how it ends.
func TestREFER(t *testing.T) {
	for _, within := range []bool{false, true} {
		inAgency(t, func(w *world, referred chan *Referral) {
			p := w.phone()
			var call *Call
			if within {
				call = p.calls()
			}
			r := p.refers("<sip:200@pbx.example>", referred, "Referred-By: \"Alice\" <sip:100@127.0.0.1>;cid=1")
			if r.Call() != call || r.Number != "5234" || r.Caller != (Identity{"Alice", "100"}) || r.ReferredBy != "sip:100@127.0.0.1" || r.Source != p.addr || r.ID() != p.callID {
				t.Errorf("referred %+v", r)
			}
			if want := (ReferTo{URI: "sip:200@pbx.example", Number: "200", Method: "INVITE"}); r.To != want {
				t.Errorf("to %+v, want %+v", r.To, want)
			}
			number := p.accepted(r).CSeq().SeqNo
			p.wantsNothing(5 * time.Second)
			r.Progress(180, "Ringing")
			p.wantsReport("active;expires=595", "180 Ringing", number)
			r.Finish(200, "OK")
			wantTold(t, r, false)
			p.wantsReport("terminated;reason=noresource", "200 OK", number)
			wantTold(t, r, true)
			r.Finish(486, "Busy Here")
			p.wantsNothing(time.Minute)
			p.sends("SUBSCRIBE", "", fmt.Sprint("Event: refer;id=", number), "Expires: 0")
			p.wants(481)
			if within {
				p.hangsUp()
			}
		})
	}
}

// wantTold: whether he who asked knows what has become of it, or will not be told.
func wantTold(t *testing.T, r *Referral, want bool) {
	t.Helper()
	synctest.Wait()
	select {
	case <-r.Told():
		if !want {
			t.Error("he has been told")
		}
	default:
		if want {
			t.Error("he has not been told yet")
		}
	}
}

// TestWhoKnowsOfConferences says so in the message that made the call, or in his REFER.
func TestWhoKnowsOfConferences(t *testing.T) {
	inAgency(t, func(w *world, referred chan *Referral) {
		for _, test := range []struct {
			invite, refer []string
			want          bool
		}{
			{nil, nil, false},
			{[]string{"Allow-Events: talk, hold"}, []string{"Allow-Events: refer"}, false},
			{[]string{"Allow-Events: talk, Conference"}, nil, true},
			{[]string{"u: conference"}, nil, true},
			{nil, []string{"Allow-Events: conference"}, true},
		} {
			p := w.phone()
			p.calls(test.invite...)
			r := p.refers("<sip:200@pbx>", referred, append(test.refer, "Refer-Sub: false")...)
			if r.Confers != test.want {
				t.Errorf("%+v: %v", test, r.Confers)
			}
			r.Refuse(603, "Declined")
			wantTold(t, r, true)
			p.wants(603)
			p.hangsUp()

			callee := w.phone()
			a := w.dials(callee)
			c := callee.rung()
			c.picksUp(a, test.invite...)
			r = c.refers("<sip:200@pbx>", referred, append(test.refer, "Refer-Sub: false")...)
			if r.Confers != test.want {
				t.Errorf("we have called, %+v: %v", test, r.Confers)
			}
			r.Refuse(603, "Declined")
			c.wants(603)
			c.hangsUp()
		}
	})
}

// TestREFERThatFailsAtOnce: the result waits for the answer to the first NOTIFY, and for nothing else.
func TestREFERThatFailsAtOnce(t *testing.T) {
	inAgency(t, func(w *world, referred chan *Referral) {
		p := w.phone()
		r := p.refers("<sip:200@pbx.example>", referred)
		begin := time.Now()
		r.Accept()
		synctest.Wait()
		r.Progress(180, "Ringing")
		r.Finish(603, "Declined")
		p.toTag, _ = p.wants(202).To().Params.Get("tag")
		first := p.wantsRequest("NOTIFY", now, 0)
		p.wantsNothing(100 * time.Millisecond)
		p.answers(first, 200, "")
		p.wantsReport("terminated;reason=noresource", "603 Declined", 1)
		if d := time.Since(begin); d > 200*time.Millisecond {
			t.Errorf("told after %v", d)
		}
	})
}

// TestREFERWithoutReports: who says Refer-Sub: false is told so, and nothing else.
func TestREFERWithoutReports(t *testing.T) {
	inAgency(t, func(w *world, referred chan *Referral) {
		p := w.phone()
		p.calls()
		r := p.refers("<sip:200@pbx.example>", referred, "Refer-Sub: False", "Require: norefersub")
		r.Accept()
		wantHeader(t, p.wants(202), "Refer-Sub", "false")
		r.Progress(180, "Ringing")
		wantTold(t, r, false)
		r.Finish(200, "OK")
		wantTold(t, r, true)
		p.wantsNothing(time.Minute)
		p.accepted(p.refers("<sip:200@pbx.example>", referred, "Refer-Sub: true"))
		p.hangsUp()
		w.ua.stopWork()
		p.wantsReport("terminated;reason=noresource", "500 Server Internal Error", 3)
	})
}

// TestSeveralREFERsInADialog are told apart by their numbers.
func TestSeveralREFERsInADialog(t *testing.T) {
	inAgency(t, func(w *world, referred chan *Referral) {
		p := w.phone()
		p.calls()
		one := p.refers("<sip:201@pbx.example>", referred)
		p.accepted(one)
		two := p.refers("<sip:202@pbx.example>", referred)
		p.accepted(two)
		one.Finish(486, "Busy Here")
		p.wantsReport("terminated;reason=noresource", "486 Busy Here", 2)
		p.sends("SUBSCRIBE", "", "Event: refer;id=2", "Expires: 0")
		p.wants(481)
		p.sends("SUBSCRIBE", "", "Event: refer;id=3", "Expires: 300")
		p.wants(200)
		p.wantsReport("active;expires=300", "100 Trying", 3)

		// Who does not want to be told any more is told so; what he asked for goes on.
		p.sends("SUBSCRIBE", "", "Event: refer;id=3", "Expires: 0")
		wantHeader(t, p.wants(200), "Expires", "0")
		p.wantsReport("terminated;reason=timeout", "100 Trying", 3)
		two.Finish(200, "OK")
		p.wantsNothing(time.Minute)
		p.hangsUp()
	})
}

// TestWhoHasReferredHangsUp at once, as phones do that transfer blindly. He is told all the same (RFC 5057 section 4.2).
func TestWhoHasReferredHangsUp(t *testing.T) {
	inAgency(t, func(w *world, referred chan *Referral) {
		p := w.phone()
		p.calls()
		r := p.refers("<sip:200@pbx.example>", referred)
		p.accepted(r)
		p.hangsUp()
		time.Sleep(10 * time.Second)
		if w.ua.Calls() != 0 {
			t.Error("the call is left")
		}
		r.Finish(200, "OK")
		p.wantsReport("terminated;reason=noresource", "200 OK", 2)
	})
}

// TestWhoHasReferredHangsUpBeforeItIsDecided: he has his answer, and nobody is called for him.
func TestWhoHasReferredHangsUpBeforeItIsDecided(t *testing.T) {
	for _, accepts := range []bool{true, false} {
		inAgency(t, func(w *world, referred chan *Referral) {
			p := w.phone()
			p.calls()
			r := p.refers("<sip:200@pbx.example>", referred)
			p.hangsUp()
			wantHeader(t, p.wants(481), "CSeq", "2 REFER")
			if !accepts {
				r.Refuse(486, "Busy Here")
			} else if first, again := r.Accept(), r.Accept(); first || again {
				t.Error("it is accepted")
			}
			wantTold(t, r, true)
			r.Progress(180, "Ringing")
			r.Finish(200, "OK")
			p.wantsNothing(time.Minute)
		})
	}
}

// TestREFERTakesLong: after ten minutes nobody waits for what becomes of it.
func TestREFERTakesLong(t *testing.T) {
	inAgency(t, func(w *world, referred chan *Referral) {
		p := w.phone()
		r := p.refers("<sip:200@pbx.example>", referred)
		p.accepted(r)
		p.wantsNothing(referTime - time.Second)
		p.wantsReport("terminated;reason=timeout", "100 Trying", 1)
		r.Finish(200, "OK")
		p.wantsNothing(time.Minute)
	})
}

func TestREFERsThatAreRefused(t *testing.T) {
	for _, test := range []struct {
		name    string
		headers []string
		change  func(*phone)
		want    int
	}{
		{"nobody", nil, nil, 400},
		{"two", []string{"Refer-To: <sip:200@pbx>", "Refer-To: <sip:201@pbx>"}, nil, 400},
		{"two, one of them in short", []string{"Refer-To: <sip:200@pbx>", "r: <sip:201@pbx>"}, nil, 400},
		{"two in one line", []string{"Refer-To: <sip:200@pbx>, <sip:201@pbx>"}, nil, 400},
		{"nonsense", []string{"Refer-To: <sip:200@pbx"}, nil, 400},
		{"a web page", []string{"Refer-To: <http://pbx.example/>"}, nil, 400},
		{"two calls to replace", []string{"Refer-To: <sip:200@pbx?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3&Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3>"}, nil, 400},
		{"nowhere to tell it", []string{"Refer-To: <sip:200@pbx>"}, func(p *phone) { p.contact = "" }, 400},
		{"an extension", []string{"Refer-To: <sip:200@pbx>", "Require: tdialog"}, nil, 420},
		{"a dialog that nobody knows", []string{"Refer-To: <sip:200@pbx>"}, func(p *phone) { p.toTag = "stranger" }, 481},
	} {
		t.Run(test.name, func(t *testing.T) {
			inAgency(t, func(w *world, referred chan *Referral) {
				p := w.phone()
				if test.change != nil {
					test.change(p)
				}
				p.sends("REFER", "", test.headers...)
				p.wants(test.want)
				p.wantsNothing(time.Minute)
				if len(referred) > 0 {
					t.Error("the program was asked")
				}
			})
		})
	}
}

// TestTheProgramRefusesAREFER: with what it says, or, when it says nothing, with 603.
func TestTheProgramRefusesAREFER(t *testing.T) {
	for _, test := range []struct {
		name  string
		refer ReferralHandler
		want  int
		then  string // what is told then
	}{
		{"nobody is there", nil, 603, ""},
		{"it returns", func(context.Context, *Referral) {}, 603, ""},
		{"it says why", func(_ context.Context, r *Referral) {
			r.Refuse(403, "Forbidden")
			r.Accept()
			r.Finish(200, "OK")
		}, 403, ""},
		{"it panics", func(context.Context, *Referral) { panic("our own bug") }, 603, ""},
		{"it accepts and returns", func(_ context.Context, r *Referral) { r.Accept(); r.Refuse(403, "Forbidden") }, 202, "500 Server Internal Error"},
		{"it accepts and panics", func(_ context.Context, r *Referral) { r.Accept(); panic("our own bug") }, 202, "500 Server Internal Error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, func(c *Config, _ *Handler) { c.Refer = test.refer }, func(w *world) {
				for _, within := range []bool{false, true} {
					p := w.phone()
					if within {
						p.calls()
					}
					p.sends("REFER", "", "Refer-To: <sip:200@pbx>")
					res := p.wants(test.want)
					if test.then != "" {
						p.toTag, _ = res.To().Params.Get("tag")
						for last := false; !last; {
							notify := p.wantsRequest("NOTIFY", 2*time.Second, 200)
							if last = strings.HasPrefix(header(t, notify, "Subscription-State"), "terminated"); last && string(notify.Body()) != "SIP/2.0 "+test.then+"\r\n" {
								t.Errorf("told %q", notify.Body())
							}
						}
					}
					if within {
						p.hangsUp()
					}
					p.wantsNothing(time.Minute)
				}
				if strings.Contains(test.name, "panics") {
					if n := w.ua.Counters.Panics.Swap(0); n != 2 {
						t.Errorf("%d panics", n)
					}
				}
				w.wantNoSubscriptions()
			})
		})
	}
}

// TestREFERBeforeTheAnswer: there is no call yet that could be moved.
func TestREFERBeforeTheAnswer(t *testing.T) {
	inAgency(t, func(w *world, referred chan *Referral) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(180, "")
		moved(t, a, 180, false)
		c.sends("REFER", "", "Refer-To: <sip:200@pbx>")
		c.wants(403)
		a.Cancel("")
		c.wantsCANCEL(time.Second)
		c.refuses(487)
	})
}

// TestREFERDuringAReinvite: neither keeps the other from being answered, and nothing is left of either.
func TestREFERDuringAReinvite(t *testing.T) {
	for _, order := range []string{"acknowledged after it", "never acknowledged", "cancelled"} {
		inAgency(t, func(w *world, referred chan *Referral) {
			p := w.phone()
			call := p.calls()
			p.invites(described("sendonly", "127.0.0.1", 40000, 2))
			r := p.refers200(referred)
			r.Accept()
			got := map[string]bool{}
			for len(got) < 3 {
				m := p.gets(time.Second)
				if m == nil {
					t.Fatalf("%s: got only %v", order, got)
				}
				switch m := m.Message.(type) {
				case *sipgo.Response:
					if m.StatusCode >= 200 {
						got[fmt.Sprint(m.StatusCode, " ", m.CSeq().MethodName)] = true
					}
				case *sipgo.Request:
					got[string(m.Method)] = true
					p.answers(m, 200, "")
				}
			}
			if !got["200 INVITE"] || !got["202 REFER"] || !got["NOTIFY"] {
				t.Errorf("%s: got %v", order, got)
			}
			switch order {
			case "acknowledged after it":
				p.acks("")
			case "cancelled":
				p.request("CANCEL", p.branch, "") // too late
			}
			r.Finish(200, "OK")
			call.Hangup("moved")
			bye := false
			for range 60 {
				m := p.gets(time.Second)
				if m == nil {
					continue
				}
				if req, ok := m.Message.(*sipgo.Request); ok {
					bye = bye || req.Method == sipgo.BYE
					p.answers(req, 200, "")
				}
			}
			if !bye || w.ua.Calls() != 0 {
				t.Errorf("%s: BYE %v, %d calls", order, bye, w.ua.Calls())
			}
		})
	}
}

// refers200 is refers, past whatever else has come.
func (p *phone) refers200(referred chan *Referral) *Referral {
	p.w.t.Helper()
	p.sends("REFER", "", "Refer-To: <sip:200@pbx>")
	select {
	case r := <-referred:
		return r
	case <-time.After(time.Second):
		p.w.t.Fatal("nobody was asked")
		return nil
	}
}

// TestCloseDuringAREFER: who waits for what becomes of it is told.
func TestCloseDuringAREFER(t *testing.T) {
	inAgency(t, func(w *world, referred chan *Referral) {
		p := w.phone()
		p.accepted(p.refers("<sip:200@pbx>", referred))
		go w.ua.Close(context.Background(), "over")
		notify := p.wantsRequest("NOTIFY", now, 200)
		if state := header(t, notify, "Subscription-State"); state != "terminated;reason=noresource" {
			t.Errorf("Subscription-State: %s", state)
		}
	})
}

// TestTooManyREFERs at once.
func TestTooManyREFERs(t *testing.T) {
	inAgency(t, func(w *world, referred chan *Referral) {
		p := w.phone()
		w.ua.refers = mostRefers
		p.sends("REFER", "", "Refer-To: <sip:200@pbx>")
		p.wants(480)
		w.ua.refers = 0
		callID := p.callID
		for i := range mostOfSource {
			p.callID, p.toTag = fmt.Sprint(callID, i), ""
			p.accepted(p.refers("<sip:200@pbx>", referred))
		}
		p.callID, p.toTag = callID, ""
		r := p.refers("<sip:200@pbx>", referred)
		if r.Accept() {
			t.Error("it is accepted")
		}
		p.wants(480)
		w.ua.stopWork()
		for range mostOfSource {
			p.wantsRequest("NOTIFY", time.Second, 200)
		}
		synctest.Wait()
	})
}

func TestReferTo(t *testing.T) {
	for value, want := range map[string]ReferTo{
		"<sip:200@pbx>":                        {URI: "sip:200@pbx", Number: "200", Method: "INVITE"},
		"sip:200@pbx:5070":                     {URI: "sip:200@pbx:5070", Number: "200", Method: "INVITE"},
		"sip:200@pbx;early=x":                  {URI: "sip:200@pbx", Number: "200", Method: "INVITE"},
		`"A, B <c>" <sip:200@pbx>`:             {URI: "sip:200@pbx", Number: "200", Method: "INVITE"},
		"<sip:pbx>":                            {URI: "sip:pbx", Method: "INVITE"},
		"<tel:+49-30-123;phone-context=x>":     {URI: "tel:+49-30-123;phone-context=x", Number: "+49-30-123", Method: "INVITE"},
		"<sip:%2A100@[::1]:5060>;x=y":          {URI: "sip:%2A100@[::1]:5060", Number: "*100", Method: "INVITE"},
		"<sip:200@pbx;method=BYE>":             {URI: "sip:200@pbx", Number: "200", Method: "BYE"},
		"<sip:200@pbx;transport=tcp;Method=b>": {URI: "sip:200@pbx;transport=tcp", Number: "200", Method: "B"},
		"<sip:200@pbx?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>":                            {URI: "sip:200@pbx", Number: "200", Method: "INVITE", Replaces: "a@b;to-tag=1;from-tag=2"},
		"<sip:200@pbx?Route=%3Csip:x%3E&replaces=a;to-tag=1;from-tag=2%3Bearly-only&From=me>": {URI: "sip:200@pbx", Number: "200", Method: "INVITE", Replaces: "a;to-tag=1;from-tag=2;early-only"},
	} {
		if got, err := parseReferTo(value); err != nil || got != want {
			t.Errorf("%s: got %+v %v, want %+v", value, got, err, want)
		}
	}
	for _, value := range []string{
		"", "<>", "20a", "<20 0>", "200@pbx", "anna", "<sip:200@pbx", "sip:200@pbx>", "<sip:2 00@pbx>", "<sip:200@pbx>,", "<sip:200@pbx>, <sip:201@pbx>",
		"sip:200@pbx?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2", "<sip:200@pbx?Replaces=%0d%0aX:1>", "<sip:200@pbx?Replaces=a%3Bto-tag%3D1>",
		"<sip:200@pbx?Replaces=%3Bto-tag%3D1%3Bfrom-tag%3D2>", "<sip:200@pbx?Replaces=%zz>", "<sip:200@pbx?Replaces=a%3Bto-tag%3D1%3Bto-tag%3D1%3Bfrom-tag%3D2>",
		"<mailto:a@b>", strings.Repeat("1", 65), "<sip:" + strings.Repeat("1", 2000) + "@pbx>", "<sip:200@pbx>\x00",
	} {
		if got, err := parseReferTo(value); err == nil && value != "<sip:200@pbx>," {
			t.Errorf("%s: %+v", value, got)
		}
	}
}

// FuzzReferTo: whatever a Refer-To says, what we make of it is fit for a header, a log line and a number.
func FuzzReferTo(f *testing.F) {
	for _, value := range []string{
		"<sip:200@pbx>", `"A" <sip:200@pbx;method=BYE?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2&x=y>;z`, "tel:+1;a=b", "<sip:a:b@[::1]:1;lr?c=%0d>", "<sip:%0A@h>", "*", "<>", "sips:x",
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		to, err := parseReferTo(value)
		if err != nil {
			return
		}
		if !plain(to.URI) || clean(to.Number) != to.Number || clean(to.Method) != to.Method || !plain(to.Replaces) {
			t.Errorf("%q: %+v", value, to)
		}
		if target := (Target{URI: "sip:h", Replaces: to.Replaces}); target.check() != nil {
			t.Errorf("%q: Replaces %q cannot be sent", value, to.Replaces)
		}
	})
}
