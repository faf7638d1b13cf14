package sip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// Stories of calls that we have made, once they are answered: what is theirs
// alone. All else is as with those that come in.

func TestSessionTimerOfACallOfOurs(t *testing.T) {
	const updates = "Allow: INVITE, UPDATE"
	t.Run("we refresh", func(t *testing.T) {
		for _, refresher := range []string{";refresher=uac", ""} {
			inWorld(t, nil, func(w *world) {
				p := w.phone()
				a := w.dials(p)
				c := p.rung()
				c.picksUp(a, "Require: timer", "Session-Expires: 600"+refresher, updates)
				for range 2 {
					p.wantsNothing(299 * time.Second)
					update := c.wantsRequest("UPDATE", 2*time.Second, 200, "Session-Expires: 600;refresher=uac")
					wantHeader(t, update, "Session-Expires", "600;refresher=uac")
				}
				c.hangsUp()
			})
		}
	})
	t.Run("by re-INVITE with our offer", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			a := w.dials(p)
			c := p.rung()
			c.picksUp(a, "Session-Expires: 600;refresher=uac")
			invite := c.wantsRequest("INVITE", 301*time.Second, 0)
			if string(invite.Body()) != string(c.invite.Body()) {
				t.Errorf("offered\n%s\nafter\n%s", invite.Body(), c.invite.Body())
			}
			wantHeader(t, invite, "Contact", "<sip:5234@127.0.0.1:5060>;isfocus")
			c.answers(invite, 200, pcmaSDP, "Contact: <"+c.contact+">")
			if ack := c.wantsRequest("ACK", time.Second, 0); ack.CSeq().SeqNo != invite.CSeq().SeqNo {
				t.Errorf("ACK %d", ack.CSeq().SeqNo)
			}
			c.hangsUp()
		})
	})
	t.Run("the peer refreshes, or is hung up", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			a := w.dials(p)
			c := p.rung()
			call := c.picksUp(a, "Require: timer", "Session-Expires: 600;refresher=uas")
			time.Sleep(300 * time.Second)
			c.sends("UPDATE", "", "Supported: timer", "Session-Expires: 600;refresher=uac")
			wantHeader(t, c.wants(200), "Session-Expires", "600;refresher=uac")
			p.wantsNothing(567 * time.Second)
			c.wantsRequest("BYE", 2*time.Second, 200)
			wantEnded(t, call, false, "expired")
		})
	})
	t.Run("a peer that knows no timers", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			a := w.dials(p)
			c := p.rung()
			call := c.picksUp(a, updates)
			update := c.wantsRequest("UPDATE", 901*time.Second, 481)
			if update.GetHeader("Session-Expires") != nil {
				t.Errorf("it is told of a timer:\n%s", update)
			}
			c.wantsRequest("BYE", time.Second, 481)
			wantEnded(t, call, true, "refresh failed")
		})
	})
	t.Run("the one that a 422 has asked for", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			a := w.dials(p)
			p.rung().refuses(422, "Min-SE: 3600")
			c := p.rung()
			c.picksUp(a, "Session-Expires: 3600;refresher=uac", updates)
			p.wantsNothing(1799 * time.Second)
			update := c.wantsRequest("UPDATE", 2*time.Second, 200, "Session-Expires: 3600;refresher=uac")
			wantHeader(t, update, "Min-SE", "3600")
			c.hangsUp()
		})
	})
	t.Run("glare: we own the Call-ID and wait longer", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			a := w.dials(p)
			c := p.rung()
			c.picksUp(a, "Session-Expires: 600;refresher=uac", updates)
			c.wantsRequest("UPDATE", 301*time.Second, 491)
			p.wantsNothing(2099 * time.Millisecond)
			c.wantsRequest("UPDATE", 1902*time.Millisecond, 200)
			c.hangsUp()
		})
	})
}

func TestHoldInACallOfOurs(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p, moved := w.phone(), w.phone()
		a := w.dials(p)
		c := p.rung()
		call := c.picksUp(a)
		c.invites(described("sendonly", "127.0.0.1", 40000, 2))
		answer := c.wants(200)
		if !strings.Contains(string(answer.Body()), "a=recvonly\r\n") || originVersion(t, answer.Body()) != "2" {
			t.Errorf("answered\n%s", answer.Body())
		}
		wantHeader(t, answer, "Contact", "<sip:5234@127.0.0.1:5060>;isfocus")
		c.acks("")
		if _, held, _ := agreedOf(call); !held {
			t.Error("not held")
		}
		c.contact = "sip:alice@" + moved.addr
		c.sends("UPDATE", described("sendrecv", "127.0.0.9", 40002, 3), `P-Asserted-Identity: "Bob" <sip:201@pbx>`)
		c.wants(200)
		if remote, held, _ := agreedOf(call); held || remote != "127.0.0.9:40002" {
			t.Errorf("held %v, media to %s", held, remote)
		}
		<-call.Renamed()
		if name, number := call.Caller(); name != "Bob" || number != "201" {
			t.Errorf("%q %q", name, number)
		}
		c.invites("") // a late offer within the call
		if offer := string(c.wants(200).Body()); !strings.Contains(offer, "RTP/AVP 8 0 101\r\n") {
			t.Errorf("offered\n%s", offer)
		}
		c.acks(described("sendrecv", "127.0.0.1", 40000, 4))
		time.Sleep(time.Second)
		call.Hangup("")
		moved.wantsRequest("BYE", time.Second, 200)
	})
}

