//go:build e2e && linux

package asterisk_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipconf/sipconf/asterisk/rig"
	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/sip"
)

// dialler is the signalling and the media of sipconf, which calls phones behind an Asterisk; what it is called with is not of
// interest here.
type dialler struct {
	t      *testing.T
	ua     *sip.UA
	engine *media.Engine
	pbx    *rig.Asterisk
	login  [2]string
}

// dials starts one at addr, where Asterisk expects sipconf.
func dials(t *testing.T, pbx *rig.Asterisk, addr string, firstPort uint16, login ...string) *dialler {
	t.Helper()
	engine, err := media.New(media.Config{Ports: media.PortRange{First: firstPort, Last: firstPort + 49}, Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	socket, err := net.ListenPacket("udp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	ua, err := sip.New(sip.Config{
		Listeners: []sip.Listener{{Name: "udp://" + addr, Packet: socket}}, Media: engine,
		Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Codecs: []*codec.Codec{codec.PCMA, codec.PCMU},
	}, func(context.Context, *sip.Call) {})
	if err != nil {
		t.Fatal(err)
	}
	ua.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := ua.Close(ctx, "test over"); err != nil {
			t.Errorf("%d calls are left: %v", ua.Calls(), err)
		}
	})
	d := &dialler{t: t, ua: ua, engine: engine, pbx: pbx}
	copy(d.login[:], login)
	return d
}

func (d *dialler) target(extension string) sip.Target {
	return sip.Target{URI: d.pbx.URI(extension), From: sip.Identity{Name: "Room 5234", Number: "5234"}, User: d.login[0], Password: d.login[1]}
}

func (d *dialler) calls(extension string, changes ...func(*sip.Target)) *sip.Attempt {
	d.t.Helper()
	target := d.target(extension)
	for _, change := range changes {
		change(&target)
	}
	a, err := d.ua.Invite(within(d.t), target)
	if err != nil {
		d.t.Fatal(err)
	}
	return a
}

func (d *dialler) answered(a *sip.Attempt) *sip.Call {
	d.t.Helper()
	call, err := a.Wait(within(d.t))
	if err != nil {
		d.t.Fatal(err)
	}
	return call
}

func (d *dialler) failed(a *sip.Attempt, cause sip.Cause, code int) *sip.Failure {
	d.t.Helper()
	_, err := a.Wait(within(d.t))
	var f *sip.Failure
	if !errors.As(err, &f) || f.Cause != cause || f.Code != code {
		d.t.Fatalf("failed with %v, want %v %d", err, cause, code)
	}
	return f
}

// comes waits until an attempt has come so far.
func (d *dialler) comes(a *sip.Attempt, what string, far func(sip.Progress) bool) {
	d.t.Helper()
	timeout := time.After(patience)
	for !far(a.Progress()) {
		select {
		case <-a.Progressed():
		case <-timeout:
			d.t.Fatalf("progress %+v instead of %s", a.Progress(), what)
		}
	}
}

// namely waits until Asterisk has said who is there.
func (d *dialler) namely(call *sip.Call, name, number string) {
	d.t.Helper()
	timeout := time.After(patience)
	for {
		if n, m := call.Caller(); n == name && m == number {
			return
		}
		select {
		case <-call.Renamed():
		case <-timeout:
			n, m := call.Caller()
			d.t.Fatalf("%q %q is there, want %q %q", n, m, name, number)
		}
	}
}

// seat is where a leg is heard and speaks a tone.
type seat struct {
	leg  *media.Leg
	tone phone.Source
	out  [160]int16

	mu    sync.Mutex
	heard [1600]int16
}

func (d *dialler) seat(leg *media.Leg, hz float64) *seat {
	s := &seat{leg: leg, tone: phone.Tone(hz, spoken)}
	loop := d.engine.Loop()
	loop.Do(func() {
		if loop.Attach(leg) {
			loop.Add(s)
		}
	})
	d.t.Cleanup(func() { loop.Do(func() { loop.Remove(s) }) })
	return s
}

