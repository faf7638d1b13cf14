package media

import "math"

// receiveKey takes an event packet (RFC 4733): a key, and sound that must not be heard.  Events share the sequence numbers of
// the sound when they share its SSRC; some senders repeat the last packet with the same number, so numbers decide nothing here.
func (l *Leg) receiveKey(p *packet, now int64) {
	var e event
	if s := &l.state.Source; s.Known && s.SSRC == p.ssrc {
		s.Seqs.add(p.seq)
		l.published(s)
	}
	if !e.parse(p.payload) {
		l.badEvents.Add(1)
		return
	}
	presses := &l.state.Presses
	active := presses.Active
	if key := presses.packet(p.ssrc, p.ts, e, now); key != 0 {
		l.presses.Add(1)
		l.report(key)
		active = false
	}
	switch {
	case presses.Active && !active:
		l.mute(presses.Origin, p.ssrc)
	case !presses.Active && presses.Last == now:
		l.mute(presses.Origin, p.ssrc) // also when all that came of the press is its end
		l.unmute()
	}
}

// mute silences the leg from the beginning of the press on, until unmute: many phones send the tone as sound as well.  The
// press's timestamp says where in the sound it begins, which has not been played yet, thanks to the jitter buffer.
func (l *Leg) mute(ts, ssrc uint32) {
	from, j, near := l.jitter.Next, &l.jitter, int64(l.codec.Rate) // a second
	if s := &l.state.Source; l.shareClock() && s.Known && s.SSRC == ssrc {
		at := l.position(s.Ext + int64(int32(ts-s.TS)))
		if !j.Playing || at > j.Next-2*near && at < j.End+near { // else the sender counts events by another clock
			from = at
		}
	}
	l.state.Muted = Window{from, math.MaxInt64}
	j.silence(from)
}

// unmute ends the muting where the press ended; when that is not known, after all that is on hand: it came during the press.
func (l *Leg) unmute() {
	m, j := &l.state.Muted, &l.jitter
	stop := m.From + l.position(int64(l.state.Presses.Length))
	known := l.shareClock() && m.From != math.MinInt64
	m.To = max(j.End, j.Next)
	switch {
	case known && !j.Playing:
		m.To = stop
	case known && stop > j.Next-int64(l.codec.Rate):
		m.To = min(stop, m.To+int64(j.Frame))
	}
}

// muted says whether the frame that was just played from the position on touches a press.
func (l *Leg) muted(at int64) bool {
	return at < l.state.Muted.To && l.jitter.Next > l.state.Muted.From
}

// shareClock says whether events are counted by the clock of the sound, as they nearly always are.
func (l *Leg) shareClock() bool {
	rate := l.state.Agreed.EventRate
	return rate == 0 || rate == l.codec.ClockRate
}
