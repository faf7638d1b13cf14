package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sipconf/sipconf/codec"
)

// LegImage is a leg written down between two ticks: LegState, and all else that it takes for a leg of another process to go on as if it were
// this one, to the last bit of what is heard and sent.  Plain data, for encoding/gob; nothing in it is the live leg's memory.
//
// A new field of a leg belongs in here, or in the list of those that are made anew, in leg_image_test.go, with the reason.
type LegImage struct {
	Local     netip.AddrPort // where it receives RTP: by this its socket is known
	Drafted   bool           // what a draft has is not in here, for it is as in the one that was sent before
	Opened    int64          // when, in the ticks' time
	State     StateImage
	Codec     string // of the frames; as in State.Agreed, if anything is agreed
	Sound     SoundImage
	Filling   []byte       // code words of the packet that is being filled
	Unshown   uint8        // ticks since the figures were shown
	Undrained uint8        // ticks since all was taken that waited
	Tied      bool         // the socket is connected to the source
	Orders    []OrderImage // not carried out yet, oldest first
	Muxed     []MuxedImage // RTCP over the RTP socket; more than one only with orders that change it
	Mux       int          // which of them is the tick's, from 1 on; 0: none
	Control   ControlImage
}

// SoundImage is the sound on hand with as much of what was played as belongs to it (JitterState.History), and what concealment makes of it.
type SoundImage struct {
	Samples []byte // low byte first
	Have    []int  // which samples from JitterState.Next on have come, in turn: so many have not, so many have, ...
	Cycle   []byte // low byte first; as much as there is of it
	Gain    int
	Turn    Turn
}

// OrderImage is an order: a negotiation, or a key.
type OrderImage struct {
	Negotiated bool
	Agreed     Agreed
	Mux        int // as in LegImage
	Digit      byte
}

// Save writes the leg down.  It changes nothing: the leg goes on, or another one made of the image does, but not both.  False when the leg is closed,
// or about to be.  Owner only, between two ticks.
func (l *Leg) Save() (im LegImage, open bool) {
	open = l.saveTo(&im)
	return im, open
}

// saveTo is Save, with what memory the image has already.
func (l *Leg) saveTo(im *LegImage) (open bool) {
	l.mu.Lock()
	closing := l.closing
	l.mu.Unlock()
	if closing || l.shut.Load() {
		return false
	}
	im.Local, im.Drafted, im.Unshown, im.Undrained, im.Tied = l.LocalAddr(), false, l.ticks, l.undrained, l.tied
	var m muxes
	im.Mux = m.number(l.mux)
	im.fill(l.draft(l.control.save(&m)))
	l.state.saveTo(&im.State)
	im.State.Playout = l.jitter.JitterState
	l.jitter.saveTo(&im.Sound)
	im.Filling = im.Filling[:0]
	if l.out.filled > 0 {
		im.Filling = append(im.Filling, l.out.packet[headerSize:][:l.out.filled]...)
	}
	im.Orders = nil
	for o := l.orders.Load(); o != nil; o = o.earlier {
		im.Orders = append([]OrderImage{o.save(&m)}, im.Orders...)
	}
	im.Muxed = m.save()
	return true
}

func (o *order) save(m *muxes) OrderImage {
	if o.session == nil {
		return OrderImage{Digit: o.digit}
	}
	return OrderImage{Negotiated: true, Agreed: agreed(*o.session), Mux: m.number(o.mux)}
}

func (j *jitter) saveTo(s *SoundImage) {
	s.Samples, s.Have, s.Cycle, s.Gain, s.Turn = s.Samples[:0], s.Have[:0], s.Cycle[:0], j.conceal.gain, j.conceal.turn
	s.Cycle = appendSamples(s.Cycle, j.conceal.cycle[:j.conceal.period])
	if !j.Playing {
		return
	}
	before, after := j.ring.stretch(j.Next-j.History, int(j.History+j.onHand()))
	s.Samples = appendSamples(appendSamples(s.Samples, before), after)
	here := false
	for at := j.Next; at < j.End; here = !here {
		n := j.ring.run(at, int(j.End-at), here)
		s.Have = append(s.Have, n)
		at += int64(n)
	}
}

// appendSamples writes samples down, low byte first.
func appendSamples(b []byte, samples []int16) []byte {
	n := len(b)
	b = slices.Grow(b, 2*len(samples))[:n+2*len(samples)]
	for i, sample := range samples {
		binary.LittleEndian.PutUint16(b[n+2*i:], uint16(sample))
	}
	return b
}

