package media

// receiveKey takes an event packet (RFC 4733): a key, and sound that must not be heard.  Events share the sequence numbers of
// the sound when they share its SSRC; some senders repeat the last packet with the same number, so numbers decide nothing here.
func (l *Leg) receiveKey(p *packet, now int64) {
	var e event
	if s := &l.state.Source; s.Known && s.SSRC == p.ssrc {
		s.Seqs.add(p.seq)
	}
	if !e.parse(p.payload) {
		l.state.Figures.BadEvents++
		return
	}
	presses := &l.state.Presses
	active := presses.Active
	if key := presses.packet(p.ssrc, p.ts, e, now); key != 0 {
		l.state.Figures.Presses++
		l.report(key, false, now)
		active = false
	}
	if presses.Last == now {
		l.state.Echoes.held(digit(presses.Current.Code), now)
	}
	switch {
	case presses.Active && !active:
		l.mute(presses.Origin, p.ssrc)
	case !presses.Active && presses.Last == now:
		l.mute(presses.Origin, p.ssrc) // also when all that came of the press is its end
		l.unmute()
	}
}

// mute silences the leg from the beginning of the press on, until unmute.  The press's timestamp says where in the sound it
// begins.  What of that has been played already cannot be taken back: where nothing is held back, as on a LAN, that is what a phone that
// sends the tone as sound too has sent before its first event packet, 20 to 60 ms.
func (l *Leg) mute(ts, ssrc uint32) {
	from, j, near := l.jitter.Next, &l.jitter, int64(l.codec.Rate) // a second
	if s := &l.state.Source; l.shareClock() && s.Known && s.SSRC == ssrc {
		at := l.position(s.Ext + int64(int32(ts-s.TS)))
		if !j.Playing || at > j.Next-2*near && at < j.End+near { // else the sender counts events by another clock
			from = at
		}
	}
	l.state.Muting.begin(from)
	j.silence(from)
}

// unmute ends the muting where the press ended; when that is not known, after all that is on hand: it came during the press.
func (l *Leg) unmute() {
	from, j := l.state.Muting.last().From, &l.jitter
	stop := from + l.position(int64(l.state.Presses.Length))
	known := l.shareClock() && from != everything.From
	to := max(j.End, j.Next)
	switch {
	case known && !j.Playing:
		to = stop
	case known && stop > j.Next-int64(l.codec.Rate):
		to = min(stop, to+int64(j.Frame))
	}
	l.state.Muting.end(to)
}

// shareClock says whether events are counted by the clock of the sound, as they nearly always are.
func (l *Leg) shareClock() bool {
	rate := l.state.Agreed.EventRate
	return rate == 0 || rate == l.codec.ClockRate
}
