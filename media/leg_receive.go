package media

import (
	"math"
	"net/netip"
	"time"
)

// comfortNoise is the static payload type of RFC 3389.  Asterisk's rtp_keepalive sends it without having negotiated it.
const comfortNoise = 13

// nothing is the frame of a leg that is closed.  Nobody writes to it.
var nothing [pitchSize]int16

// Pull takes in what has come and returns the frame of this tick: FrameSize samples, real, made up, or silence.  The frame is
// good until the bus's tick ends; that of a leg without a loop, until the next Pull.  now is the tick's time in nanoseconds and never goes back.  Owner only.
func (l *Leg) Pull(now int64) []int16 {
	l.digits, l.heard, l.level = l.digits[:0], false, levelUnknown
	if l.shut.Load() {
		return nothing[:l.codec.FrameSize()]
	}
	l.takeOrders(now)
	work := l.desk()
	if work.private {
		work.used = 0
	}
	l.frame = work.frame(l.codec.FrameSize())
	work.row.turn(l, now)
	l.undrained = uint8(min(int64(l.undrained)+l.jitter.passed(now), math.MaxUint8))
	l.drain(now)
	if l.mux != nil {
		l.mux.flush(l.conn)
	}
	if l.state.Presses.expire(now) {
		l.unmute()
	}
	at, frame, made := l.jitter.Next, int64(l.jitter.Frame), l.jitter.Concealed
	l.heard = l.jitter.pop(l.frame)
	if l.state.Muting.touches(min(at, l.jitter.Next-frame), max(at+frame, l.jitter.Next)) { // with what was cut out or played twice
		clear(l.frame)
		l.heard = false
	}
	l.watchTones(l.came(made), now)
	l.watchMusic()
	faded := l.watchStill()
	if l.heard && l.levels {
		l.levelOut(l.jitter.Concealed == made && !faded)
	}
	l.showNowAndThen()
	return l.frame
}

// Heard says whether the frame holds something of the peer that may be mixed: not when he is on hold, only listens, sends nothing or comfort
// noise or samples that are all the same (Stillness), presses a key, or plays music that is kept out.  Owner only, after Pull.
func (l *Leg) Heard() bool { return l.heard }

// Digits are the keys pressed since the last Pull, as "0" to "9", "*", "#", "A" to "D".  A key is reported when it goes down
// (Presses says why), one in the sound 30 to 60 ms later, when it is certain (Tones).  The slice is the leg's, and good until the next Pull.  Owner only.
func (l *Leg) Digits() []byte { return l.digits }

// report adds a key to this tick's, unless it has come by the other way already.
func (l *Leg) report(key byte, info bool, now int64) {
	if l.state.Echoes.heard(key, info, now) {
		l.state.Figures.Echoes++
		return
	}
	if len(l.digits) < cap(l.digits) {
		l.digits = append(l.digits, key)
	}
}

// drainEvery is after how many ticks everything is taken that waits, at the latest.
const drainEvery = 4

// drain takes the packets that wait, up to a bound.  To learn that there are no more costs half of what a packet does: what the frame of
// this tick does not need may wait in the socket, where the kernel notes when it came.  All is taken when the pace is looked at, while a
// key is down, and after a tick for which nothing came: then much may wait that is too old.  The figures are shown in such a tick.
//
// The price: the event of a key that comes right behind the key's tone as sound may be read a tick after that tone was played.
func (l *Leg) drain(now int64) {
	all := l.undrained >= drainEvery || l.jitter.Rest <= 1 || l.state.Presses.Active || now-l.state.Source.Last > int64(frameTime)
	for range perTick {
		n, from, ok := l.conn.Recv(l.work.datagram[:])
		if !ok {
			l.undrained = 0
			return
		}
		l.receive(l.work.datagram[:n], from, now)
		if !all && !l.state.Presses.Active && l.jitter.ready() { // it may have gone down just now
			return
		}
	}
	l.state.Figures.Flooded++ // more may wait for the next tick
}

