package media_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/handover"
)

// The hand-over between two processes: the test's own, with the phones and the old engine, and the test's binary once more, which takes over.

// desks is a bus of pairs who hear each other: nothing of it needs to be written down.
type desks struct{ legs []*media.Leg }

func (d *desks) Tick(now int64) {
	for i := 0; i+1 < len(d.legs); i += 2 {
		a, b := d.legs[i], d.legs[i+1]
		said, answered := a.Pull(now), b.Pull(now)
		b.Push(now, said)
		a.Push(now, answered)
	}
}

// seat puts pairs of legs on the loops.  The engine runs, or is paused, and then the caller is the owner of its loops.
func seat(e *media.Engine, legs []*media.Leg, paused bool) {
	for len(legs) > 0 {
		d := &desks{legs: legs[:min(len(legs), 20)]}
		legs = legs[len(d.legs):]
		loop := e.Loop()
		loop.Expect(len(d.legs))
		put := func() {
			for _, leg := range d.legs {
				loop.Attach(leg)
			}
			loop.Add(d)
		}
		if paused {
			put()
			continue
		}
		done := make(chan struct{})
		loop.Do(func() { put(); close(done) })
		<-done
	}
}

// outcome is what the other process says at its end.
type outcome struct {
	Totals media.LegStats
	Stats  media.Stats
	Took   map[string]time.Duration
	Files  int
}

func init() { takeOver = beOther }

// beOther is the other process; its line is descriptor 3.  as says how far it goes.
func beOther(as string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	if as == "few descriptors" {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 100, Max: 100}); err != nil {
			fail(err)
		}
	}
	line, err := handover.Open(os.NewFile(3, "line"))
	if err != nil {
		fail(err)
	}
	taking := media.Take(media.Config{Ports: media.PortRange{First: 34000, Last: 36999}, Loops: 2}, line)
	defer taking.Close()
	took := map[string]time.Duration{}
	began := time.Now()
	lap := func(what string) { took[what] = time.Since(began); began = time.Now() }
	if err := taking.Sockets(); err != nil {
		fail(err)
	}
	lap("sockets")
	if as == "dies with the sockets" {
		os.Exit(4)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // as a program would for the moment
	if err := taking.Drafts(); err != nil {
		fail(err)
	}
	lap("drafts")
	if err := line.Send("quiesce", nil); err != nil {
		fail(err)
	}
	switch as {
	case "dies in the middle":
		line.Receive()
		os.Exit(4)
	case "falls asleep":
		time.Sleep(time.Minute)
	}
	engine, found, err := taking.State()
	if err != nil {
		fail(err)
	}
	lap("state")
	if as == "dies with the state" {
		os.Exit(4)
	}
	if as == "gives up" { // as one that cannot read what is not media's
		engine.Abandon()
		fail(errors.New("gave up"))
	}
	legs := slices.SortedFunc(maps.Values(found), func(a, b *media.Leg) int { return a.LocalAddr().Compare(b.LocalAddr()) })
	seat(engine, legs, true)
	lap("seats")
	engine.Resume()
	if err := line.Send("taken", nil); err != nil {
		fail(err)
	}
	for { // what is asked
		m, err := line.Receive()
		if err != nil {
			break // the test is over
		}
		time.Sleep(400 * time.Millisecond) // the figures are shown every 320 ms
		b, _ := json.Marshal(outcome{engine.Totals(), engine.Stats(), took, descriptors()})
		line.Send(m.Kind, b)
	}
	engine.Close()
}

// other is the other process, seen from the test.
type other struct {
	line *handover.Line
	cmd  *exec.Cmd
	said *strings.Builder
}

func startOther(t testing.TB, as string) *other {
	t.Helper()
	line, theirs, err := handover.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	o := &other{line: line, cmd: exec.Command(os.Args[0]), said: &strings.Builder{}}
	o.cmd.Env, o.cmd.ExtraFiles, o.cmd.Stderr = append(os.Environ(), "SIPCONF_TEST_PROCESS="+as), []*os.File{theirs}, o.said
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		line.Close()
		o.cmd.Process.Kill()
		o.cmd.Wait()
	})
	line.SetDeadline(time.Now().Add(30 * time.Second))
	return o
}