func TestSilentCallOfOurs(t *testing.T) {
	inWorld(t, func(c *Config, _ *Handler) { c.SilenceTimeout = 20 * time.Second }, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(180, "")
		p.wantsNothing(30 * time.Second) // it may ring in silence
		call := c.picksUp(a)
		c.wantsRequest("OPTIONS", 21*time.Second, 481)
		c.wantsRequest("BYE", time.Second, 200)
		wantEnded(t, call, false, "no answer to a probe")
	})
}

// names is a resolver that knows some.
type names struct {
	hosts map[string]string
	srv   map[string][]*net.SRV
}

func (n names) LookupNetIP(_ context.Context, _, host string) (found []netip.Addr, err error) {
	for addr := range strings.FieldsSeq(n.hosts[host]) {
		found = append(found, netip.MustParseAddr(addr))
	}
	if found == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return found, nil
}

func (n names) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	return "", n.srv["_"+service+"._"+proto+"."+name], nil
}

func TestNamesAreLookedUp(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		port := netip.MustParseAddrPort(p.addr).Port()
		at := func(host string) *net.SRV { return &net.SRV{Target: host, Port: port} }
		w.ua.names = names{
			hosts: map[string]string{"pbx": "::1 127.0.0.1", "node1": "::1", "node2": "127.0.0.1", "far": "192.0.2.1"},
			srv:   map[string][]*net.SRV{"_sip._udp.example.com": {at("gone"), at("node1"), at("node2")}},
		}
		for _, host := range []string{"pbx:" + p.addr[strings.LastIndexByte(p.addr, ':')+1:], "example.com"} {
			w.dials(p, func(t *Target) { t.URI = "sip:200@" + host })
			c := p.rung()
			if uri := c.invite.Recipient.String(); uri != "sip:200@"+host {
				t.Errorf("Request-URI %s", uri)
			}
			c.refuses(486)
		}
		_, err := w.ua.Invite(context.Background(), Target{URI: "sip:200@nowhere"})
		var f *Failure
		if !errors.As(err, &f) || f.Cause != Unreachable || f.Code != 503 || !strings.Contains(f.Error(), "no such host") {
			t.Errorf("a name that is none: %v", err)
		}
		if _, err := w.ua.Invite(context.Background(), Target{URI: "sip:200@far"}); err == nil || !strings.Contains(err.Error(), "192.0.2.1 is not in sip.trusted") {
			t.Errorf("a name of somebody who is not trusted: %v", err)
		}
	})
}

func TestOPTIONS(t *testing.T) {
	type result struct {
		code int
		rtt  time.Duration
		err  error
	}
	ask := func(w *world, p *phone, patience time.Duration) chan result {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		done := make(chan result, 1)
		go func() {
			defer cancel()
			code, rtt, err := w.ua.Options(ctx, Target{URI: "sip:" + p.addr, From: Identity{Number: "5234"}, Headers: []Header{{"X-Probe", "1"}}})
			done <- result{code, rtt, err}
		}()
		return done
	}
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		for _, status := range []int{200, 401, 503} {
			asked := ask(w, p, time.Minute)
			options := p.wantsRequest("OPTIONS", time.Second, 100)
			time.Sleep(30 * time.Millisecond)
			p.answers(options, status, "")
			if got := <-asked; got.code != status || got.rtt != 30*time.Millisecond || got.err != nil {
				t.Errorf("got %+v, want %d", got, status)
			}
			for name, want := range map[string]string{"X-Probe": "1", "Accept": "application/sdp", "Contact": "<sip:5234@127.0.0.1:5060>;isfocus"} {
				wantHeader(t, options, name, want)
			}
			if uri := options.Recipient.String(); uri != "sip:"+p.addr {
				t.Errorf("Request-URI %s", uri)
			}
		}
		for patience, want := range map[time.Duration]time.Duration{3 * time.Second: 3 * time.Second, time.Hour: 32 * time.Second} {
			start := time.Now()
			got := <-ask(w, p, patience)
			var f *Failure
			if !errors.As(got.err, &f) || f.Cause != Unreachable || f.Code != 408 || time.Since(start) != want {
				t.Errorf("nobody there: %+v after %v", got, time.Since(start))
			}
			for p.gets(time.Millisecond) != nil {
				continue
			}
		}
	})
}