func (s *seat) Tick(now int64) {
	frame := s.leg.Pull(now)
	s.tone.Fill(s.out[:])
	s.leg.Push(now, s.out[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	copy(s.heard[:], s.heard[len(frame):])
	copy(s.heard[len(s.heard)-len(frame):], frame)
}

// hears waits until a tone is heard at that level; phone.Floor: not at all.
func (s *seat) hears(t *testing.T, hz, dBFS float64) {
	t.Helper()
	ctx := within(t)
	for {
		s.mu.Lock()
		level := phone.ToneLevel(s.heard[:], hz)
		s.mu.Unlock()
		if level > dBFS-2 && level < dBFS+2 || dBFS == phone.Floor && level < spoken-own {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%.0f Hz is heard at %.1f dBFS, want %.1f", hz, level, dBFS)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// outward leads calls of sipconf to the phones, and to some extensions of this test's own. The number is free to the rest.
var outward = []string{
	"exten => announcement,1,Progress()", " same => n,Playback(${ASTETCDIR}/../moh/tone,noanswer)", " same => n,Hangup(17)",
	"exten => ringing,1,Ringing()", " same => n,Wait(30)",
	"exten => full,1,Congestion()",
	"exten => slow,1,Ringing()", " same => n,Progress()", " same => n,Playback(${ASTETCDIR}/../moh/tone,noanswer)",
	// Without the Hangup, Asterisk answers 503 for whatever is not busy.
	"exten => _cause.,1,Dial(PJSIP/${EXTEN:5})", " same => n,Hangup(${HANGUPCAUSE})",
	"[sipconf-out](+)", "include => phones",
}

// password makes Asterisk challenge each request of sipconf.
func password(algorithm string) []string {
	lines := []string{"auth=sipconf-auth", "[sipconf-auth]", "type=auth", "auth_type=digest", "username=sipconf", "password=secret"}
	if algorithm != "" {
		lines = append(lines, "supported_algorithms_uas="+algorithm)
	}
	return lines
}

// TestE2EDialOut: sipconf rings a phone behind Asterisk, which asks for a password with every request.
func TestE2EDialOut(t *testing.T) {
	for i, algorithm := range []string{"", "MD5", "SHA-256"} {
		t.Run("password "+algorithm, func(t *testing.T) {
			t.Parallel()
			addr, net := netip.AddrFrom4([4]byte{127, 0, 12, byte(31 + i)}).String(), 51000+1000*i
			boris := picksUp(t, "102", netip.AddrFrom4([4]byte{127, 0, 12, byte(42 + i)}).String()+":5060", 1130)
			pbx := rig.Start(t, rig.Options{
				Addr: netip.AddrFrom4([4]byte{127, 0, 12, byte(21 + i)}).String(), Ports: ports(net + 200), Sipconf: addr + ":5060",
				Phones: []rig.Phone{{Name: "Boris", Number: "102", Addr: boris.Addr().String()}}, Append: password(algorithm), Dialplan: outward,
			})
			d := dials(t, pbx, addr+":5060", uint16(net), "sipconf", "secret")
			const rounds = 3
			for range rounds {
				a := d.calls("102")
				call := d.answered(a)
				s := d.seat(call.Leg(), 370)
				s.hears(t, 1130, spoken)
				theirs := boris.Calls()[0]
				if err := theirs.AwaitTone(within(t), 370, spoken, tolerance); err != nil {
					t.Errorf("Boris: %v", err)
				}
				if from := theirs.Invite().Header("From"); !strings.Contains(from, `"Room 5234" <sip:5234@`) {
					t.Errorf("Boris is called by %s", from)
				}
				call.Hangup("the conference is over")
				select {
				case <-theirs.Done(): // so the BYE was accepted
				case <-within(t).Done():
					t.Error("Boris is still in the call")
				}
			}
			// The INVITEs; their BYEs came with an answer to the same challenge.
			if n := strings.Count(pbx.Log(), "SIP/2.0 401 Unauthorized"); n != rounds {
				t.Errorf("Asterisk has challenged %d requests, want %d", n, rounds)
			}
			d.login = [2]string{"sipconf", "wrong"}
			d.failed(d.calls("102"), sip.Refused, 401)
			d.login = [2]string{}
			d.failed(d.calls("102"), sip.Refused, 401)
		})
	}
}

// TestE2EDialOutOutcomes: what Asterisk says of calls that do not come to be, and what sipconf makes of it.
func TestE2EDialOutOutcomes(t *testing.T) {
	t.Parallel()
	const addr = "127.0.13.31:5060"
	asked := make(chan *phone.Incoming, 1)
	status := make(chan int, 1)
	boris, err := phone.New(phone.Config{
		Local: netip.MustParseAddrPort("127.0.13.42:5060"), Number: "102",
		Answer: func(in *phone.Incoming) {
			select {
			case s := <-status:
				in.Reject(s)
			default:
				in.Ring()
				asked <- in
				<-in.Cancelled()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(boris.Close)
	pbx := rig.Start(t, rig.Options{
		Addr: "127.0.13.21", Ports: ports(54200), Sipconf: addr, Dialplan: outward, Append: password(""),
		Phones: []rig.Phone{{Name: "Boris", Number: "102", Addr: boris.Addr().String()}},
	})
	d := dials(t, pbx, addr, 54000, "sipconf", "secret")

	for _, refusal := range []struct{ phone, told, q850 int }{{486, 486, 17}, {603, 403, 21}, {480, 480, 19}, {404, 404, 1}, {503, 503, 34}} {
		status <- refusal.phone
		f := d.failed(d.calls("cause102"), sip.Refused, refusal.told)
		t.Logf("the phone says %d: %v", refusal.phone, f)
		if f.Q850() != refusal.q850 {
			t.Errorf("the phone says %d: cause %d, want %d", refusal.phone, f.Q850(), refusal.q850)
		}
	}
	d.failed(d.calls("nobody"), sip.Refused, 404)
	d.failed(d.calls("full"), sip.Refused, 503)

	// Nobody picks up.
	a := d.calls("102", func(t *sip.Target) { t.Timeout = time.Second })
	in := <-asked
	d.comes(a, "ringing", sip.Progress.Ringing)
	d.failed(a, sip.NoAnswer, 408)
	<-in.Cancelled()

	// Somebody else has picked up.
	a = d.calls("102")
	in = <-asked
	d.comes(a, "ringing", sip.Progress.Ringing)
	a.Cancel(sip.AnsweredElsewhere)
	d.failed(a, sip.Cancelled, 487)
	<-in.Cancelled()

	// An announcement before the answer, and none comes.
	a = d.calls("announcement")
	s := d.seat(a.Leg(), 370)
	d.comes(a, "early media", func(p sip.Progress) bool { return p.Early })
	s.hears(t, rig.Music, rig.MusicLevel)
	a.Cancel("")
	d.failed(a, sip.Cancelled, 487)

	// One that was cancelled before anything came back: nothing is left of it at Asterisk.
	d.calls("ringing").Cancel("")
	deadline := time.Now().Add(patience)
	for out := ""; !strings.Contains(out, "0 active channels"); {
		if out = pbx.CLI("core show channels count"); time.Now().After(deadline) {
			t.Fatalf("calls are left at Asterisk:\n%s", out)
		}
	}

	if code, rtt, err := d.ua.Options(within(t), d.target("")); err != nil || code != 401 || rtt <= 0 {
		t.Errorf("OPTIONS: %d %v %v", code, rtt, err)
	}
	pbx.Close()
	begin := time.Now()
	if f := d.failed(d.calls("102"), sip.Unreachable, 503); time.Since(begin) > time.Second {
		t.Errorf("an Asterisk that is gone: %v after %v", f, time.Since(begin))
	}
}

// TestE2EDialOutReliably: Asterisk wants a PRACK for each provisional response, with a password in it.
func TestE2EDialOutReliably(t *testing.T) {
	t.Parallel()
	const addr = "127.0.15.31:5060"
	pbx := rig.Start(t, rig.Options{
		Addr: "127.0.15.21", Ports: ports(56200), Sipconf: addr, Dialplan: outward, Append: append([]string{"100rel=required"}, password("")...),
	})
	d := dials(t, pbx, addr, 56000, "sipconf", "secret")
	a := d.calls("slow")
	d.comes(a, "early media", func(p sip.Progress) bool { return p.Early })
	s := d.seat(a.Leg(), 370)
	s.hears(t, rig.Music, rig.MusicLevel)
	a.Cancel("")
	d.failed(a, sip.Cancelled, 487)
	if log := pbx.Log(); strings.Count(log, "RSeq: ") < 2 || strings.Count(log, "PRACK sip:") < 2 {
		t.Error("Asterisk has sent no reliable provisional responses")
	}
}

// TestE2EDialOutInTheCall: what happens behind Asterisk in a call that sipconf has made: hold, resume, and a transfer, of
// which sipconf is told.
func TestE2EDialOutInTheCall(t *testing.T) {
	t.Parallel()
	const addr = "127.0.14.31:5060"
	boris, clara := picksUp(t, "102", "127.0.14.42:5060", 1130), picksUp(t, "103", "127.0.14.43:5060", 1490)
	pbx := rig.Start(t, rig.Options{
		Addr: "127.0.14.21", Ports: ports(55200), Sipconf: addr, Dialplan: outward, Append: password(""),
		Phones: []rig.Phone{{Name: "Boris", Number: "102", Addr: boris.Addr().String()}, {Name: "Clara", Number: "103", Addr: clara.Addr().String()}},
	})
	d := dials(t, pbx, addr, 55000, "sipconf", "secret")
	call := d.answered(d.calls("102"))
	s := d.seat(call.Leg(), 370)
	s.hears(t, 1130, spoken)
	d.namely(call, "Boris", "102")
	theirs := boris.Calls()[0]
	for range 2 {
		if err := theirs.Hold(within(t), phone.HoldSendOnly, false); err != nil {
			t.Fatal("hold: ", err)
		}
		s.hears(t, 1130, phone.Floor) // nor the music
		s.hears(t, rig.Music, phone.Floor)
		if err := theirs.Resume(within(t), false); err != nil {
			t.Fatal("resume: ", err)
		}
		if err := theirs.AwaitTone(within(t), 370, spoken, tolerance); err != nil {
			t.Error("after the hold: ", err)
		}
		s.hears(t, 1130, spoken)
	}
	r, err := theirs.Request(within(t), "REFER", nil, phone.Header{Name: "Refer-To", Value: "<" + pbx.URI("103") + ">"})
	if err != nil || r.Status != 202 {
		t.Fatalf("REFER: %v %v", r, err)
	}
	s.hears(t, 1490, spoken)
	d.namely(call, "Clara", "103")
	if err := clara.Calls()[0].Hangup(within(t)); err != nil {
		t.Error(err)
	}
	select {
	case <-call.Done():
		if !call.Ended().ByPeer {
			t.Errorf("ended %+v", call.Ended())
		}
	case <-within(t).Done():
		t.Error("the call goes on without Clara")
	}
}
