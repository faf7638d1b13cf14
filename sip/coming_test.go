package sip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// dawdles has each request take its time from sipgo to us, as it does on a
// machine that has other things to do: none of it, or this long.
func (w *world) dawdles(d time.Duration) {
	w.begins = func(ua *UA) {
		for _, e := range ua.endpoints {
			e.txs.OnRequest(func(req *sipgo.Request, tx *sipgo.ServerTx) {
				if rand.IntN(3) > 0 {
					time.Sleep(d)
				}
				ua.serve(e, req, tx)
			})
		}
	}
	w.begins(w.ua)
}

// TestRequestsAreSlowDuringHandovers: what one user agent has read gets its
// final answer, although sipgo has told the phone with its 100 to be patient,
// and although nobody but a phone repeats anything.
func TestRequestsAreSlowDuringHandovers(t *testing.T) {
	for _, late := range []time.Duration{300 * time.Millisecond, 900 * time.Millisecond} {
		t.Run(late.String(), func(t *testing.T) { slowDuringHandovers(t, late) })
	}
}

func slowDuringHandovers(t *testing.T, late time.Duration) {
	inWorld(t, func(c *Config, h *Handler) {
		*h = func(ctx context.Context, call *Call) {
			call.Ring()
			if call.Extra("X-Thinks") != "" {
				time.Sleep(200 * time.Millisecond)
			}
			if call.Answer(ctx) == nil {
				<-ctx.Done()
			}
		}
	}, func(w *world) {
		w.dawdles(late)
		const callers, each = 30, 10
		var all sync.WaitGroup
		for i := range callers {
			p, r := w.phone(), rand.New(rand.NewPCG(2, uint64(i)))
			all.Go(func() {
				for k := range each {
					p.callID, p.toTag = fmt.Sprintf("slow-%d-%d", i, k), ""
					time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
					p.insists(r)
				}
			})
		}
		over := make(chan struct{})
		go func() { all.Wait(); close(over) }()
		handovers := 0
		for begun := true; begun; {
			select {
			case <-over:
				begun = false
			case <-time.After(time.Duration(rand.IntN(400)) * time.Millisecond):
				w.pauses()
				before := w.wire.trying.Load()
				time.Sleep(time.Second) // fake
				if n := w.wire.trying.Load() - before; n != 0 {
					t.Errorf("%d times 100 Trying for what nobody serves", n)
				}
				w.succeeds()
				handovers++
			}
		}
		if handovers < 5 {
			t.Errorf("there were only %d hand-overs", handovers)
		}
	})
}

// insists is a call, or none because the phone thinks better of it; each of its
// requests gets a final answer.
func (p *phone) insists(r *rand.Rand) {
	p.invites(pcmaSDP, "X-Thinks: yes")
	if r.IntN(2) == 0 {
		time.Sleep(time.Duration(r.IntN(600)) * time.Millisecond)
		p.request("CANCEL", p.branch, "")
		invited, cancelled := p.finals()
		if cancelled != 200 && cancelled != 481 || invited != 200 && invited != 487 {
			p.w.t.Errorf("%s: the CANCEL got %d, its INVITE %d", p.callID, cancelled, invited)
		}
		if invited == 487 {
			p.acksRefusal()
			return
		}
	} else {
		p.final(200)
	}
	p.acks("")
	if r.IntN(2) == 0 {
		time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond)
		p.invites(pcmaSDP)
		p.final(200)
		p.acks("")
	}
	time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond)
	p.sends("BYE", "")
	p.final(200)
}

// final is wants for the last request; the 2xx of those before may come again.
func (p *phone) final(status int) {
	for {
		m := p.gets(20 * time.Second)
		if m == nil {
			p.w.t.Fatalf("%s: its request %d has got no final answer", p.callID, p.cseq)
		}
		res, ok := m.Message.(*sipgo.Response)
		switch {
		case !ok:
			p.w.t.Fatalf("%s: want %d, got a request:\n%s", p.callID, status, m.text)
		case res.CallID().Value() != p.callID || res.CSeq().SeqNo != uint32(p.cseq) || res.IsProvisional():
		case res.StatusCode != status:
			p.w.t.Fatalf("%s: want %d, got %s", p.callID, status, m.text)
		default:
			p.toTag, _ = res.To().Params.Get("tag")
			return
		}
	}
}