// readSamples is the opposite, for as many samples as there is room for, and says what is left.
func readSamples(samples []int16, b []byte) (rest []byte) {
	for i := range samples[:min(len(samples), len(b)/2)] {
		samples[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return b[min(2*len(samples), len(b)):]
}

// RestoreLeg makes the leg again over its socket, rtp, and that of its RTCP; nil: it has none.  The image stays the caller's.  On an error, which
// says that the image is damaged or of another program, the sockets are untouched.
func RestoreLeg(cfg LegConfig, im *LegImage, rtp, rtcp Conn) (*Leg, error) {
	l := blankLeg(cfg, rtp, rtcp)
	if err := l.restore(im); err != nil {
		return nil, err
	}
	return l, nil
}

// blankLeg is a leg with the memory that it will need, and without a state.
func blankLeg(cfg LegConfig, rtp, rtcp Conn) *Leg {
	l := &Leg{conn: rtp, codec: codec.PCMA, digits: make([]byte, 0, maxDigits), closed: make(chan struct{})}
	l.configure(cfg)
	l.control.conn = rtcp
	l.jitter.setUp(l.codec.FrameSize(), l.jitterMax)
	return l
}

// touch has the kernel find the memory of a blank leg now: when it is written to first, page by page, that takes longer than all else that restore does.
func (l *Leg) touch() {
	clear(l.jitter.ring.samples)
	clear(l.jitter.conceal.cycle)
	l.state, l.board.copy = LegState{}, notice{}
}

// restore gives a blank leg its state.
func (l *Leg) restore(im *LegImage) error {
	if err := l.restoreAll(im); err != nil {
		return fmt.Errorf("restore the leg at %s: %w", im.Local, err)
	}
	return nil
}

func (l *Leg) restoreAll(im *LegImage) (err error) {
	if l.conn.LocalAddr() != im.Local {
		return fmt.Errorf("its socket is at %s", l.conn.LocalAddr())
	}
	if l.codec, err = codecOf(im.Codec); err != nil {
		return err
	}
	l.opened, l.tied, l.ticks, l.undrained = l.epoch.Add(time.Duration(im.Opened)), im.Tied, im.Unshown, im.Undrained
	l.state.restore(&im.State)
	if err := l.jitter.restore(im.State.Playout, &im.Sound, l.codec.FrameSize()); err != nil {
		return err
	}
	if err := l.out.restore(im, l.codec); err != nil {
		return err
	}
	m := restoreMuxes(im.Muxed, im.Local)
	l.control.gone = im.State.Latch.Gone
	if err := l.control.restore(&im.Control, im.State.Sender.SSRC, m); err != nil {
		return err
	}
	if l.mux, err = m.at(im.Mux); err != nil {
		return err
	}
	for i := range im.Orders {
		o, err := im.Orders[i].restore(m)
		if err != nil {
			return err
		}
		l.give(o)
	}
	l.show()
	return nil
}

// codecOf is the codec of that name.
func codecOf(name string) (*codec.Codec, error) {
	c, ok := codec.ByName(name)
	if !ok {
		return nil, fmt.Errorf("codec %q is unknown here", name)
	}
	return c, nil
}

// session is what was agreed, as a Session; its codec is nil when nothing was.
func (a *Agreed) session() (Session, error) {
	s := Session{Remote: a.Remote, RemoteRTCP: a.RemoteRTCP, Mux: a.Mux, Signalling: a.Signalling, PayloadType: a.PayloadType,
		EventType: a.EventType, EventRate: a.EventRate, Ptime: a.Ptime, Held: a.Held, Listens: a.Listens}
	if a.Codec == "" {
		return s, nil
	}
	var err error
	s.Codec, err = codecOf(a.Codec)
	return s, err
}

func (im *OrderImage) restore(m restoredMuxes) (*order, error) {
	if !im.Negotiated {
		return &order{digit: im.Digit}, nil
	}
	s, err := im.Agreed.session()
	if err != nil {
		return nil, err
	}
	if s.Codec == nil {
		return nil, errors.New("a negotiation without a codec")
	}
	mux, err := m.at(im.Mux)
	return &order{session: &s, mux: mux}, err
}

// restore is the opposite of saveTo, for frames of that many samples.
func (j *jitter) restore(state JitterState, s *SoundImage, frame int) error {
	switch {
	case state.Frame != frame:
		return fmt.Errorf("frames of %d samples, where its codec has %d", state.Frame, frame)
	case state.Playing && state.Grid <= 0:
		return errors.New("a jitter buffer that plays packets of no length")
	}
	j.JitterState = state
	j.makeReady()
	cycle, sound := len(s.Cycle)/2, len(s.Samples)/2
	if cycle > len(j.conceal.cycle) || sound > len(j.ring.samples) {
		return fmt.Errorf("%d samples on hand, and a pitch period of %d", sound, cycle)
	}
	readSamples(j.conceal.cycle, s.Cycle)
	before, after := j.ring.stretch(state.Next-state.History, sound)
	readSamples(after, readSamples(before, s.Samples))
	j.conceal.period, j.conceal.gain, j.conceal.turn = cycle, s.Gain, s.Turn.within(cycle)
	here, at := false, state.Next
	for _, n := range s.Have {
		if n < 0 || at+int64(n) > state.End {
			return errors.New("more sound on hand than there is")
		}
		j.ring.mark(at, n, here)
		at, here = at+int64(n), !here
	}
	return nil
}

// restore makes the outbox again, whose sizes follow from what was agreed.
func (o *outbox) restore(im *LegImage, c *codec.Codec) error {
	ptime := frameTime
	if im.State.Agreed.Codec != "" {
		s := Session{Ptime: im.State.Agreed.Ptime}
		ptime = s.packetTime()
	}
	o.size(ptime, c)
	if n := len(im.Filling); n >= int(o.full) || n > 0 && o.whole() {
		return fmt.Errorf("%d bytes of a packet of %d", len(im.Filling), o.full)
	}
	if o.filled = uint32(len(im.Filling)); o.filled > 0 {
		copy(o.packet[headerSize:], im.Filling)
	}
	return nil
}
