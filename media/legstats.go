package media

import "time"

// Figures are what a leg has counted since it was opened.  Plain data.
type Figures struct {
	PacketsIn, PacketsOut, BytesOut     uint64 // the first four change in every tick
	HeardAt                             int64  // when the peer's RTP was last heard, in the ticks' time; 0: never
	Malformed, UnknownType, Looped      uint64
	Strangers, Duplicates, Late, Jumps  uint64
	Sources, Presses, Echoes, BadEvents uint64
	Flooded, SendFailed                 uint64
	LostBefore                          int64 // lost of sources before this one
}

// LegStats counts what has happened on a leg since it was opened.  Plain data, a snapshot.
type LegStats struct {
	PacketsIn   uint64        // valid packets of the peer: sound, comfort noise and keys
	PacketsOut  uint64        // packets sent
	BytesOut    uint64        // their payload
	Lost        int64         // packets of the peer that never came, by sequence number
	Late        uint64        // packets that came too late to be played
	Duplicates  uint64        // packets that came twice
	Jumps       uint64        // packets dropped because their timestamp lay far from all others
	Concealed   time.Duration // sound that was made up because nothing had come
	Discarded   time.Duration // sound that came and was cut out to keep the delay short
	Strangers   uint64        // packets from somebody else
	UnknownType uint64        // packets of a payload type that was not agreed
	Malformed   uint64        // datagrams that are no RTP, or hold more than 200 ms
	Looped      uint64        // our own packets, come back
	Sources     uint64        // times that the peer's SSRC changed
	Presses     uint64        // keys pressed, by RTP
	Echoes      uint64        // keys that came by RTP as well as by INFO, and were counted once
	BadEvents   uint64        // event packets that are no key
	Flooded     uint64        // ticks in which more packets came than a tick takes
	SendFailed  uint64        // packets that the kernel did not take
	Jitter      time.Duration // between packets of the peer, RFC 3550
	RoundTrip   time.Duration // to the peer and back, by his RTCP; 0: unknown
	PeerLost    int64         // packets of ours that the peer says he missed
}

// add adds up what can be added up; the last three figures are of one leg alone.
func (s *LegStats) add(o LegStats) {
	s.PacketsIn += o.PacketsIn
	s.PacketsOut += o.PacketsOut
	s.BytesOut += o.BytesOut
	s.Lost += o.Lost
	s.Late += o.Late
	s.Duplicates += o.Duplicates
	s.Jumps += o.Jumps
	s.Concealed += o.Concealed
	s.Discarded += o.Discarded
	s.Strangers += o.Strangers
	s.UnknownType += o.UnknownType
	s.Malformed += o.Malformed
	s.Looped += o.Looped
	s.Sources += o.Sources
	s.Presses += o.Presses
	s.Echoes += o.Echoes
	s.BadEvents += o.BadEvents
	s.Flooded += o.Flooded
	s.SendFailed += o.SendFailed
}

// Totals adds up the figures of all legs since the engine was made, closed ones included.  Lost may go back: a packet that was
// missing came after all.  Open legs are counted as of some 300 ms ago at most.
func (e *Engine) Totals() LegStats {
	e.mu.Lock()
	total := e.past
	legs := make([]*Leg, 0, len(e.legs))
	for leg := range e.legs {
		legs = append(legs, leg)
	}
	e.mu.Unlock()
	for _, leg := range legs {
		total.add(leg.shown().stats)
	}
	return total
}

// Stats is as of now.  Owner only; others see the totals.
func (l *Leg) Stats() LegStats {
	f, s, j := &l.state.Figures, &l.state.Source, &l.jitter
	return LegStats{
		PacketsIn: f.PacketsIn, PacketsOut: f.PacketsOut, BytesOut: f.BytesOut,
		Lost: f.LostBefore + s.Seqs.Lost(), Late: f.Late, Duplicates: f.Duplicates, Jumps: f.Jumps,
		Concealed: frameTime * time.Duration(j.Concealed) / time.Duration(j.Frame),
		Discarded: frameTime * time.Duration(j.Skipped) / time.Duration(j.Frame),
		Strangers: f.Strangers, UnknownType: f.UnknownType, Malformed: f.Malformed, Looped: f.Looped,
		Sources: f.Sources, Presses: f.Presses, Echoes: f.Echoes, BadEvents: f.BadEvents,
		Flooded: f.Flooded, SendFailed: f.SendFailed,
		Jitter:    time.Duration(s.Jitter) * time.Second / time.Duration(l.codec.ClockRate),
		RoundTrip: time.Duration(l.control.roundTrip.Load()), PeerLost: l.control.peerLost.Load(),
	}
}
