package sip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/sipconf/sipconf/media"
)

// Stories of calls that we have made with a Watch: how soon is it known that the
// far side is gone, and what does it take to be thought alive.

const watchTime = 15 * time.Second

func watching(t *Target) { t.Watch = watchTime }

func TestWatchedPeerThatAnswersProbesMayBeSilentForEver(t *testing.T) {
	for _, held := range []bool{false, true} {
		for _, status := range []int{200, 405, 500} {
			inWorld(t, func(c *Config, _ *Handler) { c.SilenceTimeout = 20 * time.Second }, func(w *world) {
				p := w.phone()
				a := w.dials(p, watching)
				c := p.rung()
				c.says(180, "")
				p.wantsNothing(30 * time.Second) // it may ring in silence
				call := c.picksUp(a)
				if held {
					c.invites(described("sendonly", "127.0.0.1", 40000, 2))
					c.wants(200)
					c.acks("")
				}
				for range 20 {
					p.wantsNothing(watchTime/2 - time.Millisecond)
					options := c.wantsRequest("OPTIONS", 2*time.Millisecond, status)
					if to, _ := options.To().Params.Get("tag"); to != c.tag {
						t.Errorf("asked outside of the dialog:\n%s", options)
					}
				}
				c.hangsUp()
				wantEnded(t, call, true, "hung up")
			})
		}
	}
}

// Asterisk answers no OPTIONS in a dialog, but an UPDATE. That is a refresh of
// the session, and leaves its timer as it was agreed.
func TestPeerThatTakesUpdatesIsProbedByThem(t *testing.T) {
	const agreed = "Session-Expires: 600;refresher="
	for _, refresher := range []string{"uac", "uas"} {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			a := w.dials(p, watching)
			c := p.rung()
			call := c.picksUp(a, "Allow: INVITE, UPDATE", "Supported: timer", "Require: timer", agreed+refresher)
			for range 100 {
				p.wantsNothing(watchTime/2 - time.Millisecond)
				update := c.wantsRequest("UPDATE", 2*time.Millisecond, 200, agreed+refresher)
				if got := header(t, update, "Session-Expires"); got != "600;refresher="+refresher || len(update.Body()) != 0 {
					t.Errorf("Session-Expires: %s, want refresher=%s, in\n%s", got, refresher, update)
				}
			}
			c.wantsRequest("UPDATE", 8*time.Second, 405)
			c.wantsRequest("OPTIONS", 8*time.Second, 200)
			c.wantsRequest("OPTIONS", 8*time.Second, 481)
			c.wantsRequest("BYE", time.Millisecond, 200)
			wantEnded(t, call, false, "a probe was answered by 481")
		})
	}
}

func TestWatchedPeerThatSaysNothingAnyMore(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, watching)
		c := p.rung()
		call, began := c.picksUp(a), time.Now()
		c.wantsRequest("OPTIONS", 8*time.Second, 200)
		lively := time.Now()
		if d := lively.Sub(began); d != watchTime/2 {
			t.Errorf("asked after %v", d)
		}
		first := c.wantsRequest("OPTIONS", 8*time.Second, 0)
		for {
			m := p.gets(watchTime)
			if m == nil {
				t.Fatal("no BYE")
			}
			req := m.Message.(*sipgo.Request)
			if req.Method == sipgo.OPTIONS && branchOf(req) == branchOf(first) {
				continue // it may have got lost
			}
			if req.Method != sipgo.BYE {
				t.Fatalf("got\n%s", m.text)
			}
			break
		}
		if d := time.Since(lively); d != watchTime {
			t.Errorf("ended %v after the last sign of life", d)
		}
		wantEnded(t, call, false, "no RTP, no RTCP and no answer to a probe for 15s")
		if call.HungUp() {
			t.Error("nobody has hung up")
		}
		// It is not gone before its BYE is given up: the far side may be back, and have it.
		<-call.Gone()
		if d := time.Since(lively.Add(watchTime)); d != 32*time.Second {
			t.Errorf("gone %v after its BYE", d)
		}
		for p.gets(time.Millisecond) != nil {
			continue
		}
	})
}

func TestWatchedPeerThatHasForgottenTheCall(t *testing.T) {
	for _, status := range []int{481, 408} {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			a := w.dials(p, watching)
			c := p.rung()
			call := c.picksUp(a)
			c.wantsRequest("OPTIONS", 8*time.Second, status)
			bye := c.wantsRequest("BYE", time.Millisecond, 481)
			if reason := header(t, bye, "Reason"); !strings.Contains(reason, "cause=102") {
				t.Errorf("Reason: %s", reason)
			}
			wantEnded(t, call, false, "a probe was answered by")
			<-call.Gone()
		})
	}
}

