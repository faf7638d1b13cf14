package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	telephone "github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"go.uber.org/goleak"
)

// office is a user agent with real sockets and real sound, which calls phones.
type office struct {
	t      *testing.T
	ua     *UA
	engine *media.Engine
	addrs  map[string]string // of its listeners
}

// inOffice runs a story there. Nothing is left behind: the phones' traffic, the
// calls and the goroutines end with it.
func inOffice(t *testing.T, story func(o *office)) {
	t.Helper()
	here := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, here) }) // after the phones' end
	engine, err := media.New(media.Config{Ports: media.PortRange{First: 26000, Last: 26199}, Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, engine: engine, addrs: map[string]string{}}
	config := Config{
		Media: engine, Codecs: []*codec.Codec{codec.PCMA, codec.PCMU},
		Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
	}
	for network, addr := range map[string]string{"udp4": "127.0.0.1:0", "udp6": "[::1]:0", "tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"} {
		listener := Listener{Name: network}
		if strings.HasPrefix(network, "tcp") {
			l, err := net.Listen(network, addr)
			if err != nil {
				t.Fatal(err)
			}
			listener.Stream, o.addrs[network] = l, l.Addr().String()
		} else {
			l, err := net.ListenPacket(network, addr)
			if err != nil {
				t.Fatal(err)
			}
			listener.Packet, o.addrs[network] = l, l.LocalAddr().String()
		}
		config.Listeners = append(config.Listeners, listener)
	}
	if o.ua, err = New(config, func(context.Context, *Call) {}); err != nil {
		t.Fatal(err)
	}
	o.ua.Start()
	defer engine.Close()
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := o.ua.Close(ctx, "test over"); err != nil {
			t.Errorf("closing: %v, %d calls left", err, o.ua.Calls())
		}
		if n := o.ua.Counters.Panics.Load(); n != 0 {
			t.Errorf("%d panics", n)
		}
	}()
	story(o)
}

// phone is one that does this when it is called.
func (o *office) phone(transport, local string, answer func(*telephone.Incoming), changes ...func(*telephone.Config)) *telephone.Phone {
	o.t.Helper()
	cfg := telephone.Config{Local: netip.MustParseAddrPort(local), Transport: transport, Number: "200", Answer: answer}
	for _, change := range changes {
		change(&cfg)
	}
	p, err := telephone.New(cfg)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(p.Close)
	return p
}

func (o *office) dials(uri string, changes ...func(*Target)) *Attempt {
	o.t.Helper()
	target := Target{URI: uri, From: Identity{Name: "Room 5234", Number: "5234"}}
	for _, change := range changes {
		change(&target)
	}
	a, err := o.ua.Invite(o.soon(), target)
	if err != nil {
		o.t.Fatal(err)
	}
	return a
}

// soon is a context for what takes no time on a machine that is not stuck.
func (o *office) soon() context.Context {
	ctx, cancel := context.WithTimeout(o.t.Context(), 20*time.Second)
	o.t.Cleanup(cancel)
	return ctx
}

// ear is somebody who has a leg on a loop: he hears it and says a tone.
type ear struct {
	leg  *media.Leg
	tone telephone.Source

	mu    sync.Mutex
	heard []int16 // the last second
	said  [160]int16
}

// attach gives a leg to somebody.
func (o *office) attach(leg *media.Leg, hz float64) *ear {
	e := &ear{leg: leg, tone: telephone.Tone(hz, -15)}
	loop := o.engine.Loop()
	loop.Do(func() {
		if loop.Attach(leg) {
			loop.Add(e)
		}
	})
	o.t.Cleanup(func() { loop.Do(func() { loop.Remove(e) }) })
	return e
}

func (e *ear) Tick(now int64) {
	frame := e.leg.Pull(now)
	e.tone.Fill(e.said[:])
	e.leg.Push(now, e.said[:])
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, frame...)
	if len(e.heard) > telephone.Rate {
		e.heard = e.heard[len(e.heard)-telephone.Rate:]
	}
}

