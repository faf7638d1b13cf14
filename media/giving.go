//go:build unix

package media

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/sipconf/sipconf/media/handover"
)

// stateVersion is that of the images.  It is to be raised when they change in a way that gob does not see through: a field of another meaning, name or type.
// (A field more or less is no such change: it is left out, or zero.)  readable says which ones this program understands.
const stateVersion = 1

// readable says whether images of that version can be restored here.
func readable(version int) bool { return version == stateVersion }

// The messages of the line that are about media, in their order; each goes from the old process to the new one.
const (
	kindVersion = "media version" // of the images that follow, in digits
	kindSockets = "media sockets" // parcel.Sockets, with two descriptors for each; any number of times
	kindDrafts  = "media drafts"  // parcel.Drafts; any number of times
	kindLegs    = "media legs"    // parcel.Legs: the loops are stopped, or being stopped; any number of times
	kindEngine  = "media engine"  // parcel.Engine
)

// parcel is what a message holds.  All parcels are of one gob stream, so that what the types look like is told, and worked out, once, and that before
// anything is stopped.
type parcel struct {
	Sockets []netip.AddrPort // the RTP addresses of legs
	Drafts  []draft
	Legs    []LegImage
	Engine  EngineImage
	Last    bool // of its kind, for now
}

// reset empties a parcel and keeps the room for its legs and their sound, which the next ones fill: so many bytes anew would take as long as reading them.
// gob leaves alone what a message does not mention.
func (p *parcel) reset() {
	legs := p.Legs[:cap(p.Legs)]
	for i := range legs {
		sound := &legs[i].Sound
		legs[i] = LegImage{Sound: SoundImage{Samples: sound.Samples[:0], Have: sound.Have[:0], Cycle: sound.Cycle[:0]}}
	}
	*p = parcel{Legs: legs[:0]}
}

// How many legs are in a message: so many have as many descriptors as the kernel takes at once; and so that the new process need not wait for
// the first images until the last ones are written down.
const (
	socketsEach = 125
	draftsEach  = 100
	imagesEach  = 25
)

// Giving is a hand-over of an engine's legs to another process, seen from the old one.  Nothing is the other process's before it has said so, in a way
// that is not the concern of this: until then the engine is left as it is, but for a pause.  Used by one goroutine.
type Giving struct {
	engine *Engine
	line   *handover.Line
	sent   map[*Leg]bool            // its sockets are with the other process
	drafts map[netip.AddrPort]draft // are with the other process
	told   map[*Leg]bool            // and so is what it is; nil: none yet
	still  time.Time                // when the last loop stopped that Stop has stopped
	parcel parcel                   // of the legs that are being sent
	buffer bytes.Buffer
	coder  *gob.Encoder
}

// Give begins a hand-over on a line.
func (e *Engine) Give(line *handover.Line) *Giving {
	g := &Giving{engine: e, line: line, sent: make(map[*Leg]bool)}
	g.coder = gob.NewEncoder(&g.buffer)
	return g
}

// Sockets sends the sockets of all legs that there are, while the mixing goes on.  The sockets of later ones go with Stop, or State if there is none: no leg
// may be opened after that.
func (g *Giving) Sockets() error {
	if err := g.line.Send(kindVersion, strconv.AppendInt(nil, stateVersion, 10)); err != nil {
		return fmt.Errorf("hand the media over: %w", err)
	}
	return g.sockets()
}

// MoreSockets sends those of the legs that were opened since, when no more will be.
func (g *Giving) MoreSockets() error { return g.sockets() }

// sockets sends what is not with the other process yet.
func (g *Giving) sockets() error {
	var legs []*Leg
	for _, leg := range g.engine.all(nil) {
		if !g.sent[leg] {
			legs = append(legs, leg)
		}
	}
	for {
		n := min(len(legs), socketsEach)
		if err := g.batch(legs[:n], n == len(legs)); err != nil {
			return fmt.Errorf("hand the RTP sockets over: %w", err)
		}
		if legs = legs[n:]; len(legs) == 0 {
			return nil
		}
	}
}

// batch sends the sockets of some legs.  A leg that is closed meanwhile may take its descriptors along, and their numbers may be given to something
// else at once; so others of the same sockets are sent, and closed here.
func (g *Giving) batch(legs []*Leg, last bool) error {
	p := parcel{Last: last}
	var fds []int
	defer func() { handover.Discard(fds) }()
	for _, leg := range legs {
		both, open, err := leg.descriptors()
		if err != nil {
			return err
		}
		if fds = append(fds, both...); open {
			p.Sockets = append(p.Sockets, leg.LocalAddr())
			g.sent[leg] = true
		}
	}
	return g.send(kindSockets, &p, fds...)
}

