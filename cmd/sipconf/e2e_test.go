package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/media"
	"go.uber.org/goleak"
)

// Tests of the whole server, in this process, with phones that call it over
// real SIP and RTP on loopback.

const (
	loud    = -20.0 // dBFS of the phones' tones
	closeTo = 1.5   // dB between what was spoken and what is heard
	unheard = loud - 40
)

// office is a server and its phones.
type office struct {
	*testing.T
	*server
	pump *phone.Pump
	log  *lockedBuffer
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newOffice starts a server on free ports of 127.0.0.1 and ::1.
func newOffice(t *testing.T, change func(*Config)) *office {
	t.Helper()
	cfg := defaultConfig()
	cfg.Metrics.Listen = "127.0.0.1:0"
	cfg.Ctl.Socket = ""       // it may be a real server's
	cfg.Groups.Store = "list" // so that this machine's own groups are left alone
	cfg.SIP.Listen = []listener{
		{"udp", netip.MustParseAddrPort("127.0.0.1:0")}, {"tcp", netip.MustParseAddrPort("127.0.0.1:0")},
		{"udp", netip.MustParseAddrPort("[::1]:0")},
	}
	cfg.Media.Ports = media.PortRange{First: 40000, Last: 40999}
	cfg.Rooms.Tones = false // they would be in the way of tones that are measured
	cfg.Media.Level = false // tones are to arrive as loud as they were sent
	if change != nil {
		change(cfg)
	}
	o := &office{T: t, pump: phone.NewPump(), log: &lockedBuffer{}}
	server, err := newServer(cfg, newLogger(o.log, LogConfig{Level: slog.LevelDebug, Format: logJSON}), nil)
	if err != nil {
		t.Fatal(err)
	}
	o.server = server
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			t.Errorf("closing the server: %v", err)
		}
		o.pump.Close()
		if t.Failed() {
			t.Logf("log:\n%s", o.log)
		}
	})
	return o
}

// listener finds where to call.
func (o *office) uri(number string, network string, v4 bool) string {
	for _, l := range o.Addrs() {
		if l.Network == network && l.Addr.Addr().Is4() == v4 {
			uri := fmt.Sprintf("sip:%s@%s", number, l.Addr)
			if network == "tcp" {
				uri += ";transport=tcp"
			}
			return uri
		}
	}
	o.Fatalf("no %s listener", network)
	return ""
}

func (o *office) phone(cfg phone.Config) *phone.Phone {
	o.Helper()
	if !cfg.Local.IsValid() {
		cfg.Local = netip.MustParseAddrPort("127.0.0.1:0")
	}
	cfg.Pump = o.pump
	p, err := phone.New(cfg)
	if err != nil {
		o.Fatal(err)
	}
	o.Cleanup(p.Close)
	return p
}

// joins calls a room and says a tone.
func (o *office) joins(cfg phone.Config, number string, hz float64, options ...phone.Option) *phone.Call {
	o.Helper()
	p := o.phone(cfg)
	network := cfg.Transport
	if network == "" {
		network = "udp"
	}
	call, err := p.Call(o.soon(), o.uri(number, network, p.Addr().Addr().Is4()), options...)
	if err != nil {
		o.Fatalf("%s calls %s: %v", cfg.Name, number, err)
	}
	if hz > 0 {
		call.Speak(phone.Tone(hz, loud))
	}
	return call
}

func (o *office) soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	o.Cleanup(cancel)
	return ctx
}

// hears waits until a call hears these tones as they were spoken, and checks
// that it does not hear those.
func (o *office) hears(who string, call *phone.Call, tones []float64, not ...float64) {
	o.Helper()
	for _, hz := range tones {
		if err := call.AwaitTone(o.soon(), hz, loud, closeTo); err != nil {
			o.Errorf("%s does not hear %v Hz: %v (%.1f dBFS)", who, hz, err, call.Hear(hz))
		}
	}
	for _, hz := range not {
		if err := call.AwaitBelow(o.soon(), hz, unheard); err != nil {
			o.Errorf("%s hears %v Hz at %.1f dBFS", who, hz, call.Hear(hz))
		}
	}
}