// expects waits for a message of that kind.
func (o *other) expects(t testing.TB, kind string) handover.Message {
	t.Helper()
	m, err := o.line.Receive()
	if err != nil || m.Kind != kind {
		t.Fatalf("received %q %s, %v, where %q should come; it said %q", m.Kind, m.Body, err, kind, o.said)
	}
	return m
}

// figures asks it how it does.
func (o *other) figures(t testing.TB) (got outcome) {
	t.Helper()
	if err := o.line.Send("figures", nil); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(o.expects(t, "figures").Body, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// end waits for the end of the process.
func (o *other) end(t testing.TB) {
	t.Helper()
	o.line.Close()
	if err := o.cmd.Wait(); err != nil {
		t.Errorf("the other process: %v, %s", err, o.said)
	}
}

// telephone is a phone on a real socket: a tone out, and all that comes in is kept.
type telephone struct {
	conn *net.UDPConn
	leg  netip.AddrPort
	hz   float64
	sent int

	mu    sync.Mutex
	heard []heardPacket
}

type heardPacket struct {
	at      time.Time
	seq     uint16
	ts      uint32
	ssrc    uint32
	marker  bool
	payload []byte
}

const amplitude = 8000

func (p *telephone) send() {
	b := make([]byte, 12, 172)
	b[0], b[1] = 0x80, 8
	binary.BigEndian.PutUint16(b[2:], uint16(p.sent))
	binary.BigEndian.PutUint32(b[4:], uint32(160*p.sent))
	binary.BigEndian.PutUint32(b[8:], uint32(p.hz))
	pcm := make([]int16, 160)
	for i := range pcm {
		pcm[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*p.hz*float64(160*p.sent+i)/8000)))
	}
	b = b[:172]
	codec.PCMA.Encode(b[12:], pcm)
	p.conn.WriteToUDPAddrPort(b, p.leg)
	p.sent++
}

func (p *telephone) listen() {
	b := make([]byte, 2048)
	for {
		n, err := p.conn.Read(b)
		if err != nil {
			return
		}
		at := time.Now()
		if n != 172 {
			continue
		}
		p.mu.Lock()
		p.heard = append(p.heard, heardPacket{at, binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:]), b[1]&0x80 != 0,
			slices.Clone(b[12:n])})
		p.mu.Unlock()
	}
}

// telephones are phones of as many legs of an engine; all of them talk until stop.
type telephones struct {
	all     []*telephone
	stopped atomic.Bool
	sending sync.WaitGroup
	hearing sync.WaitGroup
}

func startTelephones(t testing.TB, e *media.Engine, n int) *telephones {
	t.Helper()
	ps := &telephones{}
	var legs []*media.Leg
	for i := range n {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
		if err != nil {
			t.Fatal(err)
		}
		conn.SetReadBuffer(1 << 18)
		leg, err := e.Open(loopback)
		if err != nil {
			t.Fatal(err)
		}
		leg.Update(media.Session{Remote: conn.LocalAddr().(*net.UDPAddr).AddrPort(), Codec: codec.PCMA, PayloadType: 8, EventType: 101})
		p := &telephone{conn: conn, leg: leg.LocalAddr(), hz: 300 + float64(5*(i%100))}
		ps.all, legs = append(ps.all, p), append(legs, leg)
		ps.hearing.Go(p.listen)
	}
	slices.SortFunc(legs, func(a, b *media.Leg) int { return a.LocalAddr().Compare(b.LocalAddr()) })
	slices.SortFunc(ps.all, func(a, b *telephone) int { return a.leg.Compare(b.leg) })
	seat(e, legs, false)
	ps.sending.Go(ps.talk)
	t.Cleanup(ps.hangUp)
	return ps
}

// talk has each of them send every 20 ms, a tenth of them every 2 ms.
func (ps *telephones) talk() {
	next := time.Now()
	for slot := 0; !ps.stopped.Load(); slot = (slot + 1) % 10 {
		for i := slot; i < len(ps.all); i += 10 {
			ps.all[i].send()
		}
		next = next.Add(2 * time.Millisecond)
		time.Sleep(time.Until(next))
	}
}