// hears waits until a tone is heard.
func (e *ear) hears(o *office, hz float64) {
	o.t.Helper()
	ctx := o.soon()
	for {
		e.mu.Lock()
		recent := append([]int16(nil), e.heard[max(0, len(e.heard)-1600):]...)
		e.mu.Unlock()
		if level := telephone.ToneLevel(recent, hz); level > -17 && level < -13 {
			return
		}
		select {
		case <-ctx.Done():
			o.t.Fatalf("%.0f Hz is not heard: %.1f dBFS", hz, telephone.ToneLevel(recent, hz))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestE2EAPhoneIsCalled(t *testing.T) {
	for _, way := range []struct{ transport, local, network string }{
		{"udp", "127.0.0.1:0", "udp4"}, {"tcp", "127.0.0.1:0", "tcp4"}, {"udp", "[::1]:0", "udp6"}, {"tcp", "[::1]:0", "tcp6"},
	} {
		t.Run(way.network, func(t *testing.T) {
			inOffice(t, func(o *office) {
				o.t = t
				picked := make(chan *telephone.Call, 1)
				p := o.phone(way.transport, way.local, func(in *telephone.Incoming) {
					in.Ring()
					if call, err := in.Accept(); err == nil {
						picked <- call
					}
				})
				a := o.dials(p.URI())
				call, err := a.Wait(o.soon())
				if err != nil {
					t.Fatal(err)
				}
				theirs := <-picked
				via := theirs.Invite().Header("Via")
				if !strings.Contains(via, o.addrs[way.network]) {
					t.Errorf("the INVITE comes from %s, not from the listener at %s", via, o.addrs[way.network])
				}
				e := o.attach(a.Leg(), 1000)
				theirs.Speak(telephone.Tone(440, -15))
				e.hears(o, 440)
				if err := theirs.AwaitTone(o.soon(), 1000, -15, 2); err != nil {
					t.Error(err)
				}
				if err := theirs.Hold(o.soon(), telephone.HoldSendOnly, false); err != nil {
					t.Errorf("hold: %v", err)
				}
				if err := theirs.Resume(o.soon(), true); err != nil {
					t.Errorf("resume: %v", err)
				}
				theirs.Speak(telephone.Tone(600, -15))
				e.hears(o, 600)
				call.Hangup("enough")
				<-theirs.Done()
				if end := theirs.Ending(); !end.ByPeer || fmt.Sprint(end.Reasons) != `[Q.850;cause=16;text="enough"]` {
					t.Errorf("the phone's ending: %+v", end)
				}
			})
		})
	}
}

func TestE2EEarlyMediaIsHeard(t *testing.T) {
	inOffice(t, func(o *office) {
		pick := make(chan struct{})
		p := o.phone("udp", "127.0.0.1:0", func(in *telephone.Incoming) {
			in.Ring()
			early, err := in.Early(183)
			if err != nil {
				t.Error(err)
				return
			}
			early.Speak(telephone.Tone(425, -15)) // a ringback tone
			<-pick
			early.Speak(telephone.Tone(700, -15))
			if _, err := in.Accept(); err != nil {
				t.Error(err)
			}
		})
		a := o.dials(p.URI())
		e := o.attach(a.Leg(), 1000)
		e.hears(o, 425)
		moved(t, a, 183, true)
		close(pick)
		call, err := a.Wait(o.soon())
		if err != nil {
			t.Fatal(err)
		}
		e.hears(o, 700)
		call.Hangup("")
		<-call.Done()
	})
}

// TestE2EOneOfTwoPhonesThatRingIsHeard: the last to speak; and then the one who
// picks up.
func TestE2EOneOfTwoPhonesThatRingIsHeard(t *testing.T) {
	inOffice(t, func(o *office) {
		next := make(chan struct{})
		ended := make(chan *telephone.Call, 1)
		p := o.phone("udp", "127.0.0.1:0", func(in *telephone.Incoming) {
			fork := in.Fork()
			one, err := in.Early(183)
			if err != nil {
				t.Error(err)
				return
			}
			one.Speak(telephone.Tone(400, -15))
			<-next
			two, err := fork.Early(183)
			if err != nil {
				t.Error(err)
				return
			}
			two.Speak(telephone.Tone(700, -15))
			<-next
			if _, err := in.Accept(); err != nil {
				t.Error(err)
			}
			if call, err := fork.Accept(); err != nil { // a moment later
				t.Error(err)
			} else {
				ended <- call
			}
		})
		a := o.dials(p.URI())
		e := o.attach(a.Leg(), 1000)
		e.hears(o, 400)
		next <- struct{}{}
		e.hears(o, 700)
		next <- struct{}{}
		call, err := a.Wait(o.soon())
		if err != nil {
			t.Fatal(err)
		}
		e.hears(o, 400)
		other := <-ended
		<-other.Done()
		if !other.Acknowledged() || !other.Ending().ByPeer {
			t.Errorf("the second phone: acknowledged %v, %+v", other.Acknowledged(), other.Ending())
		}
		call.Hangup("")
		<-call.Done()
	})
}

func TestE2EReliableResponsesAndAPassword(t *testing.T) {
	for _, challenge := range []telephone.Challenge{
		{}, {Proxy: true, Algorithms: []string{"SHA-256", "MD5"}}, {Uses: 1},
	} {
		challenge.Realm, challenge.User, challenge.Password = "pbx", "alice", "secret"
		inOffice(t, func(o *office) {
			picked := make(chan *telephone.Call, 1)
			p := o.phone("udp", "127.0.0.1:0", func(in *telephone.Incoming) {
				if _, err := in.Reliably(o.soon(), 180, false); err != nil {
					t.Errorf("180: %v", err)
				}
				early, err := in.Reliably(o.soon(), 183, true)
				if err != nil {
					t.Errorf("183: %v", err)
					return
				}
				early.Speak(telephone.Tone(425, -15))
				if _, err := early.Change(o.soon(), telephone.Change{Method: "UPDATE", Direction: telephone.SendRecv, NewPort: true}); err != nil {
					t.Errorf("UPDATE before the answer: %v", err)
				}
				if call, err := in.Accept(telephone.Header{Name: "Session-Expires", Value: "90;refresher=uac"}); err == nil {
					picked <- call
				}
			}, func(c *telephone.Config) { c.Challenge = &challenge })
			a := o.dials(p.URI(), alice)
			e := o.attach(a.Leg(), 1000)
			e.hears(o, 425)
			call, err := a.Wait(o.soon())
			if err != nil {
				t.Fatal(err)
			}
			theirs := <-picked
			e.hears(o, 425)
			call.Hangup("")
			<-theirs.Done()
			if !theirs.Ending().ByPeer {
				t.Errorf("the BYE was not accepted: %+v", theirs.Ending())
			}
		})
	}
}

// TestE2ENobodyListens: over UDP ICMP says so, over TCP the connection is
// refused. Nobody waits for 32 s.
func TestE2ENobodyListens(t *testing.T) {
	inOffice(t, func(o *office) {
		closed, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := closed.LocalAddr().(*net.UDPAddr).Port
		closed.Close()
		for _, uri := range []string{
			fmt.Sprintf("sip:200@127.0.0.1:%d", port), fmt.Sprintf("sip:200@[::1]:%d", port), fmt.Sprintf("sip:200@127.0.0.1:%d;transport=tcp", port),
		} {
			_, err := o.dials(uri).Wait(o.soon())
			var f *Failure
			if !errors.As(err, &f) || f.Cause != Unreachable || f.Code != 503 || !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s: %v", uri, err)
			}
			_, _, err = o.ua.Options(o.soon(), Target{URI: uri})
			if !errors.As(err, &f) || f.Cause != Unreachable || f.Code != 503 || !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("OPTIONS %s: %v", uri, err)
			}
		}
		// The listeners are none the worse for it.
		p := o.phone("udp", "127.0.0.1:0", nil)
		for range 5 {
			if code, rtt, err := o.ua.Options(o.soon(), Target{URI: p.URI()}); code != 200 || rtt <= 0 || err != nil {
				t.Errorf("OPTIONS: %d %v %v", code, rtt, err)
			}
			if _, err := p.Request(o.soon(), "OPTIONS", "sip:"+o.addrs["udp4"]); err != nil {
				t.Errorf("OPTIONS of a phone: %v", err)
			}
		}
	})
}

func TestE2EConnectionClosedWhileItRings(t *testing.T) {
	inOffice(t, func(o *office) {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for _, ringing := range []bool{false, true} {
			a := o.dials("sip:200@" + l.Addr().String() + ";transport=tcp")
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			w := &world{t: t}
			p := w.phoneOn(conn)
			c := p.rung()
			if ringing {
				c.says(180, "")
				moved(t, a, 180, false)
			}
			conn.Close()
			_, err = a.Wait(o.soon())
			var f *Failure
			if !errors.As(err, &f) || f.Cause != Unreachable || !strings.Contains(f.Error(), "closed") {
				t.Errorf("ringing %v: %v", ringing, err)
			}
		}
	})
}

func TestE2ECancelOverTCP(t *testing.T) {
	inOffice(t, func(o *office) {
		ringing := make(chan struct{}, 1)
		cancelled := make(chan struct{})
		p := o.phone("tcp", "127.0.0.1:0", func(in *telephone.Incoming) {
			in.Ring()
			ringing <- struct{}{}
			<-in.Cancelled()
			close(cancelled)
		})
		a := o.dials(p.URI())
		<-ringing
		a.Cancel(AnsweredElsewhere)
		<-cancelled
		failed(t, a, Cancelled, 487)
	})
}

// TestE2ECancelWhileConnecting: the peer's machine accepts no connection, as one
// does that drops packets.
func TestE2ECancelWhileConnecting(t *testing.T) {
	inOffice(t, func(o *office) {
		full := fullListener(t)
		a := o.dials("sip:200@" + full + ";transport=tcp")
		a.Cancel("")
		failed(t, a, Cancelled, 487)
		deadline := time.Now().Add(10 * time.Second)
		for o.ua.Calls() > 0 && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
		}
		if o.ua.Calls() != 0 {
			t.Error("the attempt goes on")
		}
	})
}