// eventually waits for something that the server does on its own.
func (o *office) eventually(what string, done func() bool) {
	o.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			o.Fatalf("not within 10 s: %s", what)
		}
	}
}

func TestE2EPhonesOfAllKindsMeetInARoom(t *testing.T) {
	o := newOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna", Number: "101", Codecs: []phone.Codec{phone.PCMA}}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris", Number: "102", Codecs: []phone.Codec{phone.PCMU}, Transport: "tcp"}, "*15234", 600)
	clara := o.joins(phone.Config{Name: "Clara", Number: "103", Ptime: 30 * time.Millisecond, Local: netip.MustParseAddrPort("[::1]:0")}, "5234", 900)
	dora := o.joins(phone.Config{Name: "Dora", Number: "104"}, "5234", 1300, phone.LateOffer())
	elsewhere := o.joins(phone.Config{Name: "Emil", Number: "105"}, "*1777", 1700)

	o.hears("Anna", anna, []float64{600, 900, 1300}, 400, 1700)
	o.hears("Boris", boris, []float64{400, 900, 1300}, 600, 1700)
	o.hears("Clara", clara, []float64{400, 600, 1300}, 900, 1700)
	o.hears("Dora", dora, []float64{400, 600, 900}, 1300, 1700)
	o.hears("Emil", elsewhere, nil, 400, 600, 900, 1300, 1700)

	var rooms []string
	for _, room := range o.Rooms().Snapshot() {
		var names []string
		for _, p := range room.Participants {
			names = append(names, p.Name)
		}
		slices.Sort(names) // a phone may dial before the server has the ACK of the one before it
		rooms = append(rooms, room.Number+": "+strings.Join(names, " "))
	}
	if want := []string{"5234: Anna Boris Clara Dora", "777: Emil"}; !slices.Equal(rooms, want) {
		t.Errorf("rooms %q, want %q", rooms, want)
	}
	if contact := anna.Response().Header("Contact"); !strings.Contains(contact, "sip:5234@") || !strings.Contains(contact, "isfocus") {
		t.Errorf("Contact %s", contact)
	}
}

// TestE2EVoicesAreLevelled: a quiet phone and a loud one, 12 dB apart, end as loud as each other.
func TestE2EVoicesAreLevelled(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(c *Config) { c.Media.Level = true })
	anna := o.joins(phone.Config{Name: "Anna"}, "5234", 0)
	boris := o.joins(phone.Config{Name: "Boris"}, "5234", 0)
	clara := o.joins(phone.Config{Name: "Clara"}, "5234", 0)
	anna.Speak(phone.Tone(440, -29))
	boris.Speak(phone.Tone(1000, -17))
	for _, hz := range []float64{440, 1000} {
		if err := clara.AwaitTone(o.soon(), hz, -23, closeTo); err != nil {
			t.Errorf("Clara hears %v Hz at %.1f dBFS, want -23: %v", hz, clara.Hear(hz), err)
		}
	}
}

func TestE2EPacketTimes(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	o.joins(phone.Config{Name: "Anna"}, "5234", 400)
	for i, ptime := range []time.Duration{10, 20, 30, 40, 60} {
		call := o.joins(phone.Config{Name: "other", Ptime: ptime * time.Millisecond}, "5234", 600+300*float64(i))
		o.hears(fmt.Sprint("ptime ", ptime), call, []float64{400})
		sizes := call.Heard().Payload
		// What a phone sends it also asks for, with a=ptime.
		if want := int(ptime) * 8; sizes[want] == 0 || len(sizes) != 1 {
			t.Errorf("ptime %d ms is answered with packets of %v bytes", ptime, sizes)
		}
		call.Hangup(o.soon())
	}
}

