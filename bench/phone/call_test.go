package phone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestTwoPhonesHearEachOther(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(string, *Config)
		late   bool
	}{
		{name: "PCMA over UDP"},
		{name: "PCMU", change: func(_ string, c *Config) { c.Codecs = []Codec{PCMU} }},
		{name: "late offer", late: true},
		{name: "TCP", change: func(_ string, c *Config) { c.Transport = "tcp" }},
		{name: "IPv6", change: func(_ string, c *Config) { c.Local = netip.MustParseAddrPort("[::1]:0") }},
		{name: "another loopback address", change: func(name string, c *Config) {
			if name == "bob" {
				c.Local = netip.MustParseAddrPort("127.9.8.7:0")
			}
		}},
		{name: "30 ms packets one way", change: func(name string, c *Config) {
			if name == "ann" {
				c.Ptime = 30 * time.Millisecond
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPair(t, func(name string, c *Config) {
				c.Trace = traceTo(name)
				if tc.change != nil {
					tc.change(name, c)
				}
			})
			var options []Option
			if tc.late {
				options = append(options, LateOffer())
			}
			p.connect(options...)
			p.to.Speak(Tone(440, -10))
			p.at.Speak(Tone(1000, -25))
			p.passes(600 * time.Millisecond)
			wantLevel(t, "bob", p.at, 440, -10, 0.2)
			wantLevel(t, "ann", p.to, 1000, -25, 0.2)
			wantQuiet(t, "ann", p.to, 440, -65)
			if h := p.to.Heard(); h.Lost != 0 || h.TSJumps != 0 || len(h.SSRCs) != 1 || h.Packets < 28 {
				t.Errorf("ann heard %+v", h)
			}
			p.at.Speak(nil)
			p.passes(600 * time.Millisecond)
			wantQuiet(t, "ann", p.to, 1000, -70)
			if err := p.to.Hangup(p.ctx, `Q.850;cause=16;text="bye"`); err != nil {
				t.Fatal(err)
			}
			<-p.at.Done()
			if e := p.at.Ending(); !e.ByPeer || !slices.Equal(e.Reasons, []string{`Q.850;cause=16;text="bye"`}) {
				t.Errorf("bob's ending: %+v", e)
			}
		})
	}
}

func TestMuteAndSourcesThatEnd(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	u := p.to.Speak(Burst(Tone(800, -12), 100*time.Millisecond))
	p.passes(100*time.Millisecond + 4*beat)
	select {
	case <-u.Done():
	default:
		t.Error("the burst has not ended")
	}
	if u.Began().IsZero() {
		t.Error("the burst has not begun")
	}
	p.passes(500 * time.Millisecond)
	wantQuiet(t, "bob", p.at, 800, -70)
	p.to.Speak(Tone(800, -12))
	p.to.Mute(true)
	p.passes(500 * time.Millisecond)
	wantQuiet(t, "bob", p.at, 800, -70)
	p.to.Mute(false)
	p.passes(500 * time.Millisecond)
	wantLevel(t, "bob", p.at, 800, -12, 0.2)
}

func TestHold(t *testing.T) {
	for _, tc := range []struct {
		name      string
		how       Hold
		newPort   bool
		annSends  bool // during the hold
		bobSends  bool
		direction Direction // bob's
	}{
		{"sendonly", HoldSendOnly, false, true, false, RecvOnly},
		{"sendonly from another port", HoldSendOnly, true, true, false, RecvOnly},
		{"inactive", HoldInactive, false, false, false, Inactive},
		{"recvonly", HoldRecvOnly, false, false, true, SendOnly},
		{"zero address", HoldZeroAddress, false, true, false, SendRecv},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPair(t, nil)
			p.connect()
			p.to.Speak(Tone(500, -20))
			p.at.Speak(Tone(700, -20))
			p.passes(500 * time.Millisecond)
			before := p.to.LocalRTP()
			p.during(func() error { return p.to.Hold(p.ctx, tc.how, tc.newPort) })
			if moved := p.to.LocalRTP() != before; moved != tc.newPort {
				t.Errorf("port moved: %t", moved)
			}
			if p.at.Direction() != tc.direction {
				t.Errorf("bob is %s, want %s", p.at.Direction(), tc.direction)
			}
			p.passes(100 * time.Millisecond)
			p.to.ResetHeard()
			p.at.ResetHeard()
			p.passes(500 * time.Millisecond)
			if got := p.at.Heard().Packets > 0; got != tc.annSends {
				t.Errorf("ann sends: %t", got)
			}
			if got := p.to.Heard().Packets > 0; got != tc.bobSends {
				t.Errorf("bob sends: %t", got)
			}
			p.during(func() error { return p.to.Resume(p.ctx, tc.newPort) })
			p.awaitACK()
			p.passes(600 * time.Millisecond)
			wantLevel(t, "ann", p.to, 700, -20, 0.2)
			wantLevel(t, "bob", p.at, 500, -20, 0.2)
			for who, c := range map[string]*Call{"ann": p.to, "bob": p.at} {
				if h := c.Heard(); len(h.SSRCs) != 1 || h.Lost != 0 || h.TSJumps != 0 {
					t.Errorf("%s: SSRC, sequence and timestamps did not go on: %+v", who, h)
				}
			}
		})
	}
}

