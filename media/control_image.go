package media

import (
	"fmt"
	"net/netip"
	"slices"
)

// ControlImage is the RTCP of a leg, written down.
type ControlImage struct {
	Source    netip.AddrPort // where the peer's RTP comes from; invalid: not known
	HeardAt   int64
	RoundTrip int64
	PeerLost  int64
	CNAME     string
	Mux       int    // as in LegImage
	Agreed    Agreed // of the last negotiation, also if the tick does not know of it yet
	From      netip.AddrPort
	Next      int64
	Heard     heardReport
	Told      toldReport
	Started   bool
}

// MuxedImage is the datagrams that wait between the tick and the reporter.
type MuxedImage struct{ In, Out ReportImage }

// ReportImage is one of them; none when it is empty.
type ReportImage struct {
	Datagram []byte
	Peer     netip.AddrPort
	At       int64
}

// muxes gives numbers to what is shared between the tick, the reporter and orders.
type muxes struct{ seen []*muxed }

// number is that of m, from 1 on; 0 is that of none.
func (m *muxes) number(one *muxed) int {
	if one == nil {
		return 0
	}
	if i := slices.Index(m.seen, one); i >= 0 {
		return i + 1
	}
	m.seen = append(m.seen, one)
	return len(m.seen)
}

func (m *muxes) save() (images []MuxedImage) {
	for _, one := range m.seen {
		one.mu.Lock()
		im := MuxedImage{In: one.in.save()}
		if one.waiting.Load() {
			im.Out = one.out.save()
		}
		one.mu.Unlock()
		images = append(images, im)
	}
	return images
}

func (r *report) save() ReportImage {
	return ReportImage{slices.Clone(r.b[:r.n]), r.peer, r.at}
}

// restoredMuxes are the opposite of muxes.
type restoredMuxes []*muxed

func restoreMuxes(images []MuxedImage, local netip.AddrPort) (m restoredMuxes) {
	for _, im := range images {
		one := &muxed{local: local}
		one.in.restore(im.In)
		one.out.restore(im.Out)
		one.waiting.Store(one.out.n > 0)
		m = append(m, one)
	}
	return m
}

func (r *report) restore(im ReportImage) { r.put(im.Datagram, im.Peer, im.At) }

// at is the one with that number.
func (m restoredMuxes) at(number int) (*muxed, error) {
	switch {
	case number == 0:
		return nil, nil
	case number < 0 || number > len(m):
		return nil, fmt.Errorf("RTCP over socket %d of %d", number, len(m))
	}
	return m[number-1], nil
}

func (c *control) save(m *muxes) ControlImage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.saveLocked(m)
}

// saveLocked is save, for who has the lock.
func (c *control) saveLocked(m *muxes) ControlImage {
	im := ControlImage{
		HeardAt: c.heardAt.Load(), RoundTrip: c.roundTrip.Load(), PeerLost: c.peerLost.Load(), CNAME: c.cname, Mux: m.number(c.mux),
		From: c.from, Next: c.next, Heard: c.heard, Told: c.told, Started: c.started,
	}
	if source := c.source.Load(); source != nil {
		im.Source = *source
	}
	if c.agreed.Codec != nil {
		im.Agreed = agreed(c.agreed)
	}
	return im
}

// restore is the opposite of save.
func (c *control) restore(im *ControlImage, ssrc uint32, m restoredMuxes) (err error) {
	c.heardAt.Store(im.HeardAt)
	c.roundTrip.Store(im.RoundTrip)
	c.peerLost.Store(im.PeerLost)
	c.ssrc, c.cname = ssrc, im.CNAME
	c.from, c.next, c.heard, c.told, c.started = im.From, im.Next, im.Heard, im.Told, im.Started
	if im.Source.IsValid() {
		c.found(im.Source)
	}
	if c.agreed, err = im.Agreed.session(); err != nil {
		return err
	}
	c.mux, err = m.at(im.Mux)
	return err
}