func TestE2EAloneOneHearsSilence(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna"}, "5234", 400)
	if err := anna.Await(o.soon(), func(c *phone.Call) bool { return c.Heard().Packets >= 100 }); err != nil {
		t.Fatal(err)
	}
	anna.ResetHeard()
	begin := time.Now()
	if err := anna.Await(o.soon(), func(c *phone.Call) bool { return c.Heard().Packets >= 100 }); err != nil {
		t.Fatal(err)
	}
	// 100 packets are 2 s; the bound only tells 50 a second from 25 or 100.
	if took := time.Since(begin); took < 1500*time.Millisecond || took > 3*time.Second {
		t.Errorf("100 packets in %v", took)
	}
	if h := anna.Heard(); h.Lost != 0 || h.TSJumps != 0 || len(h.SSRCs) != 1 {
		t.Errorf("lost %d, timestamp jumps %d, SSRCs %v", h.Lost, h.TSJumps, h.SSRCs)
	}
	if level := anna.Loudness(time.Second); level > -60 {
		t.Errorf("%.1f dBFS while alone", level)
	}
}

func TestE2EHold(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]phone.Hold{
		"sendonly": phone.HoldSendOnly, "inactive": phone.HoldInactive,
		"recvonly": phone.HoldRecvOnly, "zero address": phone.HoldZeroAddress,
	} {
		for _, newPort := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " new port ", newPort), func(t *testing.T) {
				o := newOffice(t, nil)
				anna := o.joins(phone.Config{Name: "Anna"}, "5234", 400)
				boris := o.joins(phone.Config{Name: "Boris"}, "5234", 600)
				o.hears("Boris", boris, []float64{400})
				if err := anna.Hold(o.soon(), how, newPort); err != nil {
					t.Fatal(err)
				}
				o.hears("Boris", boris, nil, 400)
				if how == phone.HoldRecvOnly {
					o.hears("Anna, who only listens,", anna, []float64{600})
				} else if err := anna.AwaitBelow(o.soon(), 600, unheard); err != nil && how != phone.HoldZeroAddress {
					t.Errorf("on hold Anna hears Boris: %v", err)
				}
				if err := anna.Resume(o.soon(), newPort); err != nil {
					t.Fatal(err)
				}
				o.hears("Boris", boris, []float64{400})
				o.hears("Anna", anna, []float64{600}, 400)
				if h := anna.Heard(); len(h.SSRCs) != 1 || h.TSJumps != 0 {
					t.Errorf("SSRCs %v, timestamp jumps without a marker %d", h.SSRCs, h.TSJumps)
				}
			})
		}
	}
}

func TestE2ETheAddressMovesInMidCall(t *testing.T) {
	o := newOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna"}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris"}, "5234", 600)
	for range 3 {
		if err := anna.Move(o.soon()); err != nil {
			t.Fatal(err)
		}
		o.hears("Anna", anna, []float64{600}, 400)
		o.hears("Boris", boris, []float64{400}, 600)
	}
	if h := anna.Heard(); len(h.SSRCs) != 1 {
		t.Errorf("SSRCs %v", h.SSRCs)
	}
}

func TestE2EKeysArriveOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna"}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris"}, "5234", 600)
	o.hears("Boris", boris, []float64{400})
	if err := anna.SendDTMF(o.soon(), "12*"); err != nil {
		t.Fatal(err)
	}
	if err := anna.PressKeys(o.soon(), "55", phone.DTMF{Length: 80 * time.Millisecond, LostHead: 2, LostTail: 3}); err != nil {
		t.Fatal(err)
	}
	for _, key := range "90" {
		if err := anna.SendInfo(o.soon(), byte(key), key == '9'); err != nil {
			t.Fatal(err)
		}
	}
	keys := func() string {
		for _, room := range o.Rooms().Snapshot() {
			for _, p := range room.Participants {
				if p.Name == "Anna" {
					return p.Digits
				}
			}
		}
		return ""
	}
	o.eventually("all keys", func() bool { return len(keys()) >= 7 })
	time.Sleep(300 * time.Millisecond) // a key that is counted twice would come now
	if got := keys(); got != "12*5590" {
		t.Errorf("keys %q, want 12*5590", got)
	}
}

