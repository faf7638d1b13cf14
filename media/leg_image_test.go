package media

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sipconf/sipconf/codec"
)

// memorySocket is a Conn of which a copy can be made, as another process has one of a socket.
type memorySocket struct {
	local netip.AddrPort
	in    []arrived
	at    int64
	out   [][]byte
	full  int // so many times it cannot send
}

type arrived struct {
	b    []byte
	from netip.AddrPort
	at   int64
}

func (s *memorySocket) copy() *memorySocket {
	return &memorySocket{local: s.local, in: slices.Clone(s.in), at: s.at, out: slices.Clone(s.out), full: s.full}
}

func (s *memorySocket) Recv(b []byte) (int, netip.AddrPort, bool) {
	if len(s.in) == 0 {
		return 0, netip.AddrPort{}, false
	}
	d := s.in[0]
	s.in, s.at = s.in[1:], d.at
	return copy(b, d.b), d.from, true
}

func (s *memorySocket) Send(b []byte, to netip.AddrPort) bool {
	if s.full > 0 {
		s.full--
		return false
	}
	s.out = append(s.out, append([]byte(to.String()+" "), b...))
	return true
}

func (s *memorySocket) Arrived() int64            { return s.at }
func (s *memorySocket) Connect(netip.AddrPort)    {}
func (s *memorySocket) LocalAddr() netip.AddrPort { return s.local }
func (s *memorySocket) Close() error              { return nil }

// twin is one of two legs to which the same happens.
type twin struct {
	leg       *Leg
	rtp, rtcp *memorySocket
}

func newTwin(cfg LegConfig) *twin {
	local := netip.MustParseAddrPort("192.0.2.1:20000")
	t := &twin{rtp: &memorySocket{local: local}, rtcp: &memorySocket{local: netip.AddrPortFrom(local.Addr(), local.Port()+1)}}
	t.leg = NewLeg(cfg, t.rtp)
	t.leg.state.Sender = Sender{SSRC: 1, Seq: 65500, TS: 1<<32 - 16000, Marker: true} // else a failure could not be repeated
	t.leg.control = control{ssrc: 1, cname: "twin", conn: t.rtcp}
	return t
}

// written is the image as another process reads it.
func written(im LegImage) (*LegImage, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(&im); err != nil {
		return nil, err
	}
	var read LegImage
	err := gob.NewDecoder(&b).Decode(&read)
	return &read, err
}

// handedOver is the leg in another process, with all that waits in its sockets. drafted: there was a draft of it.
func (w *twin) handedOver(drafted bool, forget func(*LegImage)) (other *twin, err error) {
	im, open := w.leg.Save()
	if !open {
		return nil, errors.New("an open leg is not saved")
	}
	d := im.draft()
	if drafted {
		im.abridge(d)
	}
	if forget != nil {
		forget(&im)
	}
	read, err := written(im)
	if err != nil {
		return nil, err
	}
	if read.Drafted {
		read.fill(d)
	}
	other = &twin{rtp: w.rtp.copy(), rtcp: w.rtcp.copy()}
	other.leg, err = RestoreLeg(LegConfig{w.leg.mutesMusic, w.leg.levels, w.leg.jitterMax, w.leg.epoch}, read, other.rtp, other.rtcp)
	return other, err
}

// stream is a peer with a network that loses, delays and reorders.
type stream struct {
	rand      *rand.Rand
	codec     *codec.Codec
	ptime     int // samples in a packet
	loss      float64
	jitter    int64 // ns
	ssrc      uint32
	seq       uint16
	ts        uint32
	phase     float64
	wait      int // samples until the next packet
	silent    int // ticks
	muxed     bool
	events    uint8 // payload type; 0: as tones
	key       int   // ticks left of the key that is pressed
	keyAt     uint32
	code      byte
	from      netip.AddrPort
	underway  []arrived
	kind      int // of its sound
	shouts    bool
	keyPhases [2]float64
}

// tick sends 20 ms; what has come by now is delivered.
func (s *stream) tick(now int64, to ...*twin) {
	if s.silent > 0 {
		s.silent--
		s.ts += 160
	} else {
		for s.wait -= 160; s.wait < 0; s.wait += s.ptime {
			s.packet(now)
		}
	}
	if s.key > 0 && s.events != 0 {
		s.event(now)
	}
	if s.rand.Float64() < 0.02 {
		s.report(now)
	}
	slices.SortStableFunc(s.underway, func(a, b arrived) int { return int(a.at - b.at) })
	n := 0
	for n < len(s.underway) && s.underway[n].at <= now {
		n++
	}
	for _, d := range s.underway[:n] {
		for _, w := range to {
			if isReport(d.b) && !s.muxed {
				w.rtcp.in = append(w.rtcp.in, d)
			} else {
				w.rtp.in = append(w.rtp.in, d)
			}
		}
	}
	s.underway = slices.Delete(s.underway, 0, n)
}

