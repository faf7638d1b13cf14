package media

import "time"

// EngineImage is what an engine knows besides its legs, written down while it is paused.  Plain data, for encoding/gob.
type EngineImage struct {
	Due   []int64 // the next deadline of each loop, on the machine's monotonic clock, in nanoseconds
	Ports PortsImage
	Past  LegStats // of the legs that are closed
}

// PortsImage is the pairs of ports that no leg has and that had better not be lent yet, or to which a stream may still be coming.
type PortsImage struct {
	Next    uint16 // where the search goes on
	Resting []RestingPorts
}

// RestingPorts is one of them.
type RestingPorts struct {
	Port  uint16 // the even one
	Busy  bool   // another program had it when it was tried last
	Until int64  // in the ticks' time
	Gone  Stream // of the last call; zero: none is known
}

// goneMost is how long after its rest a pair's last stream is still known: a BYE is sent for 32 s, if need be (RFC 3261 section 17.1.2.2).
const goneMost = time.Minute

// Save writes the engine down.  Only while it is paused.
func (e *Engine) Save() EngineImage {
	im := EngineImage{Ports: e.ports.save(time.Now(), monotonic())}
	for _, l := range e.loops {
		im.Due = append(im.Due, l.next())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	im.Past = e.past
	return im
}

// Continue is New for an engine that takes over from one that was paused in another process.  It is paused too: then legs are restored, attached and
// put into buses by whoever calls, and Resume has each loop go on at the deadline that the loop with its number had.  If there were
// fewer loops then, the others begin anew.
func Continue(cfg Config, im *EngineImage) (*Engine, error) { return start(cfg, im) }

// Restore makes a leg again, over the descriptors of its sockets, which are the engine's from now on, whatever becomes of the leg.  No loop
// owns it yet.  It says nothing to anybody, and so is closed without a word if the engine is abandoned before Resume.
func (e *Engine) Restore(im *LegImage, rtp, rtcp int) (*Leg, error) {
	leg, err := adoptLeg(&e.cfg, rtp, rtcp)
	if err != nil {
		return nil, err
	}
	if err = leg.restore(im); err == nil {
		err = e.adopt(leg)
	}
	if err != nil {
		leg.drop()
		return nil, err
	}
	return leg, nil
}

// adopt gives a restored leg a place in the engine.
func (e *Engine) adopt(leg *Leg) error {
	if socket, ok := leg.conn.(interface{ connected() }); ok && leg.tied {
		socket.connected()
	}
	leg.given.Store(true)
	leg.release = e.release
	if err := e.enlist(leg); err != nil {
		return err
	}
	e.ports.lendAgain(leg.LocalAddr().Port())
	return nil
}

// adoptLeg is a blank leg over the descriptors of its sockets, which are closed when they are no such thing.
func adoptLeg(cfg *Config, rtp, rtcp int) (*Leg, error) {
	sockets, err := adoptBoth(rtp, rtcp)
	if err != nil {
		return nil, err
	}
	return blankLeg(LegConfig{JitterMax: cfg.JitterMax, MuteMusic: cfg.MuteMusic, Level: cfg.Level}, sockets[0], sockets[1]), nil
}

// drop closes the sockets of a leg that never came to life.
func (l *Leg) drop() {
	l.mu.Lock()
	again := l.closing
	l.closing = true
	l.mu.Unlock()
	if again {
		return
	}
	l.conn.Close()
	l.control.conn.Close()
	close(l.closed)
}

func adoptBoth(rtp, rtcp int) (sockets [2]Conn, err error) {
	if sockets[0], err = adoptUDP(rtp); err != nil {
		closeDescriptor(rtp)
		closeDescriptor(rtcp)
		return sockets, err
	}
	if sockets[1], err = adoptUDP(rtcp); err != nil {
		sockets[0].Close()
		closeDescriptor(rtcp)
	}
	return sockets, err
}

// save writes down what rests.
func (p *ports) save(now time.Time, ticks int64) PortsImage {
	p.mu.Lock()
	defer p.mu.Unlock()
	im := PortsImage{Next: p.first + uint16(2*p.next)}
	for i, ready := range p.ready {
		rest, gone := ready.Sub(now), p.gone[i]
		if !p.lent[i] && (rest > 0 || rest > -goneMost && gone != Stream{}) {
			im.Resting = append(im.Resting, RestingPorts{p.first + uint16(2*i), p.busy[i], ticks + int64(rest), gone})
		}
	}
	return im
}

// restore has ports rest that did so before.  The range may be another one than before.
func (p *ports) restore(im *PortsImage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i, ours := p.pair(im.Next); ours {
		p.next = i
	}
	for _, r := range im.Resting {
		if i, ours := p.pair(r.Port); ours {
			p.busy[i], p.ready[i], p.gone[i] = r.Busy, time.Now().Add(time.Duration(r.Until-monotonic())), r.Gone
		}
	}
}

// lendAgain lends a pair that a leg of another process had.
func (p *ports) lendAgain(port uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i, ours := p.pair(port); ours {
		p.lent[i], p.busy[i] = true, false
		p.used++
	}
}