// TestE2EAStrangersPacketsNeverEnter: somebody who has found the port of a
// call can neither be heard in it nor draw its sound to himself.
func TestE2EAStrangersPacketsNeverEnter(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna"}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris"}, "5234", 600)
	o.hears("Boris", boris, []float64{400})
	stranger, err := net.Dial("udp", anna.RemoteRTP().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	for seq := range 100 {
		packet := []byte{0x80, 8, byte(seq >> 8), byte(seq), 0, 0, byte(seq * 160 >> 8), byte(seq * 160), 1, 2, 3, 4}
		tone := make([]int16, 160)
		for i := range tone {
			tone[i] = int16(20000 * math.Sin(2*math.Pi*2000*float64(seq*160+i)/8000))
		}
		stranger.Write(append(packet, phone.PCMA.Encode(tone)...))
		time.Sleep(5 * time.Millisecond)
	}
	o.hears("Boris", boris, []float64{400}, 2000)
	o.hears("Anna", anna, []float64{600})
	stranger.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if n, err := stranger.Read(make([]byte, 2000)); err == nil {
		t.Errorf("the stranger has got %d bytes", n)
	}
}

func TestE2EComfortNoiseAndUnknownTypes(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna"}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris"}, "5234", 600)
	o.hears("Anna", anna, []float64{600})
	boris.Mute(true)
	for range 20 {
		boris.SendRTP(13, false, []byte{60})
		boris.SendRTP(96, false, bytes.Repeat([]byte{0x2a}, 160))
		boris.SendRTP(111, false, []byte("nonsense"))
	}
	o.hears("Anna", anna, nil, 600)
	boris.Mute(false)
	o.hears("Anna", anna, []float64{600})
	boris.ChangeSSRC(0xabcdef, 7, 99)
	o.hears("Anna", anna, []float64{600})
}

func TestE2ERefusals(t *testing.T) {
	o := newOffice(t, func(c *Config) { c.Rooms.MaxParticipants, c.Rooms.MaxLegs = 2, 3 })
	refused := func(number string, want int) {
		t.Helper()
		call, err := o.phone(phone.Config{Name: "late"}).Call(o.soon(), o.uri(number, "udp", true))
		if err == nil {
			call.Hangup(o.soon())
		}
		if got := phone.Status(err); got != want {
			t.Errorf("%s: got %d %v, want %d", number, got, err, want)
		}
	}
	refused("nobody", 404)
	a := o.joins(phone.Config{Name: "Anna"}, "5234", 0)
	o.joins(phone.Config{Name: "Boris"}, "5234", 0)
	refused("5234", 486)
	o.joins(phone.Config{Name: "Clara"}, "7777", 0)
	refused("8888", 503)
	a.Hangup(o.soon())
	o.eventually("a seat is free again", func() bool { return o.Rooms().Stats().Seats == 2 })
	o.joins(phone.Config{Name: "Dora"}, "5234", 0)
}

// TestE2ENoSocketsForACall: the operator reads which call it was and what was lacking.
func TestE2ENoSocketsForACall(t *testing.T) {
	o := newOffice(t, func(c *Config) { c.Media.Ports = media.PortRange{First: 47000, Last: 47001} }) // which no other test uses
	o.joins(phone.Config{Name: "Anna"}, "5234", 0)
	_, err := o.phone(phone.Config{Name: "Boris", Number: "102"}).Call(o.soon(), o.uri("5234", "udp", true))
	if got := phone.Status(err); got != 503 {
		t.Errorf("got %v, want 503", err)
	}
	o.eventually("it is in the log", func() bool { return strings.Contains(o.log.String(), "call was not answered") })
	for line := range strings.Lines(o.log.String()) {
		if !strings.Contains(line, "call was not answered") {
			continue
		}
		var said struct{ Level, Room, Name, Number, Err string }
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Fatal(err)
		}
		if said.Level != "WARN" || said.Room != "5234" || said.Name != "Boris" || said.Number != "102" ||
			!strings.Contains(said.Err, media.ErrNoPorts.Error()) {
			t.Errorf("the log says %s", line)
		}
	}
}