func (s *stream) send(now int64, b []byte) {
	if s.rand.Float64() < s.loss {
		return
	}
	d := arrived{b, s.from, now - s.rand.Int64N(int64(frameTime)) + s.rand.Int64N(s.jitter+1)}
	if s.underway = append(s.underway, d); s.rand.Float64() < 0.01 {
		s.underway = append(s.underway, d)
	}
}

func (s *stream) header(typ byte, ts uint32) []byte {
	b := []byte{0x80, typ}
	b = binary.BigEndian.AppendUint16(b, s.seq)
	b = binary.BigEndian.AppendUint32(b, ts)
	s.seq++
	return binary.BigEndian.AppendUint32(b, s.ssrc)
}

func (s *stream) packet(now int64) {
	pcm := make([]int16, s.ptime)
	s.shouts = s.rand.IntN(40) == 0
	for i := range pcm {
		s.phase += 2 * math.Pi * 210 / 8000
		switch s.kind {
		case 0:
			pcm[i] = int16(9000*math.Sin(s.phase) + 3000*math.Sin(2.1*s.phase))
		case 1:
			pcm[i] = int16((4000 + 3500*math.Sin(s.phase/40)) * (s.rand.Float64() - 0.5))
		case 3: // syllables, softly, and now and then far too loud
			loud := 600 + 550*math.Sin(s.phase/20)
			if s.shouts {
				loud *= 28
			}
			pcm[i] = int16(loud * math.Sin(s.phase))
		case 4: // still, with an offset
			pcm[i] = 1200
		}
		if s.key > 0 && s.events == 0 {
			s.keyPhases[0] += 2 * math.Pi * 770 / 8000
			s.keyPhases[1] += 2 * math.Pi * 1336 / 8000
			pcm[i] = int16(7000*math.Sin(s.keyPhases[0]) + 7000*math.Sin(s.keyPhases[1]))
		}
	}
	if s.key > 0 && s.events == 0 {
		s.key--
	}
	b, typ := make([]byte, len(pcm)), s.codec.PayloadType
	s.codec.Encode(b, pcm)
	if s.rand.Float64() < 0.01 {
		b, typ = []byte{60}, comfortNoise
	}
	s.send(now, append(s.header(typ, s.ts), b...))
	s.ts += uint32(s.ptime)
}

func (s *stream) event(now int64) {
	if s.keyAt == 0 {
		s.keyAt = s.ts
	}
	payload := []byte{s.code, 10, 0, 0}
	binary.BigEndian.PutUint16(payload[2:], uint16(s.ts-s.keyAt+160))
	if s.key--; s.key == 0 {
		payload[1] |= 0x80
	}
	s.send(now, append(s.header(s.events, s.keyAt), payload...))
	if s.key == 0 {
		s.keyAt = 0
	}
}

func (s *stream) report(now int64) {
	wall := time.Now().Add(time.Duration(now - monotonic())) // as the leg will reckon
	s.send(now, appendReport(nil, s.ssrc, &sending{ntp: s.rand.Uint64(), ts: s.ts, packets: uint32(s.seq), octets: 160},
		&reception{ssrc: 1, lost: s.rand.Int32N(100), lastReport: uint32(ntpTime(wall)>>16) - s.rand.Uint32N(1<<16)}))
}

// session is what the next negotiation agrees.
func (s *stream) session() Session {
	r := s.rand
	s.muxed = r.IntN(3) == 0
	s.events = [2]uint8{0, 101}[r.IntN(2)]
	s.codec = []*codec.Codec{codec.PCMA, codec.PCMU}[r.IntN(2)]
	return Session{
		Remote: s.from, Mux: s.muxed, Signalling: s.from.Addr(), Codec: s.codec, PayloadType: s.codec.PayloadType, EventType: s.events,
		EventRate: []int{0, 8000, 16000}[r.IntN(3)], RemoteRTCP: []netip.AddrPort{{}, netip.MustParseAddrPort("192.0.2.9:4007")}[r.IntN(2)],
		Ptime: time.Duration(r.IntN(7)) * 10 * time.Millisecond, Held: r.IntN(8) == 0, Listens: r.IntN(8) == 0,
	}
}

