package phone

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// rings is two phones, of which bob does what the test says when ann calls him.
func rings(t *testing.T, change func(*Config), answer func(*pair, *Incoming)) *pair {
	var p *pair
	made := make(chan struct{})
	p = newPair(t, func(name string, c *Config) {
		if name == "bob" {
			c.Answer = func(in *Incoming) { <-made; answer(p, in) }
			if change != nil {
				change(c)
			}
		}
	})
	close(made)
	return p
}

func TestEarlyMediaIsTheCalls(t *testing.T) {
	pick := make(chan struct{})
	p := rings(t, nil, func(p *pair, in *Incoming) {
		early, err := in.Early(183, Header{"X-Early", "yes"})
		if err != nil {
			t.Error(err)
			return
		}
		early.Speak(Tone(440, -10))
		p.answered <- early
		<-pick
		call, err := in.Accept()
		if err != nil || call != early {
			t.Errorf("picked up: %v %v", call, err)
		}
	})
	early := make(chan *Message, 1)
	type outcome struct {
		call *Call
		err  error
	}
	result := make(chan outcome, 1)
	go func() {
		call, err := p.ann.Call(p.ctx, p.bob.URI(), OnProvisional(func(m *Message) {
			if m.Status == 183 {
				early <- m
			}
		}))
		result <- outcome{call, err}
	}()
	progress := <-early
	if progress.Header("X-Early") != "yes" || len(progress.Values("Contact")) != 1 || progress.Header("Content-Type") != "application/sdp" {
		t.Errorf("%s\n%s", progress, progress.Bytes())
	}
	close(pick)
	o := <-result
	if o.err != nil {
		t.Fatal(o.err)
	}
	p.to, p.at = o.call, <-p.answered
	p.awaitACK()
	p.passes(600 * time.Millisecond)
	wantLevel(t, "ann", p.to, 440, -10, 0.2)
	if string(p.to.Response().Body) != string(progress.Body) {
		t.Errorf("another answer in the 200:\n%s\n%s", progress.Body, p.to.Response().Body)
	}
}

func TestRefusedAfterEarlyMedia(t *testing.T) {
	p := rings(t, nil, func(p *pair, in *Incoming) {
		early, err := in.Early(183)
		if err != nil {
			t.Error(err)
			return
		}
		p.answered <- early
		in.Reject(302, Header{"Contact", "<sip:other@127.0.0.1>"})
	})
	_, err := p.ann.Call(p.ctx, p.bob.URI())
	var refusal *StatusError
	if !errors.As(err, &refusal) || refusal.Code() != 302 || contactURI(refusal.Response) != "sip:other@127.0.0.1" {
		t.Errorf("%v", err)
	}
	early := <-p.answered
	<-early.Done()
	if Status(early.Ending().Err) != 302 || len(p.bob.Calls()) != 0 {
		t.Errorf("the early call: %+v, %d calls", early.Ending(), len(p.bob.Calls()))
	}
}

