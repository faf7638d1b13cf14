package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/sip"
)

// farSide is a conference elsewhere, and the network to it: a PacketConn for our user agent, in fake time. It answers as
// the test says and counts its calls: an INVITE begins one, which lasts until its 487 is acknowledged or its BYE answered.
type farSide struct {
	t      *testing.T
	in     chan string
	closed chan struct{}
	shut   func()

	mu     sync.Mutex
	calls  map[string]bool // that it has, by Call-ID
	log    []string
	began  time.Time
	answer func(method, request string)
	invite string // the last one
}

func newFarSide(t *testing.T) *farSide {
	f := &farSide{t: t, in: make(chan string, 256), closed: make(chan struct{}), calls: map[string]bool{}, began: time.Now()}
	f.shut = sync.OnceFunc(func() { close(f.closed) })
	return f
}

func (f *farSide) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case text := <-f.in:
		return copy(b, text), f.addr("127.0.0.1:5080"), nil
	case <-f.closed:
		return 0, nil, net.ErrClosed
	}
}

func (f *farSide) WriteTo(b []byte, _ net.Addr) (int, error) {
	f.receive(string(b))
	return len(b), nil
}

func (f *farSide) Close() error                     { f.shut(); return nil }
func (f *farSide) LocalAddr() net.Addr              { return f.addr("127.0.0.1:5060") }
func (f *farSide) SetDeadline(time.Time) error      { return nil }
func (f *farSide) SetReadDeadline(time.Time) error  { return nil }
func (f *farSide) SetWriteDeadline(time.Time) error { return nil }
func (f *farSide) addr(at string) net.Addr {
	return net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at))
}

// lineOf is a header of a message, with its name.
func lineOf(text, name string) string {
	for line := range strings.SplitSeq(text, "\r\n") {
		if strings.HasPrefix(line, name+":") {
			return line
		}
	}
	return ""
}

// receive takes one of our messages.
func (f *farSide) receive(text string) {
	method, _, _ := strings.Cut(text, " ")
	f.mu.Lock()
	if method == "INVITE" && text != f.invite {
		for id := range f.calls {
			f.t.Errorf("a second INVITE while the far side has %s", id)
		}
		f.calls[lineOf(text, "Call-ID")] = true
		f.invite = text
	}
	f.log = append(f.log, fmt.Sprintf("%v %s", time.Since(f.began), method))
	answer := f.answer
	f.mu.Unlock()
	answer(method, text)
}

// says answers a request.
func (f *farSide) says(request, status string) {
	response := "SIP/2.0 " + status + "\r\n" + lineOf(request, "Via") + "\r\n" + lineOf(request, "From") + "\r\n" + lineOf(request, "To")
	if !strings.Contains(lineOf(request, "To"), "tag=") && !strings.HasPrefix(status, "100") {
		response += ";tag=far"
	}
	response += "\r\n" + lineOf(request, "Call-ID") + "\r\n" + lineOf(request, "CSeq") + "\r\nContact: <sip:far@127.0.0.1:5080>\r\n"
	body := ""
	if strings.HasPrefix(status, "200") && strings.HasPrefix(request, "INVITE") {
		body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"
		response += "Content-Type: application/sdp\r\n"
	}
	f.in <- response + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// ends forgets the call of a message.
func (f *farSide) ends(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.calls, lineOf(text, "Call-ID"))
}

// silentMedia opens legs on which nothing comes and nothing goes.
type silentMedia struct{}

type silentConn struct{ at netip.AddrPort }

func (silentMedia) Open(local netip.Addr) (*media.Leg, error) {
	return media.NewLeg(media.LegConfig{}, silentConn{netip.AddrPortFrom(local, 20000)}), nil
}
func (silentConn) Recv([]byte) (int, netip.AddrPort, bool) { return 0, netip.AddrPort{}, false }
func (silentConn) Send([]byte, netip.AddrPort) bool        { return true }
func (silentConn) Connect(netip.AddrPort)                  {}
func (silentConn) Arrived() int64                          { return 0 }
func (c silentConn) LocalAddr() netip.AddrPort             { return c.at }
func (silentConn) Close() error                            { return nil }

