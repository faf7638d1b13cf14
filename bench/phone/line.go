package phone

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// line is the media end of one call: sockets, the sender's state and the ear. The pump drives it; calls change it
// under mu. SSRC, sequence numbers and timestamps go on for the life of the call, whatever is negotiated.
type line struct {
	pump  *Pump
	phase uint64 // set by the pump: on which beats of a packet length this line has its turn
	cname string
	loyal bool // Config.Loyal

	mu        sync.Mutex
	rtp, rtcp socket
	old       []retired
	remote    netip.AddrPort
	control   netip.AddrPort // the peer's RTCP
	codec     Codec
	eventPT   uint8 // the peer's payload type of telephone-event; 0: none
	ptime     time.Duration
	sends     bool // by SDP
	dead      bool // sends nothing at all, see Call.StopMedia
	closed    bool

	ssrc      uint32
	seq       uint16
	ts        uint32
	marker    bool // the next packet begins a talkspurt
	sent      uint64
	sentBytes uint64

	source    Source
	utterance *Utterance
	muted     bool
	presses   []*press
	pause     int // samples until the next press may begin

	ear        *ear
	turns      uint64
	nextReport time.Time
	beats      chan struct{} // closed at the next beat; nil if nobody waits
	frame      []int16
	out, in    []byte
}

// retired is a pair of sockets that was replaced: packets on their way to it are still taken.
type retired struct {
	rtp, rtcp socket
	beats     int
}

// retirement is how many turns an old pair of sockets is still read.
const retirement = 10

func newLine(pump *Pump, rtp, rtcp socket, cfg *Config) *line {
	l := &line{pump: pump, rtp: rtp, rtcp: rtcp, cname: cfg.Number + "@" + rtp.local().Addr().String(), loyal: cfg.Loyal,
		codec: cfg.Codecs[0], ptime: cfg.Ptime, marker: true,
		ssrc: rand.Uint32(), seq: uint16(rand.Uint32()), ts: rand.Uint32(),
		ear: newEar(cfg.Memory), in: make([]byte, 4096)}
	return l
}

// beat is called by the pump every 5 ms; the line acts once per packet length.
func (l *line) beat(count uint64, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if every := uint64(l.ptime / beat); l.closed || (count+l.phase)%every != 0 {
		return
	}
	l.listen()
	if !l.dead {
		l.talk()
		l.tell(now)
	}
	if l.beats != nil {
		close(l.beats)
		l.beats = nil
	}
}

// A turn reads as much as comes in a turn and leaves the rest to the kernel, which has stamped it anyway: one more
// read to learn that nothing is left costs half of what a packet does. RTCP can wait for a second.
const (
	thoroughEvery = 4
	controlEvery  = 50
)

// listen takes what has come.
func (l *line) listen() {
	l.turns++
	if first := l.take(l.rtp); first && (l.turns%thoroughEvery == 0 || l.ptime > 20*time.Millisecond) {
		for l.take(l.rtp) {
		}
	}
	if l.turns%controlEvery == 0 {
		l.takeControl(l.rtcp)
	}
	kept := l.old[:0]
	for _, o := range l.old {
		l.drain(o.rtp, o.rtcp)
		if o.beats--; o.beats > 0 {
			kept = append(kept, o)
			continue
		}
		o.rtp.close()
		o.rtcp.close()
	}
	l.old = kept
}

// drain takes all that is left on a pair of sockets.
func (l *line) drain(rtp, rtcp socket) {
	for l.take(rtp) {
	}
	l.takeControl(rtcp)
}

// take takes one packet; false if there is none.
func (l *line) take(rtp socket) bool {
	n, from, at, ok := rtp.recv(l.in)
	if ok {
		l.ear.receive(l.in[:n], from, at)
	}
	return ok
}

func (l *line) takeControl(rtcp socket) {
	for {
		n, _, _, ok := rtcp.recv(l.in)
		if !ok {
			return
		}
		l.ear.heard.RTCP.receive(l.in[:n], l.ssrc)
	}
}