func TestChangesWithinACall(t *testing.T) {
	updates := make(chan *Message, 10)
	p := newPair(t, func(name string, c *Config) {
		c.Request = func(_ *Call, m *Message) int {
			if m.Method == "UPDATE" {
				updates <- m
			}
			return 0
		}
	})
	p.connect()
	p.at.Speak(Tone(700, -20))
	version := func(m *Message) uint64 {
		d, err := parseSDP(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		return d.version
	}
	first := version(p.to.Invite())
	if err := p.to.Update(p.ctx, Header{"X-Why", "refresh"}); err != nil {
		t.Fatal(err)
	}
	if m := <-updates; m.Header("X-Why") != "refresh" || len(m.Body) != 0 {
		t.Errorf("bob got %s", m.Bytes())
	}
	if err := p.to.Reinvite(p.ctx); err != nil {
		t.Fatal(err)
	}
	if got := p.to.ours.version; got != first {
		t.Errorf("a refresh changed the version from %d to %d", first, got)
	}
	if err := p.to.Move(p.ctx); err != nil {
		t.Fatal(err)
	}
	if got := p.to.ours.version; got != first+1 {
		t.Errorf("another port: version %d after %d", got, first)
	}
	if p.at.RemoteRTP() != p.to.LocalRTP() {
		t.Errorf("bob sends to %s, ann listens on %s", p.at.RemoteRTP(), p.to.LocalRTP())
	}
	if _, err := p.to.Change(p.ctx, Change{Keep: true, NoSDP: true, NewPort: true}); err != nil {
		t.Fatal(err)
	}
	p.awaitACK()
	p.passes(500 * time.Millisecond)
	wantLevel(t, "ann", p.to, 700, -20, 0.2)
	// The callee may change things, too: as Asterisk does with direct media.
	if err := p.at.Move(p.ctx); err != nil {
		t.Fatal(err)
	}
	if p.to.RemoteRTP() != p.at.LocalRTP() {
		t.Errorf("ann sends to %s, bob listens on %s", p.to.RemoteRTP(), p.at.LocalRTP())
	}
}

// TestACKComesAfterWhatItConfirms: as soon as the peer has our ACK he may offer something else, and Asterisk does within a
// millisecond. What we agreed on before must be in force by then, or it would undo what comes.
func TestACKComesAfterWhatItConfirms(t *testing.T) {
	for _, late := range []bool{false, true} {
		var ann *Phone
		var acked []string // what was in force when an ACK was sent
		p := newPair(t, func(name string, c *Config) {
			if name != "ann" {
				return
			}
			c.Trace = func(sent bool, b []byte) {
				if m, err := parseDatagram(b); sent && err == nil && m.Method == "ACK" {
					call := ann.Calls()[0]
					acked = append(acked, fmt.Sprint(call.Direction(), " ", call.LocalRTP(), " to ", call.RemoteRTP()))
				}
			}
		})
		ann = p.ann
		var want []string
		agreed := func() {
			want = append(want, fmt.Sprint(p.to.Direction(), " ", p.to.LocalRTP(), " to ", p.at.LocalRTP()))
		}
		if late {
			p.connect(LateOffer())
		} else {
			p.connect()
		}
		agreed()
		p.during(func() error { return p.to.Hold(p.ctx, HoldSendOnly, true) })
		p.awaitACK()
		agreed()
		if p.to.Direction() != SendOnly {
			t.Errorf("ann is %s", p.to.Direction())
		}
		if !slices.Equal(acked, want) {
			t.Errorf("late offer %t: in force at the ACKs: %q, want %q", late, acked, want)
		}
	}
}

func TestGlare(t *testing.T) {
	var refusals atomic.Int32
	p := newPair(t, func(name string, c *Config) {
		c.NoGlareRetry = true
		if name == "bob" {
			c.Request = func(_ *Call, m *Message) int {
				if m.Method == "INVITE" && refusals.Add(1) == 1 {
					return 491
				}
				return 0
			}
		}
	})
	p.connect()
	before := p.to.LocalRTP()
	if err := p.to.Move(p.ctx); Status(err) != 491 {
		t.Errorf("got %v, want 491", err)
	}
	if p.to.LocalRTP() != before {
		t.Error("a refused offer changed the port")
	}
	if err := p.to.Move(p.ctx); err != nil {
		t.Error(err)
	}
}

func TestRefusal(t *testing.T) {
	p := newPair(t, func(name string, c *Config) {
		if name == "bob" {
			c.Answer = func(in *Incoming) { in.Reject(486) }
		}
	})
	_, err := p.ann.Call(p.ctx, p.bob.URI())
	if Status(err) != 486 {
		t.Errorf("got %v, want 486", err)
	}
	if _, err := p.bob.Call(p.ctx, p.ann.URI()); Status(err) != 480 {
		t.Errorf("ann has no Answer: got %v, want 480", err)
	}
}

func TestCancel(t *testing.T) {
	ringing, cancelled := make(chan *Incoming, 2), make(chan struct{}, 2)
	p := newPair(t, func(name string, c *Config) {
		if name == "bob" {
			c.Answer = func(in *Incoming) {
				in.Ring()
				ringing <- in
				<-in.Cancelled()
				if _, err := in.Accept(); !errors.Is(err, ErrCancelled) {
					t.Errorf("accept after cancel: %v", err)
				}
				cancelled <- struct{}{}
			}
		}
	})
	ctx, cancel := context.WithCancel(p.ctx)
	go func() {
		if name, number := (<-ringing).Caller(); name != "ann" || number != "ann" {
			t.Errorf("caller is %q %q", name, number)
		}
		cancel()
	}()
	_, err := p.ann.Call(ctx, p.bob.URI())
	if !errors.Is(err, context.Canceled) || Status(err) != 487 {
		t.Errorf("got %v, want 487 by our own CANCEL", err)
	}
	<-cancelled
	_, err = p.ann.Call(p.ctx, p.bob.URI(), CancelEarly())
	if Status(err) != 487 {
		t.Errorf("early cancel: got %v, want 487", err)
	}
}

func TestDTMF(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	p.to.Speak(Tone(300, -20))
	p.passes(100 * time.Millisecond)
	p.during(func() error { return p.to.SendDTMF(p.ctx, "15#") })
	p.during(func() error { return p.to.PressKeys(p.ctx, "11", DTMF{LostHead: 3, LostTail: 2}) })
	p.passes(100 * time.Millisecond)
	if got := p.at.Digits(); got != "15#11" {
		t.Errorf("bob got %q", got)
	}
	if err := p.to.SendDTMF(p.ctx, "x"); err == nil {
		t.Error("there is no key x")
	}
	if err := p.to.SendInfo(p.ctx, '5', true); err != nil {
		t.Error(err)
	}
}

func TestRequestOutsideOfCalls(t *testing.T) {
	p := newPair(t, nil)
	r, err := p.ann.Request(p.ctx, "OPTIONS", p.bob.URI())
	if err != nil || r.Status != 200 || r.Header("Allow") == "" {
		t.Errorf("OPTIONS: %v, %v", r, err)
	}
	if r, err := p.ann.Request(p.ctx, "SUBSCRIBE", p.bob.URI()); err != nil || r.Status != 405 {
		t.Errorf("SUBSCRIBE: %v, %v", r, err)
	}
}

// TestNotices: NOTIFYs of a call are there to be read, and those of a dialog without one; who has forgotten it says so.
func TestNotices(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	if r, err := p.to.Request(p.ctx, "NOTIFY", []byte("news"), Header{"Event", "refer"}); err != nil || r.Status != 200 {
		t.Errorf("NOTIFY: %v, %v", r, err)
	}
	if m, err := p.at.Notified(p.ctx); err != nil || string(m.Body) != "news" {
		t.Errorf("notified %v, %v", m, err)
	}
	if _, err := p.ann.Watch(p.ctx, "SUBSCRIBE", p.bob.URI(), Header{"Event", "dialog"}); Status(err) != 405 {
		t.Errorf("SUBSCRIBE: %v", err)
	}
	// Bob plays a server: his side of the dialog is made by hand.
	w := &Watch{phone: p.ann, notices: newNotices(), dialog: dialog{callID: "watched", localTag: "ann"}}
	p.ann.mu.Lock()
	p.ann.watches[w.key()] = w
	p.ann.mu.Unlock()
	notify := func(number uint32) int {
		t.Helper()
		d := dialog{callID: "watched", local: "<sip:bob@h>;tag=bob", remote: "<sip:ann@h>;tag=ann", target: p.ann.URI(), cseq: number - 1}
		by, err := p.bob.next(p.ctx, &d)
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.bob.transact(p.ctx, by, p.bob.inDialog(&d, "NOTIFY"))
		if err != nil {
			t.Fatal(err)
		}
		return r.Status
	}
	for i, want := range []int{200, 200, 500} {
		if got := notify([]uint32{1, 3, 2}[i]); got != want {
			t.Errorf("NOTIFY %d gets %d, want %d", i, got, want)
		}
	}
	for range 2 {
		if _, err := w.Notified(p.ctx); err != nil {
			t.Error(err)
		}
	}
	w.Forget()
	if got := notify(4); got != 481 {
		t.Errorf("a forgotten one gets %d", got)
	}
}

func TestVanishLeavesThePeerAlone(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	p.ann.Vanish()
	<-p.to.Done()
	select {
	case <-p.at.Done():
		t.Error("bob was told")
	default:
	}
}

func TestMouthToEar(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	p.at.WatchOnsets(-30)
	p.passes(200 * time.Millisecond)
	u := p.to.Speak(Burst(Tone(1000, -10), 60*time.Millisecond))
	p.passes(300 * time.Millisecond)
	onsets := p.at.Onsets()
	if len(onsets) != 1 {
		t.Fatalf("%d onsets", len(onsets))
	}
	// One packet length passes between mouth and wire. The upper bound is for a machine that is busy with other things.
	if d := onsets[0].Sub(u.Began()); d < 20*time.Millisecond || d > time.Second {
		t.Errorf("from mouth to ear %s", d)
	}
}

func TestRecording(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	p.passes(100 * time.Millisecond)
	p.at.Record()
	p.to.Speak(Tone(440, -10))
	p.passes(time.Second)
	pcm := p.at.Recording()
	if len(pcm) < Rate*9/10 || len(pcm) > Rate*11/10 {
		t.Errorf("%d samples of a second", len(pcm))
	}
	if got := ToneLevel(pcm[800:], 440); got < -10.2 || got > -9.8 {
		t.Errorf("level %.2f", got)
	}
	var b bytes.Buffer
	if err := WriteWAV(&b, pcm); err != nil {
		t.Fatal(err)
	}
	if b.Len() != 44+2*len(pcm) || !strings.HasPrefix(b.String(), "RIFF") {
		t.Errorf("wav of %d bytes", b.Len())
	}
}

func TestRTCP(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	p.passes(20 * time.Second)
	h := p.at.Heard()
	if h.RTCP.SenderReports < 2 || !h.RTCP.Reported || h.RTCP.Lost != 0 || h.RTCP.Malformed != 0 {
		t.Errorf("%+v", h.RTCP)
	}
}

func TestRealPump(t *testing.T) {
	pump := NewPump()
	t.Cleanup(pump.Close)
	p := newPair(t, func(_ string, c *Config) { c.Pump = pump })
	var err error
	if p.to, err = p.ann.Call(p.ctx, p.bob.URI()); err != nil {
		t.Fatal(err)
	}
	p.at = <-p.answered
	p.to.Speak(Tone(440, -10))
	if err := p.at.AwaitTone(p.ctx, 440, -10, 0.2); err != nil {
		t.Error(err)
	}
	if err := p.at.AwaitBelow(p.ctx, 1440, -60); err != nil {
		t.Error(err)
	}
	if pump.Stats().Beats == 0 {
		t.Error("no beats")
	}
}