// rubbish comes at once, and is not the peer's sound.
func (s *stream) rubbish(twins ...*twin) {
	own, bad := s.header(s.codec.PayloadType, 0), append(s.header(101, s.ts), 16, 10, 0, 160)
	binary.BigEndian.PutUint32(own[8:], 1)
	for _, b := range [][]byte{{1, 2, 3}, own, bad} {
		for _, w := range twins {
			w.rtp.in = append(w.rtp.in, arrived{b, s.from, 0})
		}
	}
}

// flood is more than a tick takes.
func (s *stream) flood(twins ...*twin) {
	for range perTick + 8 {
		b := append(s.header(s.codec.PayloadType, s.ts), make([]byte, 80)...)
		for _, w := range twins {
			w.rtp.in = append(w.rtp.in, arrived{b, s.from, 0})
		}
	}
}

// something happens now and then, to both.
func (s *stream) something(twins ...*twin) {
	r := s.rand
	each := func(f func(*Leg)) {
		for _, w := range twins {
			f(w.leg)
		}
	}
	switch n := r.IntN(300); {
	case n == 0:
		negotiated := s.session()
		each(func(l *Leg) { l.Update(negotiated) })
	case n == 1: // two before the next tick
		first, second := s.session(), s.session()
		each(func(l *Leg) { l.Update(first); l.Press('4'); l.Update(second) })
	case n == 2:
		each(func(l *Leg) { l.Press('7') })
	case n == 3:
		s.ssrc, s.ts, s.seq = 5+r.Uint32N(2), r.Uint32(), uint16(r.Uint32()) // and back
	case n == 4:
		s.ts += 16000
	case n == 5:
		s.from = netip.AddrPortFrom(s.from.Addr(), uint16(40000+r.IntN(3)))
	case n == 6:
		s.silent = r.IntN(40)
	case n == 7:
		s.kind = r.IntN(5)
	case n == 8 || n == 9:
		s.key, s.code = 3+r.IntN(20), byte(r.IntN(12))
	case n == 10:
		s.ptime = 80 * (1 + r.IntN(6))
	case n == 11:
		s.rubbish(twins...)
	case n == 12:
		s.flood(twins...)
	case n == 13: // by both ways
		s.key, s.code = 8, 5
		each(func(l *Leg) { l.Press('5') })
	case n == 15 || n == 16: // of ours
		keys, _ := NewKeys(r.IntN(2) == 0, Stroke{Key: '1', Length: 90 * time.Millisecond}, Stroke{Length: 200 * time.Millisecond},
			Stroke{Key: '#', Length: time.Duration(40+r.IntN(400)) * time.Millisecond, Gap: 60 * time.Millisecond})
		each(func(l *Leg) { l.SendKeys(keys) })
	case n == 14:
		for _, w := range twins {
			w.rtp.full = 3
		}
	}
}

// course is how a stream goes, and at which ticks the leg goes to another process.
type course struct {
	seed   uint64
	ptime  int
	loss   float64
	jitter time.Duration
	ticks  int
	moves  []int
	cfg    LegConfig
	forget func(*LegImage) // something on the way
}

func drawCourse(t *rapid.T) (c course) {
	c.seed, c.ptime, c.loss = rapid.Uint64().Draw(t, "seed"), 80*rapid.IntRange(1, 6).Draw(t, "ptime"), rapid.Float64Range(0, 0.3).Draw(t, "loss")
	c.jitter = time.Duration(rapid.IntRange(0, 150).Draw(t, "jitter")) * time.Millisecond
	c.ticks = rapid.IntRange(20, 500).Draw(t, "ticks")
	c.moves = rapid.SliceOfN(rapid.IntRange(0, c.ticks-1), 1, 4).Draw(t, "moves")
	c.cfg = LegConfig{JitterMax: time.Duration(rapid.SampledFrom([]int{0, 300}).Draw(t, "limit")) * time.Millisecond,
		MuteMusic: rapid.Bool().Draw(t, "mute music"), Level: rapid.Bool().Draw(t, "level")}
	return c
}

// A leg that is written down at any tick, and goes on in another process, does what it would have done without that: every frame, every packet, every
// key and every report, to the last bit.
func TestHandedOverLegGoesOn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawCourse(rt)
		var err error
		synctest.Test(t, func(*testing.T) { err = c.run() }) // so that the wall time in the reports is the same
		if err != nil {
			rt.Fatal(err)
		}
	})
}

