package rooms

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// crowd is a room of phones that cost nothing themselves: each says the same packet again, with the
// next sequence number and timestamp, and forgets what it is sent.
type crowd struct {
	room  *Room
	wires []*parrot
	now   int64
}

// parrot is such a phone's media.Conn.
type parrot struct {
	from   netip.AddrPort
	packet []byte // nil: it says nothing
	waits  bool
	sent   int
}

func (w *parrot) Recv(b []byte) (int, netip.AddrPort, bool) {
	if !w.waits || w.packet == nil {
		return 0, netip.AddrPort{}, false
	}
	w.waits = false
	return copy(b, w.packet), w.from, true
}

func (w *parrot) Send([]byte, netip.AddrPort) bool { w.sent++; return true }
func (w *parrot) Connect(netip.AddrPort)           {}
func (w *parrot) Arrived() int64                   { return 0 }
func (w *parrot) LocalAddr() netip.AddrPort        { return w.from }
func (w *parrot) Close() error                     { return nil }

// next makes the packet of the next 20 ms.
func (w *parrot) next() {
	if w.waits = true; w.packet != nil {
		binary.BigEndian.PutUint16(w.packet[2:], binary.BigEndian.Uint16(w.packet[2:])+1)
		binary.BigEndian.PutUint32(w.packet[4:], binary.BigEndian.Uint32(w.packet[4:])+160)
	}
}

// newCrowd seats so many phones, of which the first few talk.
func newCrowd(phones, talkers int) *crowd {
	c := &crowd{room: newRoom("5234", nil, newWork(), newTones(mixRate), newQueue(queueSize)), now: int64(time.Hour)}
	for i := range phones {
		c.joins(i, i < talkers)
	}
	return c
}

// joins seats one more.
func (c *crowd) joins(i int, talks bool) *Participant {
	w := &parrot{from: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), uint16(20000+2*i))}
	if talks {
		w.packet = muted(i)
		for s := range 160 {
			w.packet[12+s] = byte(s * (i + 3))
		}
	}
	leg := media.NewLeg(media.LegConfig{Level: true}, w)
	leg.Update(media.Session{Remote: w.from, Codec: law(i), PayloadType: law(i).PayloadType})
	seat := &Seat{room: c.room}
	seat.state.Store(taken)
	p := &Participant{id: fmt.Sprint(i), leg: leg, seat: seat, since: time.Now()}
	c.room.receive(p)
	c.room.enter(p)
	c.wires = append(c.wires, w)
	return p
}

// law is the codec of one of them.
func law(i int) *codec.Codec { return []*codec.Codec{codec.PCMA, codec.PCMU}[i%2] }

// muted is his packet when he has muted his phone.
func muted(i int) []byte {
	b := append(make([]byte, 12), bytes.Repeat([]byte{law(i).Silence()}, 160)...)
	b[0], b[1], b[11] = 0x80, law(i).PayloadType, byte(i)
	return b
}

// mute has those who do not talk send packets all the same.
func (c *crowd) mute() {
	for i, w := range c.wires {
		if w.packet == nil {
			w.packet = muted(i)
		}
	}
}

// tick lets everybody say his packet and ticks the room.
func (c *crowd) tick() {
	for _, w := range c.wires {
		w.next()
	}
	c.room.Tick(c.now)
	c.now += int64(20 * time.Millisecond)
}

// wantNoAllocations has it tick so often, with a run of the collector before every tenth, after one more, in which a leg without a loop makes itself a
// desk and finds its peer. Each tick is looked at by itself: AllocsPerRun rounds the average down, so that an allocation in all but one of many would be none.
func (c *crowd) wantNoAllocations(t *testing.T, ticks int, tick func()) {
	t.Helper()
	tick()
	for i := range ticks {
		if i%10 == 0 {
			runtime.GC()
		}
		warm := false // AllocsPerRun calls once before it measures
		if n := testing.AllocsPerRun(1, func() {
			if warm {
				tick()
			}
			warm = true
		}); n != 0 {
			t.Fatalf("%v allocations in tick %d", n, i)
		}
	}
}

func TestTickAllocatesNothing(t *testing.T) {
	c := newCrowd(10, 5)
	c.mute()
	c.tick()
	late := c.joins(10, true) // his tone and, after the first ones', the room's play in what follows
	c.room.exit(3, "hung up")
	for about := range topics { // the room's words begin and end in these ticks
		c.room.announce(announcement{about: about, sound: DialTone, except: []string{"1", "10"}})
	}
	c.room.taped, late.notice.said = true, &Notices{On: Refused}                                       // and who was spared them is told by himself
	keys, err := media.NewKeys(false, Stroke{Key: '5'}, Stroke{Length: time.Second}, Stroke{Key: '7'}) // and somebody is a line that is asked a question
	if err != nil {
		t.Fatal(err)
	}
	line := c.room.members[0]
	line.ear = new(ear)
	line.ear.listen(ForQuestion)
	line.ear.hears(talk(1, 140), pause(50, -127))
	line.ear.listen(ForAnswer)
	line.leg.SendKeys(keys)
	line.sending = true
	digits := 0
	c.wantNoAllocations(t, 300, func() {
		c.tick()
		c.wires[10].packet[12+digits%160]++ // another sound each time
		digits++
	})
	if !late.heard || late.own.active() || c.room.chime.round != 2 {
		t.Errorf("the latest is heard: %v, his tone plays: %v, tones for joins: %d; want true, false, 2", late.heard, late.own.active(), c.room.chime.round)
	}
	if c.room.words.waits > 0 || c.room.words.now.active() || !late.spared || !late.notice.knows {
		t.Errorf("not all was announced: %+v", c.room.words)
	}
	if line.sending || !line.ear.On {
		t.Errorf("keys are still being sent: %t, the line has answered: %t", line.sending, line.ear.On)
	}
	if c.wires[0].sent < 300 {
		t.Errorf("a phone got %d packets in 302 ticks", c.wires[0].sent)
	}
}

func TestTickOfTheLonelyAllocatesNothing(t *testing.T) {
	c := newCrowd(1, 1)
	c.wantNoAllocations(t, 100, c.tick)
}

// soften makes everybody's packet a tone at -23 dBFS, as loud as speech should be.
func (c *crowd) soften() {
	for i, w := range c.wires {
		if w.packet == nil {
			continue
		}
		frame := make([]int16, 160)
		for s := range frame {
			frame[s] = int16(2320 * math.Sin(2*math.Pi*float64(50*(i+4)*s)/float64(mixRate)))
		}
		law(i).Encode(w.packet[12:], frame)
	}
}

// BenchmarkTick is what a room costs without the system calls; ns/leg is the figure to compare. Who
// shouts does so at full scale, so that the limiter acts all the time where two do.
func BenchmarkTick(b *testing.B) {
	for _, size := range []struct {
		phones, talkers int
		verb            string
	}{{1, 1, "talk"}, {2, 2, "talk"}, {10, 1, "talk"}, {10, 10, "talk"}, {10, 10, "shout"}, {100, 3, "talk"}, {500, 3, "talk"}, {500, 3, "talk, others muted"}} {
		b.Run(fmt.Sprintf("%dphones/%d%s", size.phones, size.talkers, size.verb), func(b *testing.B) {
			c := newCrowd(size.phones, size.talkers)
			if size.verb != "shout" {
				c.soften()
			}
			if size.verb == "talk, others muted" {
				c.mute()
			}
			for range 200 {
				c.tick()
			}
			b.ResetTimer()
			b.ReportAllocs()
			for range b.N {
				c.tick()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size.phones), "ns/leg")
		})
	}
}