// stop ends the talking.
func (ps *telephones) stop() {
	ps.stopped.Store(true)
	ps.sending.Wait()
}

func (ps *telephones) hangUp() {
	ps.stop()
	for _, p := range ps.all {
		p.conn.Close()
	}
	ps.hearing.Wait()
}

func (ps *telephones) sent() (n uint64) {
	for _, p := range ps.all {
		n += uint64(p.sent)
	}
	return n
}

// check says what of the streams that came back is not as if nothing had happened.  skips are ticks that loops have left out because the machine was too
// slow: only then a stream may have a gap in its timestamps.
func (ps *telephones) check(t testing.TB, least int, skips uint64) {
	t.Helper()
	faults := 0
	for i, p := range ps.all {
		p.mu.Lock()
		heard := p.heard
		p.mu.Unlock()
		if len(heard) < least {
			t.Errorf("phone %d has heard %d packets, want %d at least", i, len(heard), least)
		}
		for n := 1; n < len(heard); n++ {
			before, now := &heard[n-1], &heard[n]
			step := now.ts - before.ts
			if now.ssrc != before.ssrc || now.seq != before.seq+1 || step%160 != 0 || step > 160 && skips == 0 {
				if faults++; faults < 10 {
					t.Errorf("phone %d, packet %d: after SSRC %x, number %d, timestamp %d come %x, %d, %d", i, n,
						before.ssrc, before.seq, before.ts, now.ssrc, now.seq, now.ts)
				}
			}
		}
	}
}

// gaps says how far the packets of all streams were apart that came between two times.
func (ps *telephones) gaps(from, to time.Time) string {
	var gaps []time.Duration
	for _, p := range ps.all {
		p.mu.Lock()
		heard := p.heard
		p.mu.Unlock()
		for n := 1; n < len(heard); n++ {
			if at := heard[n].at; at.After(from) && at.Before(to) {
				gaps = append(gaps, at.Sub(heard[n-1].at).Round(100*time.Microsecond))
			}
		}
	}
	if len(gaps) == 0 {
		return "nothing came"
	}
	slices.Sort(gaps)
	return fmt.Sprintf("p50 %v, p99 %v, largest %v", gaps[len(gaps)/2], gaps[len(gaps)*99/100], gaps[len(gaps)-1])
}

// clicks is the largest departure of what the phones hear between two times from the tone that it is: each sample of a sine follows from the two before
// it.  What A-law makes of it is up to 512; a jump in the wave is thousands.
func (ps *telephones) clicks(from, to time.Time) (largest float64) {
	for i, p := range ps.all {
		w := 2 * math.Cos(2*math.Pi*ps.all[i^1].hz/8000)
		p.mu.Lock()
		heard := p.heard
		p.mu.Unlock()
		known := 0
		var a, b float64
		for _, packet := range heard {
			if packet.at.Before(from) || packet.at.After(to) {
				continue
			}
			pcm := make([]int16, 160)
			codec.PCMA.Decode(pcm, packet.payload)
			for _, sample := range pcm {
				c := float64(sample)
				if known++; known > 2 {
					largest = max(largest, math.Abs(c-w*b+a))
				}
				a, b = b, c
			}
		}
	}
	return largest
}