// talk sends one packet: a piece of a pressed key, or sound.
func (l *line) talk() {
	n := samplesIn(l.ptime)
	ts := l.ts
	l.ts += uint32(n) // the clock goes on whether anything is sent or not (RFC 3550 5.1)
	if !l.sends || !l.remote.IsValid() {
		l.marker = true
		return
	}
	if l.dial(ts, n) {
		return
	}
	if len(l.frame) != n {
		l.frame = make([]int16, n)
	}
	l.speak(l.frame)
	if cap(l.out) < 12+n {
		l.out = make([]byte, 12+n)
	}
	l.codec.encode(l.out[12:12+n], l.frame)
	l.packet(uint8(l.codec), l.marker, ts, l.out[:12+n])
	l.marker = false
}

// speak fills a frame from the source.
func (l *line) speak(frame []int16) {
	if l.source == nil {
		clear(frame)
		return
	}
	l.utterance.begin(time.Now().Add(-l.ptime))
	if !l.source.Fill(frame) {
		l.utterance.end()
		l.source, l.utterance = nil, nil
	}
	if l.muted {
		clear(frame)
	}
}

// packet writes the header into the first 12 bytes of b and sends it.
func (l *line) packet(pt uint8, marker bool, ts uint32, b []byte) {
	b[0], b[1] = 0x80, pt
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], l.seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], l.ssrc)
	l.seq++
	l.sent++
	l.sentBytes += uint64(len(b) - 12)
	l.rtp.send(b, l.remote)
}

// reportEvery is the interval of RTCP (RFC 3550 6.2: five seconds for two parties).
const reportEvery = 5 * time.Second

func (l *line) tell(now time.Time) {
	if now.Before(l.nextReport) || !l.control.IsValid() {
		return
	}
	if !l.nextReport.IsZero() {
		l.rtcp.send(l.report(now, false), l.control)
	}
	l.nextReport = now.Add(reportEvery/2 + rand.N(reportEvery))
}

// say replaces the source.
func (l *line) say(source Source) *Utterance {
	u := newUtterance()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.utterance != nil {
		l.utterance.end()
	}
	l.source, l.utterance = source, u
	if source == nil || l.closed {
		u.end()
		l.source, l.utterance = nil, nil
	}
	return u
}

// replace moves the line to another pair of sockets.
func (l *line) replace(rtp, rtcp socket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.old = append(l.old, retired{l.rtp, l.rtcp, retirement})
	l.rtp, l.rtcp = rtp, rtcp
}

// local is the address of the RTP socket.
func (l *line) local() netip.AddrPort {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rtp.local()
}

// connect takes what was agreed by offer and answer.
func (l *line) connect(a agreed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remote, l.control = a.remote, a.remoteRTCP
	if l.loyal {
		l.rtp.connect(a.remote)
	}
	l.codec, l.eventPT, l.sends = a.codec, a.eventPT, a.sends
	if a.ownEventPT != 0 {
		l.ear.eventPT = a.ownEventPT
	}
}

// nextBeat returns a channel that is closed when the line has next read and sent.
func (l *line) nextBeat() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.beats == nil {
		l.beats = make(chan struct{})
	}
	return l.beats
}

// close ends sending and receiving. Idempotent.
func (l *line) close() {
	l.pump.remove(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.drain(l.rtp, l.rtcp) // what has come until now was heard
	l.closed = true
	if l.control.IsValid() && !l.dead {
		l.rtcp.send(l.report(time.Now(), true), l.control)
	}
	for _, o := range append(l.old, retired{l.rtp, l.rtcp, 0}) {
		o.rtp.close()
		o.rtcp.close()
	}
	if l.utterance != nil {
		l.utterance.end()
	}
	for _, p := range l.presses {
		close(p.done)
	}
	l.presses, l.source, l.utterance = nil, nil, nil
	if l.beats != nil {
		close(l.beats)
	}
	l.beats = make(chan struct{})
	close(l.beats)
}