// receive sorts one datagram.  Whatever is wrong with it is counted under a name, and has touched nothing.
func (l *Leg) receive(b []byte, from netip.AddrPort, now int64) {
	if l.mux != nil && isReport(b) {
		l.mux.came(b, from, l.arrival(now))
		return
	}
	var p packet
	terms := &l.state.Agreed
	if !p.parse(b) {
		l.state.Figures.Malformed++
		return
	}
	audio, key := p.typ == terms.PayloadType, terms.EventType != 0 && p.typ == terms.EventType
	switch {
	case terms.Codec == "" || !audio && !key && p.typ != comfortNoise:
		l.state.Figures.UnknownType++
		return
	case p.ssrc == l.state.Sender.SSRC: // RFC 3550 section 8.2: our own packets come back
		l.state.Figures.Looped++
		return
	}
	if !l.tied || from != l.state.Latch.Source { // else nobody need be asked, nor anything learnt: Latch.certain
		source := l.state.Latch.Source
		if !l.state.Latch.admit(from, p.ssrc, audio || key) {
			l.state.Figures.Strangers++
			return
		}
		if l.state.Latch.Source != source {
			l.control.found(l.state.Latch.Source)
		}
		if !l.tied && l.state.Latch.certain() {
			l.tie(l.state.Latch.Source)
		}
	}
	l.state.Figures.PacketsIn++
	l.state.Figures.HeardAt = max(now, 1)
	switch {
	case key:
		l.receiveKey(&p, now)
	case l.follow(&p, now):
		l.receiveSound(&p, now, audio)
	}
}

// follow counts the packet in its source's sequence, and says whether its sound is to be used.
func (l *Leg) follow(p *packet, now int64) bool {
	s := &l.state.Source
	if s.overtaken(p.ssrc, now) {
		l.state.Figures.Late++
		return false
	}
	if !s.Known || p.ssrc != s.SSRC {
		l.turnTo(p)
	}
	s.Waited, s.Last = now-s.Last > int64(frameTime), now
	if !s.Seqs.add(p.seq) {
		l.state.Figures.Duplicates++
		return false
	}
	return true
}

// turnTo begins with a new source.  RFC 3550 section 8: a new SSRC is a new stream with its own numbers.  Asterisk changes it with
// every source of its own (music on hold, bridging).
func (l *Leg) turnTo(p *packet) {
	s := &l.state.Source
	if s.Known {
		l.state.Figures.Sources++
		l.state.Figures.LostBefore += s.Seqs.Lost()
	} else {
		s.SSRC = p.ssrc // nobody was before
	}
	*s = Source{Known: true, SSRC: p.ssrc, Old: s.SSRC, TS: p.ts, Ext: int64(p.ts)}
	l.state.Muting = Muting{}
	if l.state.Presses.Active {
		l.state.Muting.all()
	}
	l.jitter.setUp(l.codec.FrameSize(), l.jitterMax)
}

// When a packet came is asked of the kernel for the first ones of a source, for those that are late or that the last tick had waited for in
// vain, for those that may have waited for as long as they may, and else now and then: it is a system call.
const (
	askAtFirst = 32
	askEvery   = 7                      // prime, for there are phones of whose packets each second or third one comes too late
	longWait   = 5 * time.Second        // no packet waits longer in a socket that is read
	lateTick   = 200 * time.Millisecond // nor does one come longer after the deadline of the tick that reads it
)

// receiveSound puts audio into the jitter buffer; comfort noise tells it that nothing is to be expected.
func (l *Leg) receiveSound(p *packet, now int64, audio bool) {
	s := &l.state.Source
	samples := l.codec.Samples(len(p.payload))
	if samples > l.codec.Rate*int(maxPacket/time.Millisecond)/1000 {
		l.state.Figures.Malformed++
		return
	}
	at := l.position(s.unwrap(p.ts))
	if !audio {
		l.jitter.silence(at)
		return
	}
	before := int64(whenever)
	sample := s.Seqs.Received <= askAtFirst || p.seq%askEvery == 0
	if sample || s.Waited || l.jitter.wonders(at, l.undrained) {
		arrival := l.arrival(now)
		if sample { // the others are of those that come too late or too soon, and would make the jitter look like theirs
			s.arrived(arrival, p.ts, l.codec.ClockRate)
		}
		before = (now - arrival) * int64(l.jitter.Frame) / int64(frameTime)
	}
	if samples == 0 || l.state.Agreed.Held || l.state.Agreed.Listens {
		return
	}
	pcm := l.work.pcm[:l.codec.Decode(l.work.pcm[:], p.payload)]
	switch l.jitter.put(at, pcm, before) {
	case late:
		l.state.Figures.Late++
	case duplicate:
		l.state.Figures.Duplicates++
	case jumped:
		l.state.Figures.Jumps++
	}
}

// arrival is when the last datagram came, as far as the socket knows; else the tick's time.
func (l *Leg) arrival(now int64) int64 {
	if at := l.conn.Arrived(); at != 0 && at > now-int64(longWait) && at < now+int64(lateTick) {
		return at
	}
	return now // unknown, or the wall clock was set between the arrival and this tick
}

// position turns an unwrapped timestamp into samples.
func (l *Leg) position(ext int64) int64 {
	return ext * int64(l.codec.Rate) / int64(l.codec.ClockRate)
}
