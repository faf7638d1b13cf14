//go:build linux

package rooms

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
	"golang.org/x/sys/unix"

	"github.com/sipconf/sipconf/bench/floor"
	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// BenchmarkWire is what the tick of 1,000 legs costs over loopback sockets, in one room, and in rooms of ten, three and one, all of whom talk, beside what the same packets cost
// bench/floor, and the bare loop there: a loop of the engine runs the one and then the others, in this order and in that, every 20 ms, and whatever else the machine does disturbs all of them.
// CPU time of the thread, in the kernel as well: us/leg, floor-us/leg and bare-us/leg are medians of the ticks, ratio and bare-ratio are how many times the floor's
// and the bare loop's is the first.
//
// The phones are another goroutine. -compare has the judged figure, of processes of their own, asleep between ticks: this one is for comparing two
// versions of the tick, and good to a few parts of 100 where that one is not.
func BenchmarkWire(b *testing.B) {
	for _, inRoom := range []int{1000, 10, 3, 1} {
		b.Run(fmt.Sprint("rooms of ", inRoom), func(b *testing.B) { benchmarkWire(b, inRoom) })
	}
}

func benchmarkWire(b *testing.B, inRoom int) {
	const legs = 1000
	if b.N == 1 {
		return // the first try of the testing package
	}
	host := netip.MustParseAddr("127.79.2.1")
	engine, err := media.New(media.Config{Loops: 1, Hands: -1, Level: true, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	floorAddrs, bareAddrs := floor.Addrs(netip.MustParseAddr("127.79.2.2"), legs), floor.Addrs(netip.MustParseAddr("127.79.2.3"), legs)
	f, err := floor.Open(floorAddrs)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	bare, err := floor.OpenBare(bareAddrs)
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	loop := engine.Loop()
	var phones phones
	defer phones.close()
	watch := &stopwatch{ticks: b.N, spoken: make(chan struct{}, 1), ticked: make(chan struct{}, 1)}
	work := newWork()
	buses := []media.Bus{&begin{watch}}
	for i := range legs {
		leg, err := engine.Open(host)
		if err != nil {
			b.Fatal(err)
		}
		defer leg.Close()
		phones.add(b, leg.LocalAddr())
		phones.add(b, floorAddrs[i])
		phones.add(b, bareAddrs[i])
		leg.Update(media.Session{Remote: phoneOf(leg.LocalAddr()), Codec: codec.PCMA, PayloadType: 8, EventType: 101})
		if i%inRoom == 0 {
			buses = append(buses, &between{watch, newRoom(fmt.Sprint(5000+i), loop, work, newTones(mixRate), newQueue(queueSize))})
		}
		room := buses[len(buses)-1].(*between).Room
		p := &Participant{id: fmt.Sprint(i), leg: leg, seat: &Seat{room: room}}
		room.wait(func() {
			room.admit(p)
			room.enter(p)
		})
	}
	buses = append(buses, &end{watch, f, bare})
	first := buses[1].(*between).Room
	first.wait(func() {
		runtime.LockOSThread() // it ends with the loop
		for _, bus := range buses {
			loop.Add(bus)
		}
	})
	b.ResetTimer()
	for range b.N {
		phones.speak()
		watch.spoken <- struct{}{}
		<-watch.ticked
	}
	b.StopTimer()
	first.wait(func() {
		for _, bus := range buses {
			loop.Remove(bus)
		}
		for _, p := range first.members {
			if s := p.leg.Stats(); s.PacketsIn != uint64(b.N) || s.PacketsOut != uint64(b.N) || !p.heard {
				b.Errorf("%+v", s)
			}
		}
	})
	bareTime, floorTime, time := median(watch.bare), median(watch.floor), median(watch.rooms)
	b.ReportMetric(floorTime/legs, "floor-us/leg")
	b.ReportMetric(bareTime/legs, "bare-us/leg")
	b.ReportMetric(time/legs, "us/leg")
	b.ReportMetric(time/floorTime, "ratio")
	b.ReportMetric(time/bareTime, "bare-ratio")
}

// stopwatch has the loop tick when the phones have spoken, and knows the CPU time of each tick, in microseconds.
type stopwatch struct {
	rooms          []float64
	floor, bare    []float64
	ticks          int
	now            int64
	running        bool // in this tick
	at             time.Duration
	spoken, ticked chan struct{}
}

type begin struct{ *stopwatch }

func (b *begin) Tick(int64) {
	select {
	case <-b.spoken:
		b.running, b.now = true, b.now+int64(20*time.Millisecond)
		b.at = threadTime()
	default:
		b.running = false
	}
}

type between struct {
	*stopwatch
	*Room
}

func (b *between) Tick(int64) {
	if b.running {
		b.Room.Tick(b.stopwatch.now)
	}
}

type end struct {
	*stopwatch
	floor, bare *floor.Floor
}

func (e *end) Tick(int64) {
	if !e.running {
		return
	}
	at := threadTime()
	since := func() float64 { // in microseconds
		before := at
		at = threadTime()
		return (at - before).Seconds() * 1e6
	}
	e.stopwatch.rooms = append(e.stopwatch.rooms, (at-e.at).Seconds()*1e6)
	loops := []func(){
		func() { e.floor.Tick(); e.stopwatch.floor = append(e.stopwatch.floor, since()) },
		func() { e.bare.Tick(); e.stopwatch.bare = append(e.stopwatch.bare, since()) },
	}
	for i := range loops { // the second finds the kernel's code in the cache
		loops[(i+len(e.stopwatch.rooms))%2]()
	}
	e.ticked <- struct{}{}
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// phones send a packet each, and read what has come.
type phones struct {
	conns  []media.Conn
	legs   []netip.AddrPort
	voices [][]byte
	spoken int
}

// phoneOf is where the phone of a leg is.
func phoneOf(leg netip.AddrPort) netip.AddrPort {
	host := leg.Addr().As4()
	host[2] += 3
	return netip.AddrPortFrom(netip.AddrFrom4(host), leg.Port())
}

func (p *phones) add(b *testing.B, leg netip.AddrPort) {
	conn, err := media.Listen(phoneOf(leg))
	if err != nil {
		b.Fatal(err)
	}
	conn.Connect(leg)
	p.conns, p.legs = append(p.conns, conn), append(p.legs, leg)
	frame := make([]int16, 160)
	for i := range frame {
		frame[i] = int16(1000 * rand.NormFloat64())
	}
	p.voices = append(p.voices, make([]byte, 160))
	codec.PCMA.Encode(p.voices[len(p.voices)-1], frame)
}

func (p *phones) speak() {
	var datagram [2048]byte
	n := p.spoken
	p.spoken++
	for i, conn := range p.conns {
		packet := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 8, SSRC: uint32(i), SequenceNumber: uint16(n), Timestamp: uint32(160 * n)},
			Payload: p.voices[(i+n)%len(p.voices)]}
		size, _ := packet.MarshalTo(datagram[:])
		conn.Send(datagram[:size], p.legs[i])
		conn.Recv(datagram[:])
	}
}

func (p *phones) close() {
	for _, conn := range p.conns {
		conn.Close()
	}
}

func threadTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}