// handOver hands the engine over to another process, and says how long nothing moved.
func handOver(t testing.TB, e *media.Engine, o *other) (paused time.Duration) {
	t.Helper()
	giving := e.Give(o.line)
	if err := giving.Sockets(); err != nil {
		t.Fatal(err)
	}
	if err := giving.Drafts(); err != nil {
		t.Fatal(err)
	}
	o.expects(t, "quiesce")
	if err := giving.Stop(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := giving.State(); err != nil {
		t.Fatal(err)
	}
	o.expects(t, "taken")
	paused = time.Since(began)
	e.Abandon()
	return paused
}

// legsOfHandOver is for measurements by hand: SIPCONF_TEST_LEGS=1000 go test ./media -run E2EHandOver -v.
func legsOfHandOver() int {
	if n, err := strconv.Atoi(os.Getenv("SIPCONF_TEST_LEGS")); err == nil {
		return n
	}
	return 200
}

// Two hundred people talk while their legs move to another process, and nobody can tell.
func TestE2EHandOver(t *testing.T) {
	e := newEngine(t, media.Config{Loops: 2})
	phones := startTelephones(t, e, legsOfHandOver())
	begun := time.Now()
	time.Sleep(1100 * time.Millisecond)
	o := startOther(t, "takes over")
	was, at := e.Totals(), time.Now()
	t.Logf("nothing moved for %v", handOver(t, e, o))
	time.Sleep(600 * time.Millisecond)
	soon, end := o.figures(t).Totals, time.Now()
	phones.stop()
	got := o.figures(t)
	o.end(t)

	skipped := e.Stats().Skipped + got.Stats.Skipped
	phones.check(t, 50, skipped)
	if s := got.Totals; s.PacketsIn != phones.sent() || s.Lost != 0 || s.Duplicates != 0 || s.Strangers != 0 || s.Sources != 0 {
		t.Errorf("the phones have sent %d packets; the legs say %+v", phones.sent(), s)
	}
	t.Logf("gaps between packets in the second before: %s; in the second of the hand-over: %s", phones.gaps(at.Add(-time.Second), at), phones.gaps(at, at.Add(time.Second)))
	before, after := phones.clicks(begun.Add(500*time.Millisecond), at), phones.clicks(at, end)
	t.Logf("departure from the tone: %.0f before, %.0f from then on; made up %v, cut out %v, skipped %d ticks; the other process took %v, has %d files",
		before, after, soon.Concealed-was.Concealed, soon.Discarded-was.Discarded, skipped, got.Took, got.Files)
	if untouched := soon.Concealed == was.Concealed && soon.Discarded == was.Discarded && skipped == 0; untouched && after > 1000 {
		t.Errorf("the tone departs by %.0f from itself, though nothing was made up", after)
	}
}

// Whatever becomes of the other process before it has taken over: the old one goes on, nobody hears it, and the next one can take over at once.
func TestE2EHandOverThatFails(t *testing.T) {
	e := newEngine(t, media.Config{Loops: 2})
	phones := startTelephones(t, e, 60)
	time.Sleep(500 * time.Millisecond)
	was, files := e.Stats(), descriptors()
	for _, as := range []string{"few descriptors", "dies with the sockets", "dies in the middle", "dies with the state", "falls asleep", "gives up"} {
		o := startOther(t, as)
		giving := e.Give(o.line)
		err := giving.Sockets()
		if err == nil {
			err = giving.Drafts()
		}
		if err == nil {
			_, err = o.line.Receive() // "quiesce", if it comes to that
		}
		if err == nil {
			o.line.SetDeadline(time.Now().Add(300 * time.Millisecond))
			if err = giving.Stop(5 * time.Second); err == nil {
				err = giving.State()
			}
			if err == nil {
				var m handover.Message
				if m, err = o.line.Receive(); err == nil && m.Kind == "taken" {
					t.Fatalf("%q has taken over", as)
				}
			}
			e.Resume()
		}
		o.line.Close()
		if as == "falls asleep" {
			o.cmd.Process.Kill()
		}
		t.Logf("%s: %v, %v, %s", as, err, o.cmd.Wait(), o.said)
		if s := e.Stats(); s.Legs != was.Legs || s.Attached != was.Attached || s.Ports != was.Ports {
			t.Errorf("%s: afterwards the engine is %+v, and was %+v", as, s, was)
		}
	}
	if now := descriptors(); now > files {
		t.Errorf("%d descriptors are open, there were %d", now, files)
	}
	o := startOther(t, "takes over")
	handOver(t, e, o)
	time.Sleep(300 * time.Millisecond)
	phones.stop()
	got := o.figures(t)
	o.end(t)
	phones.check(t, 50, e.Stats().Skipped+got.Stats.Skipped)
	if s := got.Totals; s.PacketsIn != phones.sent() || s.Lost != 0 || s.Duplicates != 0 {
		t.Errorf("the phones have sent %d packets; the legs say %+v", phones.sent(), s)
	}
}