// Whatever is forgotten on the way is noticed by the test above.
func TestForgottenStateIsNoticed(t *testing.T) {
	fields(reflect.TypeFor[LegImage](), func(path []int, name string) {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(200) {
				c := randomCourse(seed)
				c.forget = func(im *LegImage) { reflect.ValueOf(im).Elem().FieldByIndex(path).SetZero() }
				var err error
				synctest.Test(t, func(*testing.T) { err = c.run() })
				if err != nil {
					return
				}
			}
			t.Error("it is forgotten, and nothing is different")
		})
	})
}

// fields calls f for each field of an image, and of the images in it; the parts of a leg's state are fields as a whole, for gob forgets none of theirs.
func fields(typ reflect.Type, f func(path []int, name string)) {
	for _, field := range reflect.VisibleFields(typ) {
		if strings.HasSuffix(field.Type.Name(), "Image") {
			fields(field.Type, func(path []int, name string) {
				f(append(slices.Clone(field.Index), path...), field.Name+"."+name)
			})
			continue
		}
		f(field.Index, field.Name)
	}
}

func randomCourse(seed uint64) course {
	r := rand.New(rand.NewPCG(seed, 2))
	c := course{seed: seed, ptime: 80 * (1 + r.IntN(6)), loss: 0.3 * r.Float64() * float64(r.IntN(2)), jitter: time.Duration(r.IntN(150)) * time.Millisecond,
		ticks: 100 + r.IntN(200), cfg: LegConfig{JitterMax: time.Duration(300*r.IntN(2)) * time.Millisecond, MuteMusic: r.IntN(2) == 0, Level: r.IntN(2) == 0}}
	for range 4 {
		c.moves = append(c.moves, r.IntN(c.ticks))
	}
	return c
}

func (c *course) run() error {
	s := &stream{rand: rand.New(rand.NewPCG(c.seed, 1)), ptime: c.ptime, loss: c.loss, jitter: int64(c.jitter), ssrc: 5,
		from: netip.MustParseAddrPort("192.0.2.9:4000")}
	a := newTwin(c.cfg)
	a.leg.Update(s.session())
	b, err := a.handedOver(false, nil)
	now := int64(0)
	for i := range c.ticks {
		now += int64(frameTime)
		if s.rand.IntN(200) == 0 {
			now += int64(frameTime) * s.rand.Int64N(20) // ticks are left out
		}
		s.tick(now, a, b)
		s.something(a, b)
		if slices.Contains(c.moves, i) {
			a.leg.show() // what others see is renewed by the hand-over
			b, err = b.handedOver(c.seed%2 == 1, c.forget)
		}
		if err == nil {
			err = sameTick(i, now, s.rand, a, b)
		}
		if err != nil {
			return err
		}
	}
	diff := differences("leg", reflect.ValueOf(a.leg).Elem(), reflect.ValueOf(b.leg).Elem())
	diff = append(diff, differencesByHand(a.leg, b.leg)...)
	if len(diff) > 0 {
		return fmt.Errorf("after it all they differ:\n%s", strings.Join(diff, "\n"))
	}
	return nil
}

func sameTick(i int, now int64, r *rand.Rand, a, b *twin) error {
	mine, other := a.leg.Pull(now), b.leg.Pull(now)
	if !slices.Equal(mine, other) || a.leg.Heard() != b.leg.Heard() || a.leg.Level() != b.leg.Level() || !bytes.Equal(a.leg.Digits(), b.leg.Digits()) {
		return fmt.Errorf("tick %d: pulled\n%v, heard %v at %d with keys %q\n%v, heard %v at %d with keys %q", i,
			mine, a.leg.Heard(), a.leg.Level(), a.leg.Digits(), other, b.leg.Heard(), b.leg.Level(), b.leg.Digits())
	}
	out := make([]int16, 160)
	for i := range out {
		out[i] = int16(r.Uint32())
	}
	a.leg.Push(now, out)
	b.leg.Push(now, out)
	if i%50 == 49 {
		scratch := make([]byte, maxDatagram)
		a.leg.control.serve(a.leg, now, scratch)
		b.leg.control.serve(b.leg, now, scratch)
		a.leg.control.next, b.leg.control.next = now+1, now+1 // which else is left to chance
	}
	for n, out := range [][2]*[][]byte{{&a.rtp.out, &b.rtp.out}, {&a.rtcp.out, &b.rtcp.out}} {
		if !slices.EqualFunc(*out[0], *out[1], bytes.Equal) {
			return fmt.Errorf("tick %d: sent on socket %d\n%x\n%x", i, n, *out[0], *out[1])
		}
		*out[0], *out[1] = nil, nil
	}
	return nil
}