// A request that the peer does not answer does not make the watch longer.
func TestWatchWhileSomethingElseIsAsked(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, watching)
		c := p.rung()
		call := c.picksUp(a)
		pressed := make(chan error, 1)
		go func() { pressed <- call.SendInfo(context.Background(), '5', 160*time.Millisecond) }()
		info, asked := c.wantsRequest("INFO", time.Second, 0), false
		for began := time.Now(); ; {
			req := p.gets(watchTime).Message.(*sipgo.Request)
			asked = asked || req.Method == sipgo.OPTIONS
			if req.Method == sipgo.BYE {
				if d := time.Since(began); d != watchTime || !asked {
					t.Errorf("ended after %v, asked is %v", d, asked)
				}
				c.answers(req, 200, "")
				break
			}
		}
		if err := <-pressed; !errors.Is(err, ErrEnded) {
			t.Errorf("the key: %v", err)
		}
		c.answers(info, 200, "")
	})
}

// speaker is a media socket on which packets come while it speaks.
type speaker struct {
	noConn
	speaks bool
	seq    byte
}

func (s *speaker) Recv(b []byte) (int, netip.AddrPort, bool) {
	if !s.speaks {
		return 0, netip.AddrPort{}, false
	}
	s.speaks = false // until the next tick
	s.seq++
	packet := make([]byte, 12+160)
	copy(packet, []byte{0x80, 8, 0, s.seq, 0, 0, 0, s.seq * 160, 1, 2, 3, 4})
	return copy(b, packet), netip.MustParseAddrPort("127.0.0.1:40000"), true
}

type speech struct{ *speaker }

func (m speech) Open(local netip.Addr) (*media.Leg, error) {
	m.addr = netip.AddrPortFrom(local, 20000)
	return media.NewLeg(media.LegConfig{Epoch: time.Now()}, m.speaker), nil
}

func TestWatchedPeerThatSpeaksIsNotAsked(t *testing.T) {
	s := &speaker{}
	inWorld(t, func(c *Config, _ *Handler) { c.Media = speech{s} }, func(w *world) {
		p := w.phone()
		epoch := time.Now()
		a := w.dials(p, watching)
		c := p.rung()
		call := c.picksUp(a)
		spoke := time.Now()
		for range 30 * 50 { // 30 s of speech, by a clock of 20 ms
			time.Sleep(20 * time.Millisecond)
			s.speaks, spoke = true, time.Now()
			call.Leg().Pull(int64(time.Since(epoch)))
		}
		p.wantsNothing(0)
		c.wantsRequest("OPTIONS", watchTime/2+time.Second, 0) // and now none
		if d := time.Since(spoke); d < watchTime/2-320*time.Millisecond {
			t.Errorf("asked after %v of silence", d)
		}
		// It speaks again: what it does not answer is of no consequence.
		for range 10 * 50 {
			time.Sleep(20 * time.Millisecond)
			s.speaks = true
			call.Leg().Pull(int64(time.Since(epoch)))
		}
		select {
		case <-call.Done():
			t.Errorf("ended: %s", call.Reason())
		default:
		}
		for p.gets(time.Millisecond) != nil {
			continue
		}
		c.hangsUp()
	})
}

// The invitation of a watched call asks for a session timer, as all do, and
// without one in the answer we refresh.
func TestWatchedCallHasASessionTimer(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, watching)
		p.rung().refuses(420, "Unsupported: timer")
		c := p.rung()
		c.picksUp(a)
		asked := map[sipgo.RequestMethod]int{}
		for begin := time.Now(); time.Since(begin) < 20*time.Minute; {
			if m := p.gets(watchTime); m != nil {
				req := m.Message.(*sipgo.Request)
				asked[req.Method]++
				c.answers(req, 200, map[bool]string{true: pcmaSDP}[req.IsInvite()])
			}
		}
		if asked[sipgo.INVITE] != 1 {
			t.Errorf("asked %v within 20 minutes, want one INVITE", asked)
		}
		c.hangsUp()
	})
}

// TestE2EWatchedPeerIsKilled: nothing listens any more where its socket was, and
// the kernel says so.
func TestE2EWatchedPeerIsKilled(t *testing.T) {
	inOffice(t, func(o *office) {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := conn.LocalAddr().String()
		a := o.dials("sip:200@"+addr, func(t *Target) { t.Watch = time.Second })
		buf := make([]byte, 65536)
		for acked := false; !acked; {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				t.Fatal(err)
			}
			msg, err := sipgo.ParseMessage(buf[:n])
			if err != nil {
				t.Fatal(err)
			}
			req := msg.(*sipgo.Request)
			if acked = req.IsAck(); acked {
				break
			}
			res := sipgo.NewResponseFromRequest(req, 200, "OK", nil)
			res.To().Params.Add("tag", "far")
			res.AppendHeader(sipgo.NewHeader("Contact", "<sip:200@"+addr+">"))
			res.AppendHeader(sipgo.NewHeader("Content-Type", "application/sdp"))
			res.SetBody([]byte(pcmaSDP))
			if _, err := conn.WriteTo([]byte(res.String()), from); err != nil {
				t.Fatal(err)
			}
		}
		call, err := a.Wait(o.soon())
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		select {
		case <-call.Gone(): // its BYE is not waited for either
		case <-o.soon().Done():
			t.Fatal("still there")
		}
		want := "nothing listens where a probe was sent"
		if !mayBeReturned(syscall.ECONNREFUSED) { // not on Linux
			want = "no answer to a probe"
		}
		if got := call.Reason(); !strings.Contains(got, want) {
			t.Errorf("ended: %s", got)
		}
	})
}
