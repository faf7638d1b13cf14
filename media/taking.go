//go:build unix

package media

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/sipconf/sipconf/media/handover"
)

// Taking is a hand-over of legs, seen from the new process.  Used by one goroutine, which should have switched the garbage collector off between Sockets
// and Resume: a collection takes as long as all the rest.
type Taking struct {
	cfg     Config
	line    *handover.Line
	blank   map[netip.AddrPort]*Leg // with sockets and memory, and no state yet, by where they receive RTP
	drafts  map[netip.AddrPort]draft
	parcel  parcel       // the last one
	message bytes.Reader // the body of the one at hand
	decoder *gob.Decoder
}

// Take begins a hand-over on a line, for an engine with that configuration.  Close ends it.
func Take(cfg Config, line *handover.Line) *Taking {
	t := &Taking{cfg: cfg, line: line, blank: make(map[netip.AddrPort]*Leg), drafts: make(map[netip.AddrPort]draft)}
	t.decoder = gob.NewDecoder(&t.message)
	return t
}

// Close closes the sockets that have become no leg's, as those of calls that have ended meanwhile.  Safe to call twice.
func (t *Taking) Close() {
	for at, leg := range t.blank {
		leg.drop()
		delete(t.blank, at)
	}
}

// Sockets takes what Giving.Sockets sends.  The error also says when images of that version cannot be read here: then nothing has been stopped yet.
func (t *Taking) Sockets() error {
	if err := t.version(); err != nil {
		return fmt.Errorf("take the media over: %w", err)
	}
	if err := t.takeSockets(); err != nil {
		return fmt.Errorf("take the RTP sockets over: %w", err)
	}
	return nil
}

// MoreSockets takes what Giving.MoreSockets sends.
func (t *Taking) MoreSockets() error {
	if err := t.takeSockets(); err != nil {
		return fmt.Errorf("take the RTP sockets over: %w", err)
	}
	return nil
}

// Drafts takes what Giving.Drafts sends.
func (t *Taking) Drafts() error {
	for {
		p, err := t.receive(kindDrafts)
		if err != nil {
			return fmt.Errorf("take drafts of the legs over: %w", err)
		}
		for _, d := range p.Drafts {
			t.drafts[d.Local] = d
		}
		if p.Last {
			return nil
		}
	}
}

// Legs is how many there are of which Leg knows.
func (t *Taking) Legs() int { return len(t.blank) }

// Leg is the leg that receives RTP there, of which State will make what it was: until then nothing but LocalAddr and Close may be called. nil: there is none.
// One of which State brings nothing is closed.
func (t *Taking) Leg(at netip.AddrPort) *Leg { return t.blank[at] }

func (t *Taking) version() error {
	m, err := t.line.Receive()
	if err != nil {
		return err
	}
	defer handover.Discard(m.Descriptors)
	if m.Kind != kindVersion {
		return fmt.Errorf("%q came, where %q should", m.Kind, kindVersion)
	}
	if version, err := strconv.Atoi(string(m.Body)); err != nil || !readable(version) {
		return fmt.Errorf("the other process writes calls down in version %s, and this program reads version %d", m.Body, stateVersion)
	}
	return nil
}

func (t *Taking) takeSockets() error {
	for {
		p, err := t.receive(kindSockets)
		if err != nil || p.Last {
			return err
		}
	}
}

// State takes what Giving.State sends: the engine, paused, as Continue makes it, and its legs, which belong to no loop yet, by where they
// receive RTP.  After an error nothing is left of either.
func (t *Taking) State() (*Engine, map[netip.AddrPort]*Leg, error) {
	engine, legs, err := t.state()
	if err != nil {
		return nil, nil, fmt.Errorf("take the legs over: %w", err)
	}
	return engine, legs, nil
}

func (t *Taking) state() (*Engine, map[netip.AddrPort]*Leg, error) {
	if err := t.takeSockets(); err != nil {
		return nil, nil, err
	}
	restored, err := t.legs()
	if err != nil {
		return nil, nil, err
	}
	p, err := t.receive(kindEngine)
	if err != nil {
		return nil, nil, err
	}
	engine, err := Continue(t.cfg, &p.Engine)
	if err != nil {
		return nil, nil, err
	}
	legs := make(map[netip.AddrPort]*Leg, len(restored))
	for _, leg := range restored {
		if err := engine.adopt(leg); err != nil {
			engine.Abandon()
			return nil, nil, err
		}
		legs[leg.LocalAddr()] = leg
		delete(t.blank, leg.LocalAddr())
	}
	return engine, legs, nil
}

// legs restores the legs as they come.
func (t *Taking) legs() (restored []*Leg, err error) {
	for {
		p, err := t.receive(kindLegs)
		if err != nil {
			return nil, err
		}
		for i := range p.Legs {
			at := p.Legs[i].Local
			leg, ok := t.blank[at]
			if !ok {
				return nil, fmt.Errorf("no sockets came for the leg at %s", at)
			}
			if err := t.complete(&p.Legs[i]); err != nil {
				return nil, err
			}
			if err := leg.restore(&p.Legs[i]); err != nil {
				return nil, err
			}
			restored = append(restored, leg)
		}
		if p.Last {
			return restored, nil
		}
	}
}

// complete puts what was left out of an image in its place.
func (t *Taking) complete(im *LegImage) error {
	if !im.Drafted {
		return nil
	}
	d, ok := t.drafts[im.Local]
	if !ok {
		return fmt.Errorf("no draft came of the leg at %s", im.Local)
	}
	im.fill(d)
	return nil
}

// receive takes the next message, which has to be of that kind, and keeps its sockets.  The parcel is good until the next one.
func (t *Taking) receive(kind string) (p *parcel, err error) {
	m, err := t.line.Receive()
	if err != nil {
		return nil, err
	}
	p = &t.parcel
	p.reset()
	if m.Kind != kind {
		err = fmt.Errorf("%q came, where %q should", m.Kind, kind)
	} else {
		t.message.Reset(m.Body)
		err = t.decoder.Decode(p)
	}
	if err == nil && len(m.Descriptors) != 2*len(p.Sockets) {
		err = fmt.Errorf("%d descriptors came for %d legs", len(m.Descriptors), len(p.Sockets))
	}
	for len(m.Descriptors) > 0 && err == nil {
		err = t.adopt(m.Descriptors[0], m.Descriptors[1])
		m.Descriptors = m.Descriptors[2:]
	}
	handover.Discard(m.Descriptors)
	return p, err
}

// adopt makes a blank leg.
func (t *Taking) adopt(rtp, rtcp int) error {
	leg, err := adoptLeg(&t.cfg, rtp, rtcp)
	if err != nil {
		return err
	}
	leg.touch()
	t.blank[leg.LocalAddr()] = leg
	return nil
}