// withFarSide runs a story of a dialler with one trunk, which leads there.
func withFarSide(t *testing.T, story func(f *farSide, d *dialout.Dialer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFarSide(t)
		ua, err := sip.New(sip.Config{
			Listeners: []sip.Listener{{Name: "udp://127.0.0.1:5060", Packet: f}}, Media: silentMedia{},
			Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Codecs: []*codec.Codec{codec.PCMA},
		}, func(context.Context, *sip.Call) {})
		if err != nil {
			t.Fatal(err)
		}
		ua.Start()
		ending := make(chan struct{})
		d, err := dialout.New(dialout.Config{
			Inviter: &inviter{ua: ua, ending: ending}, Trunks: []dialout.Trunk{{Name: "far", Address: "sip:127.0.0.1:5080"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		story(f, d)
		begin := time.Now()
		close(ending)
		d.Close()
		if d := time.Since(begin); d != 0 {
			t.Errorf("closing the dialler took %v", d)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		ua.Close(ctx, "test over")
		time.Sleep(time.Minute) // fake: sipgo's transactions end
	})
}

var settling = dialout.Request{Room: dialout.Room{Number: "5234"}, Number: "84957776675", Settle: true, Watch: 15 * time.Second}

// dialFor dials and gives up after that time.
func dialFor(d *dialout.Dialer, patience time.Duration) (dialout.Result, time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	begin := time.Now()
	r := d.Dial(ctx, settling, nil)
	return r, time.Since(begin)
}

// The 200 crosses the CANCEL: who dials again at once does so only when that call is over at the far side.
func TestNoSecondINVITEBeforeTheCallThatCrossedTheCANCELIsOver(t *testing.T) {
	withFarSide(t, func(f *farSide, d *dialout.Dialer) {
		var invite string
		f.answer = func(method, text string) {
			switch method {
			case "INVITE":
				invite = text
				f.says(text, "180 Ringing")
			case "CANCEL":
				f.says(invite, "200 OK")
				f.says(text, "200 OK")
			case "BYE":
				time.AfterFunc(400*time.Millisecond, func() { f.ends(text); f.says(text, "200 OK") })
			}
		}
		for range 3 {
			r, took := dialFor(d, 2*time.Second)
			if r.State != dialout.Cancelled || took != 2400*time.Millisecond {
				t.Errorf("%v after %v", r.Outcome, took)
			}
		}
	})
}

// The 487 is slow.
func TestNoSecondINVITEBeforeThe487(t *testing.T) {
	withFarSide(t, func(f *farSide, d *dialout.Dialer) {
		var invite string
		f.answer = func(method, text string) {
			switch method {
			case "INVITE":
				invite = text
				f.says(text, "100 Trying")
			case "CANCEL":
				f.says(text, "200 OK")
				time.AfterFunc(3*time.Second, func() { f.says(invite, "487 Request Terminated") })
			case "ACK":
				f.ends(text)
			}
		}
		for range 3 {
			if r, took := dialFor(d, 2*time.Second); r.State != dialout.Cancelled || took != 5*time.Second {
				t.Errorf("%v after %v", r.Outcome, took)
			}
		}
	})
}

// It answers in the very moment in which it is given up, so that there is no CANCEL any more.
func TestNoSecondINVITEBeforeAnAnswerOfTheSameMomentIsEnded(t *testing.T) {
	withFarSide(t, func(f *farSide, d *dialout.Dialer) {
		f.answer = func(method, text string) {
			switch method {
			case "INVITE":
				f.says(text, "180 Ringing")
				time.AfterFunc(2*time.Second, func() { f.says(text, "200 OK") })
			case "BYE":
				time.AfterFunc(400*time.Millisecond, func() { f.ends(text); f.says(text, "200 OK") })
			}
		}
		for range 20 {
			r, took := dialFor(d, 2*time.Second)
			switch {
			case r.Call != nil: // the answer was first
				r.Call.Hangup("")
				<-r.Call.Gone()
			case r.State != dialout.Cancelled || took != 2400*time.Millisecond:
				t.Errorf("%v after %v", r.Outcome, took)
			}
		}
	})
}

// A far side that says nothing any more is not waited for longer than a transaction lasts, and not at all by a server that ends.
func TestFarSideThatDoesNotSettle(t *testing.T) {
	withFarSide(t, func(f *farSide, d *dialout.Dialer) {
		f.answer = func(method, text string) {
			if method == "INVITE" {
				f.says(text, "180 Ringing")
			}
		}
		r, took := dialFor(d, 2*time.Second)
		if r.State != dialout.Cancelled || took != 34*time.Second {
			t.Errorf("%v after %v", r.Outcome, took)
		}
		f.mu.Lock()
		clear(f.calls)
		f.mu.Unlock()
		go d.Dial(context.Background(), settling, nil)
		time.Sleep(time.Second)
	})
}

// What a request says of that is in the attempt's target.
func TestWatchIsPassedOn(t *testing.T) {
	withFarSide(t, func(f *farSide, d *dialout.Dialer) {
		f.answer = func(method, text string) {
			if method == "INVITE" {
				f.says(text, "200 OK")
			}
		}
		r, _ := dialFor(d, time.Minute)
		if r.Call == nil {
			t.Fatalf("no call: %v", r.Outcome)
		}
		begin := time.Now()
		<-r.Call.Done()
		if d := time.Since(begin); d != settling.Watch {
			t.Errorf("ended after %v", d)
		}
	})
	i := &inviter{}
	got, err := i.target(&dialout.Attempt{Trunk: dialout.Trunk{Address: "sip:127.0.0.1"}, Watch: time.Second})
	if err != nil || got.Watch != time.Second {
		t.Errorf("watch %v, %v", got.Watch, err)
	}
}