// TestReliableResponseWaitsForItsPRACK has the caller's part by hand: this phone, as a caller, knows no PRACK.
func TestReliableResponseWaitsForItsPRACK(t *testing.T) {
	p := rings(t, nil, func(p *pair, in *Incoming) {
		if _, err := in.Reliably(p.ctx, 180, false); err != nil {
			t.Errorf("180: %v", err)
		}
		if c, err := in.Reliably(p.ctx, 183, true); err != nil || !c.RemoteRTP().IsValid() {
			t.Errorf("183: %v", err)
		}
		in.Reject(486)
	})
	var seen []string
	reliable := make(chan *Message, 100)
	acknowledge := func(m *Message) {
		if m.Header("RSeq") != "" {
			reliable <- m
		}
	}
	// One after the other (RFC 3262 section 4), and not before one is answered: bob goes on as soon as he has the PRACK.
	acknowledged := make(chan struct{})
	go func() { // ends when the call has
		defer close(acknowledged)
		for m := range reliable {
			rseq := m.Header("RSeq") + " " + m.Header("Require")
			if slices.Contains(seen, rseq) {
				continue // sent again while its PRACK was under way
			}
			seen = append(seen, rseq)
			invite, _ := m.cseq()
			d := dialog{callID: m.Header("Call-ID"), local: m.Header("From"), remote: m.Header("To"), target: contactURI(m), cseq: uint32(10 * len(seen))}
			send := func(rseq string, want int) {
				prack := p.ann.inDialog(&d, "PRACK")
				prack.add("RAck", fmt.Sprintf("%s %d INVITE", rseq, invite))
				by, err := p.ann.next(p.ctx, &d)
				if err != nil {
					t.Error(err)
					return
				}
				if r, err := p.ann.transact(p.ctx, by, prack); err != nil || r.Status != want {
					t.Errorf("PRACK %s: %v %v", rseq, r, err)
				}
			}
			send("1", 481)
			send(m.Header("RSeq"), 200)
		}
	}()
	if _, err := p.ann.Call(p.ctx, p.bob.URI(), OnProvisional(acknowledge)); Status(err) != 486 {
		t.Errorf("%v", err)
	}
	close(reliable)
	<-acknowledged
	if got := strings.Join(seen, ", "); got != "1001 100rel, 1002 100rel" {
		t.Errorf("reliable responses: %s", got)
	}
}

func TestBothForksAnswer(t *testing.T) {
	forked := make(chan *Call, 1)
	p := rings(t, nil, func(p *pair, in *Incoming) {
		fork := in.Fork()
		fork.Ring()
		call, err := in.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		p.answered <- call
		if call, err = fork.Accept(); err != nil {
			t.Error(err)
			return
		}
		forked <- call
	})
	var err error
	if p.to, err = p.ann.Call(p.ctx, p.bob.URI()); err != nil {
		t.Fatal(err)
	}
	p.at = <-p.answered
	other := <-forked
	p.awaitACK()
	if other == p.at || len(p.bob.Calls()) != 2 || other.Acknowledged() {
		t.Errorf("the second phone: %d calls, acknowledged %v", len(p.bob.Calls()), other.Acknowledged())
	}
	p.during(func() error { return p.to.Hangup(p.ctx) })
	<-p.at.Done()
	select {
	case <-other.Done():
		t.Error("the BYE has ended the other one as well")
	default:
	}
}

func TestChallenge(t *testing.T) {
	for _, c := range []Challenge{
		{}, {Proxy: true}, {Algorithms: []string{"SHA-256", "MD5"}}, {Algorithms: []string{"SHA-512-256", "MD5"}}, {Uses: 1},
	} {
		c.Realm, c.User, c.Password = "pbx", "ann", "secret"
		for _, password := range []string{"secret", "wrong", ""} {
			p := newPair(t, func(name string, cfg *Config) {
				if name == "bob" {
					cfg.Challenge = &c
				} else {
					cfg.Password = password
				}
			})
			if password != "secret" {
				want := 401
				if c.Proxy {
					want = 407
				}
				if _, err := p.ann.Call(p.ctx, p.bob.URI()); Status(err) != want {
					t.Errorf("%+v with password %q: %v", c, password, err)
				}
				continue
			}
			p.connect()
			p.during(func() error { return p.to.Update(p.ctx) })
			p.during(func() error { return p.to.Hangup(p.ctx) })
			<-p.at.Done()
		}
	}
}

// TestNonceIsUsedInOrder: each request with the same nonce has a higher count.
func TestNonceIsUsedInOrder(t *testing.T) {
	p := &Phone{nonces: map[string]int{"n": 0}}
	c := &Challenge{Uses: 3}
	for _, use := range []struct {
		nonce, nc    string
		valid, stale bool
	}{
		{"n", "00000001", true, false}, {"n", "00000001", false, true}, {"n", "3", false, false}, {"n", "00000003", true, false},
		{"n", "00000004", false, true}, {"m", "00000001", false, false},
	} {
		if valid, stale := p.counts(c, use.nonce, use.nc); valid != use.valid || stale != use.stale {
			t.Errorf("%s %s: valid %v, stale %v", use.nonce, use.nc, valid, stale)
		}
	}
}
