package media

import (
	"sync/atomic"
	"time"
)

// counters of a leg: written by its owner, read by anyone.
type counters struct {
	packetsIn, packetsOut, bytesOut     atomic.Uint64
	malformed, unknownType, looped      atomic.Uint64
	strangers, duplicates, late, jumps  atomic.Uint64
	sources, presses, echoes, badEvents atomic.Uint64
	flooded, sendFailed                 atomic.Uint64
	lost, concealed, discarded          atomic.Int64
	clockRate                           atomic.Uint32 // of the codec
	sentAt                              atomic.Int64  // when the last packet was sent, in the ticks' time
	sentTS                              atomic.Uint32 // its timestamp
	sourceSSRC, newest, expected, noise atomic.Uint32 // for RTCP: of the source now heard; noise is the jitter in timestamp units
	lostBefore                          int64         // lost of sources before this one; the owner's
}

// published makes the figures of the source visible.
func (l *Leg) published(s *Source) {
	l.sourceSSRC.Store(s.SSRC)
	l.newest.Store(uint32(s.Seqs.Newest))
	l.expected.Store(uint32(s.Seqs.Expected()))
	l.noise.Store(uint32(s.Jitter))
	l.lost.Store(l.lostBefore + s.Seqs.Lost())
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
// missing came after all.
func (e *Engine) Totals() LegStats {
	e.mu.Lock()
	total := e.past
	legs := make([]*Leg, 0, len(e.legs))
	for leg := range e.legs {
		legs = append(legs, leg)
	}
	e.mu.Unlock()
	for _, leg := range legs {
		total.add(leg.Stats())
	}
	return total
}

// Stats is from any goroutine.
func (l *Leg) Stats() LegStats {
	return LegStats{
		PacketsIn: l.packetsIn.Load(), PacketsOut: l.packetsOut.Load(), BytesOut: l.bytesOut.Load(),
		Lost: l.lost.Load(), Late: l.late.Load(), Duplicates: l.duplicates.Load(), Jumps: l.jumps.Load(),
		Concealed: time.Duration(l.concealed.Load()), Discarded: time.Duration(l.discarded.Load()),
		Strangers: l.strangers.Load(), UnknownType: l.unknownType.Load(), Malformed: l.malformed.Load(), Looped: l.looped.Load(),
		Sources: l.sources.Load(), Presses: l.presses.Load(), Echoes: l.echoes.Load(), BadEvents: l.badEvents.Load(),
		Flooded: l.flooded.Load(), SendFailed: l.sendFailed.Load(),
		Jitter:    time.Duration(l.noise.Load()) * time.Second / time.Duration(l.clockRate.Load()),
		RoundTrip: time.Duration(l.control.roundTrip.Load()), PeerLost: l.control.peerLost.Load(),
	}
}