// finals are the final answers to an INVITE and its CANCEL, which is repeated once in a while: that of an INVITE that has its answer is sipgo's to
// answer, and when it comes in the very moment of the hand-over, nobody can tell whether that has happened.
func (p *phone) finals() (invited, cancelled int) {
	for tries := 0; invited == 0 || cancelled == 0; {
		m := p.gets(4 * time.Second)
		if m == nil && tries == 5 {
			break
		}
		if m == nil {
			tries++
			p.request("CANCEL", p.branch, "")
			continue
		}
		res, ok := m.Message.(*sipgo.Response)
		if !ok || res.CallID().Value() != p.callID || res.IsProvisional() {
			continue
		}
		switch {
		case res.CSeq().MethodName == sipgo.CANCEL:
			cancelled = res.StatusCode
		default:
			invited = res.StatusCode
			p.toTag, _ = res.To().Params.Get("tag")
		}
	}
	return invited, cancelled
}

// TestWhatIsOnItsWay: of what was read, that is on its way which will be served;
// and it is, until then.
func TestWhatIsOnItsWay(t *testing.T) {
	for _, cookie := range []bool{true, false} { // without: RFC 2543
		t.Run(fmt.Sprint("cookie ", cookie), func(t *testing.T) {
			inWorld(t, func(_ *Config, h *Handler) {
				*h = func(ctx context.Context, call *Call) {
					call.Ring()
					time.Sleep(10 * time.Second)
					if call.Answer(ctx) == nil {
						<-ctx.Done()
					}
				}
			}, func(w *world) {
				p, e := w.phone(), w.ua.endpoints[0]
				text := func(method string) string {
					s := p.text(method, p.branch, "")
					if !cookie {
						s = strings.ReplaceAll(s, "z9hG4bK", "2543-")
					}
					return s
				}
				read := func(method string) { // and held up
					t.Helper()
					msg, err := messages.ParseSIP([]byte(text(method)))
					if err != nil {
						t.Fatal(err)
					}
					req := msg.(*sipgo.Request)
					req.SetSource(p.addr)
					e.arrived(req)
				}
				comes := func(method string) { // all the way
					p.raw(text(method))
					synctest.Wait()
				}
				want := func(n int, when string) {
					t.Helper()
					if got := e.coming.count(); got != n {
						t.Errorf("%s: %d on their way, want %d", when, got, n)
					}
				}
				p.cseq, p.inviteCSeq = 1, 1
				p.branch = p.newBranch()
				read("INVITE")
				want(1, "INVITE")
				read("INVITE")
				want(1, "its duplicate")
				time.Sleep(3 * time.Second)
				want(1, "after a while")
				comes("INVITE")
				want(0, "it is served")
				read("INVITE")
				want(0, "a duplicate of what is served")
				read("CANCEL")
				want(1, "CANCEL of an INVITE that rings")
				read("CANCEL")
				want(1, "its duplicate")
				comes("CANCEL")
				want(0, "it is cancelled")
				p.finals()
				p.toTag = ""
				read("CANCEL")
				want(0, "CANCEL of what has its final answer")
				read("ACK")
				want(0, "the ACK to the refusal")
				comes("ACK")
				time.Sleep(time.Minute) // its transaction is over
				synctest.Wait()
				if n := len(e.coming.known); n != 0 {
					t.Errorf("%d transactions are remembered for ever", n)
				}
				read("CANCEL")
				want(1, "CANCEL of nothing")
				comes("CANCEL")
				want(0, "it is served")
				time.Sleep(2 * time.Second)
				read("CANCEL")
				want(1, "the next: sipgo keeps no transaction of the answer to a CANCEL")
				comes("CANCEL")
				want(0, "it is served, too")
				time.Sleep(2 * time.Second)

				p.cseq, p.inviteCSeq = 2, 2
				p.branch = p.newBranch()
				comes("INVITE")
				read("CANCEL")
				want(1, "CANCEL of the second INVITE")
				time.Sleep(4900 * time.Millisecond)
				want(1, "4.9 s later")
				time.Sleep(200 * time.Millisecond)
				want(0, "it never comes")
				read("OPTIONS")
				want(1, "OPTIONS")
				comes("OPTIONS")
				want(0, "it is answered")
				read("OPTIONS")
				want(0, "its duplicate")
				read("CANCEL")
				want(1, "CANCEL of the second INVITE again")
				time.Sleep(4900 * time.Millisecond) // in which it is answered
				p.final(200)
				synctest.Wait()
				want(0, "the INVITE has its 200")
				p.acks("")
				synctest.Wait()
				p.hangsUp()
				want(0, "all")
			})
		})
	}
}