// Drafts sends what State need not send, unless it changes until then: while the mixing goes on, and as short a time before State as can be.
func (g *Giving) Drafts() error {
	g.drafts = make(map[netip.AddrPort]draft, len(g.sent))
	drafts, err := g.engine.drafts(len(g.sent))
	if err != nil {
		return fmt.Errorf("hand drafts of the legs over: %w", err)
	}
	for _, d := range drafts {
		g.drafts[d.Local] = d
	}
	for {
		n := min(len(drafts), draftsEach)
		if err := g.send(kindDrafts, &parcel{Drafts: drafts[:n], Last: n == len(drafts)}); err != nil {
			return fmt.Errorf("hand drafts of the legs over: %w", err)
		}
		if drafts = drafts[n:]; len(drafts) == 0 {
			return nil
		}
	}
}

// drafts are those of all legs that belong to a loop; there are about so many.
func (e *Engine) drafts(about int) (drafts []draft, err error) {
	if e.isPaused() {
		return nil, errors.New("the media are paused: their loops would not answer")
	}
	legs := e.all(nil)
	drafted := make(chan []draft, len(e.loops)) // has room for all
	asked := 0
	for _, l := range e.loops {
		room := make([]draft, 0, about)
		if l.Do(func() { drafted <- l.drafts(legs, room) }) {
			asked++
		}
	}
	for range asked {
		drafts = append(drafts, <-drafted...)
	}
	return drafts, nil
}

// Stop is Engine.Pause, and sends what the legs of each loop are as soon as it stands still, while others still tick.
func (g *Giving) Stop(within time.Duration) error {
	if err := g.begin(); err != nil {
		return fmt.Errorf("hand the legs over: %w", err)
	}
	return g.engine.pause(within, func(l *Loop, since time.Time) error {
		if since.After(g.still) {
			g.still = since
		}
		return g.legs(func(leg *Leg) bool { return leg.belongsTo(l) }, false)
	})
}

// Still is when the last loop stood still; good after Stop.
func (g *Giving) Still() time.Time { return g.still }

// State sends what the engine and all its open legs are at this moment, but for those that Stop has sent.  The engine must be paused.  If the other process
// takes over then, Abandon lets go of what was sent here; else Resume has everything go on.
func (g *Giving) State() error {
	if err := g.state(); err != nil {
		return fmt.Errorf("hand the legs over: %w", err)
	}
	return nil
}

func (g *Giving) state() error {
	if !g.engine.isPaused() {
		return errors.New("the media are not paused")
	}
	if err := g.begin(); err != nil {
		return err
	}
	if err := g.legs(func(*Leg) bool { return true }, true); err != nil {
		return err
	}
	return g.send(kindEngine, &parcel{Engine: g.engine.Save()})
}

// begin sends the last sockets, once, and makes room for the legs.
func (g *Giving) begin() error {
	if g.told != nil {
		return nil
	}
	g.told = make(map[*Leg]bool, len(g.sent))
	g.parcel.Legs = make([]LegImage, 0, imagesEach)
	return g.sockets()
}

// legs sends those that are meant and were not sent yet; last: there are no more.
func (g *Giving) legs(meant func(*Leg) bool, last bool) error {
	p := &g.parcel
	p.Legs, p.Last = p.Legs[:0], false // their memory is used again
	for _, leg := range g.engine.all(nil) {
		n := len(p.Legs)
		if !g.sent[leg] || g.told[leg] || !meant(leg) || !leg.saveTo(&p.Legs[:n+1][n]) {
			continue
		}
		g.told[leg] = true
		if d, ok := g.drafts[leg.LocalAddr()]; ok {
			p.Legs[:n+1][n].abridge(d)
		}
		leg.given.Store(true)
		if p.Legs = p.Legs[:n+1]; n+1 == imagesEach {
			if err := g.send(kindLegs, p); err != nil {
				return err
			}
			p.Legs = p.Legs[:0]
		}
	}
	if p.Last = last; !last && len(p.Legs) == 0 {
		return nil
	}
	return g.send(kindLegs, p)
}

func (g *Giving) send(kind string, p *parcel, descriptors ...int) error {
	g.buffer.Reset()
	if err := g.coder.Encode(p); err != nil {
		return err
	}
	return g.line.Send(kind, g.buffer.Bytes(), descriptors...)
}

// descriptors are one more of each of the leg's two sockets; none when it is closed, or about to be.
func (l *Leg) descriptors() (both []int, open bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return nil, false, nil
	}
	for _, conn := range []Conn{l.conn, l.control.conn} {
		socket, ok := conn.(interface{ descriptor() (int, error) })
		if !ok {
			return both, false, fmt.Errorf("the leg at %s: %w here", l.LocalAddr(), errors.ErrUnsupported)
		}
		fd, err := socket.descriptor()
		if err != nil {
			return both, false, err
		}
		both = append(both, fd)
	}
	return both, true, nil
}