func TestE2EWhoVanishesIsMissed(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(c *Config) { c.Media.SilenceTimeout = time.Second })
	p := o.phone(phone.Config{Name: "Anna"})
	if _, err := p.Call(o.soon(), o.uri("5234", "udp", true)); err != nil {
		t.Fatal(err)
	}
	silent := o.joins(phone.Config{Name: "Boris"}, "5234", 0)
	silent.StopMedia() // answers probes, but never sends media again
	o.eventually("the silent one is hung up", func() bool {
		select {
		case <-silent.Done():
			return true
		default:
			return false
		}
	})
	if reasons := strings.Join(silent.Ending().Reasons, " "); !strings.Contains(reasons, "no RTP and no RTCP") {
		t.Errorf("Reason: %s", reasons)
	}
	o.eventually("only Anna is left", func() bool { return o.Rooms().Stats().Seats == 1 })
}

func TestE2EGoodbye(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Run("office", func(t *testing.T) {
		o := newOffice(t, nil)
		var calls []*phone.Call
		for range 10 {
			calls = append(calls, o.joins(phone.Config{Name: "guest"}, "5234", 0))
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := o.server.Close(ctx); err != nil {
			t.Error(err)
		}
		for _, call := range calls {
			select {
			case <-call.Done():
			case <-o.soon().Done():
				t.Fatal("a phone was not told")
			}
			if reasons := call.Ending().Reasons; len(reasons) != 1 || !strings.Contains(reasons[0], "shutting down") {
				t.Errorf("Reason: %v", reasons)
			}
		}
	})
}

// TestE2ENothingIsLeftBehind: after 1,000 calls into rooms that come and go,
// legs, ports, goroutines and memory are what they were.
func TestE2ENothingIsLeftBehind(t *testing.T) {
	o := newOffice(t, func(c *Config) { c.Media.Ports = media.PortRange{First: 40000, Last: 43999} })
	round := func(calls int) {
		var all sync.WaitGroup
		for worker := range 20 {
			p := o.phone(phone.Config{Name: fmt.Sprint("worker ", worker)})
			all.Go(func() {
				defer p.Close()
				for i := range calls / 20 {
					call, err := p.Call(o.soon(), o.uri(fmt.Sprint(5000+(worker+i)%7), "udp", true))
					if err != nil {
						t.Errorf("call: %v", err)
						return
					}
					call.Hangup(o.soon())
				}
			})
		}
		all.Wait()
	}
	settled := func() (goroutines int, heap uint64) {
		o.eventually("all is given back", func() bool {
			return o.ua.Calls() == 0 && o.Engine().Stats().Legs == 0 && len(o.Rooms().Snapshot()) == 0
		})
		var m runtime.MemStats
		for range 3 {
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return runtime.NumGoroutine(), m.HeapAlloc
	}
	round(200) // what is made once, and what sipgo keeps for 32 s of each call, is there now
	goroutines, heap := settled()
	round(1000)
	o.eventually("ports are given back", func() bool { return o.Engine().Stats().Ports == 0 })
	o.eventually("goroutines end", func() bool { g, _ := settled(); return g <= goroutines })
	after, heapAfter := settled()
	t.Logf("goroutines %d, then %d; heap %d KiB, then %d KiB", goroutines, after, heap>>10, heapAfter>>10)
	// sipgo keeps the transactions of these 1,000 calls for 32 s, some 10 KiB
	// each. A leg that is kept would be 28 KiB more.
	if heapAfter > heap+20<<20 {
		t.Errorf("heap grew from %d to %d KiB", heap>>10, heapAfter>>10)
	}
}