// byHand are those of them that differencesByHand compares: what they are made of cannot be seen from outside, or is not all of it in use.
var byHand = map[string]bool{"Leg.orders": true, "Leg.opened": true, "control.source": true, "report.b": true, "report.n": true, "report.peer": true,
	"report.at": true, "outbox.packet": true, "ring.samples": true, "concealer.cycle": true}

func differencesByHand(a, b *Leg) (diff []string) {
	note := func(same bool, name string) {
		if !same {
			diff = append(diff, name)
		}
	}
	note(a.orders.Load() == nil && b.orders.Load() == nil, "leg.orders") // the last tick has taken them
	note(a.opened.Equal(b.opened), "leg.opened")
	source, other := a.control.source.Load(), b.control.source.Load()
	note((source == nil) == (other == nil) && (source == nil || *source == *other), "leg.control.source")
	gathered := func(o *outbox) []byte {
		if o.filled == 0 {
			return nil
		}
		return o.packet[headerSize:][:o.filled]
	}
	note(bytes.Equal(gathered(&a.out), gathered(&b.out)), "leg.out.packet")
	note(slices.Equal(a.jitter.known(), b.jitter.known()), "leg.jitter.ring.samples")
	note(slices.Equal(a.jitter.conceal.cycle[:a.jitter.conceal.period], b.jitter.conceal.cycle[:b.jitter.conceal.period]), "leg.jitter.conceal.cycle")
	note((a.mux == a.control.mux) == (b.mux == b.control.mux), "leg.mux is control.mux")
	for i, pair := range [][2]*muxed{{a.mux, b.mux}, {a.control.mux, b.control.mux}} {
		if pair[0] == nil || pair[1] == nil {
			continue // seen by differences
		}
		note(sameReport(&pair[0].in, &pair[1].in), fmt.Sprintf("incoming report %d", i))
		note(!pair[0].waiting.Load() || sameReport(&pair[0].out, &pair[1].out), fmt.Sprintf("outgoing report %d", i))
	}
	return diff
}

// known are the samples that mean something: what was played and belongs together, and what has come.
func (j *jitter) known() []int16 {
	if !j.Playing {
		return nil
	}
	samples := make([]int16, j.History+j.onHand())
	j.ring.read(samples, j.Next-j.History)
	for i := j.Next; i < j.End; i++ {
		if j.ring.run(i, 1, true) == 0 {
			samples[i-j.Next+j.History] = 0
		}
	}
	return samples
}

func sameReport(a, b *report) bool {
	return bytes.Equal(a.b[:a.n], b.b[:b.n]) && (a.n == 0 || a.peer == b.peer && a.at == b.at)
}

// differences are the fields that differ between two legs, of those that are to be the same.
func differences(path string, a, b reflect.Value) (diff []string) {
	switch a.Type() {
	case reflect.TypeFor[netip.AddrPort](), reflect.TypeFor[netip.Addr]():
		if fmt.Sprint(a) != fmt.Sprint(b) {
			return []string{fmt.Sprintf("%s: %v, %v", path, a, b)}
		}
		return nil
	case reflect.TypeFor[*codec.Codec]():
		if a.Pointer() != b.Pointer() {
			return []string{path}
		}
		return nil
	}
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			name := a.Type().Name() + "." + a.Type().Field(i).Name
			_, skip := anew[name]
			if follows := strings.HasPrefix(name, "outbox."); (!skip || follows) && !byHand[name] {
				diff = append(diff, differences(path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))...)
			}
		}
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			return []string{fmt.Sprintf("%s: %d, %d", path, a.Len(), b.Len())}
		}
		for i := range a.Len() {
			diff = append(diff, differences(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i))...)
		}
	case reflect.Pointer:
		if a.IsNil() != b.IsNil() {
			return []string{fmt.Sprintf("%s: %v, %v", path, a, b)}
		}
		if !a.IsNil() {
			return differences(path, a.Elem(), b.Elem())
		}
	default:
		if !a.Equal(b) {
			return []string{fmt.Sprintf("%s: %v, %v", path, a, b)}
		}
	}
	return diff
}