// fullListener is the address of a TCP listener whose queue is full: further
// connections wait until they give up.
func fullListener(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 10 {
		conn, err := net.DialTimeout("tcp4", addr, 100*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the queue does not fill")
	return ""
}

// TestE2EManyAtOnce: a group is called together; some answer, some are busy,
// some ring until they are cancelled. Nothing is left of any of them.
func TestE2EManyAtOnce(t *testing.T) {
	inOffice(t, func(o *office) {
		const each = 10
		pump := telephone.NewPump()
		t.Cleanup(pump.Close)
		shared := func(c *telephone.Config) { c.Pump = pump }
		answers := o.phone("udp", "127.0.0.1:0", func(in *telephone.Incoming) { in.Ring(); _, _ = in.Accept() }, shared)
		busy := o.phone("udp", "127.0.0.1:0", func(in *telephone.Incoming) { in.Reject(486) }, shared)
		rings := o.phone("tcp", "127.0.0.1:0", func(in *telephone.Incoming) { in.Ring(); <-in.Cancelled() }, shared)
		var attempts []*Attempt
		for range each {
			for _, p := range []*telephone.Phone{answers, busy, rings} {
				attempts = append(attempts, o.dials(p.URI()))
			}
		}
		count := map[string]int{}
		var calls []*Call
		for i, a := range attempts {
			if i%3 == 2 {
				a.Cancel(AnsweredElsewhere)
			}
			call, err := a.Wait(o.soon())
			var f *Failure
			if errors.As(err, &f) {
				count[f.Cause.String()]++
			} else if err == nil {
				count["answered"]++
				calls = append(calls, call)
			}
		}
		if count["answered"] != each || count["refused"] != each || count["cancelled"] != each {
			t.Errorf("outcomes %v", count)
		}
		for _, call := range calls {
			call.Hangup("")
			<-call.Done()
		}
	})
}
