//go:build unix

package media

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

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
	kindEngine  = "media engine"  // parcel.Engine: the loops are stopped
	kindLegs    = "media legs"    // parcel.Legs; any number of times
)

// parcel is what a message holds.  All parcels are of one gob stream, so that what the types look like is told, and worked out, once, and that before
// anything is stopped.
type parcel struct {
	Sockets []netip.AddrPort // the RTP addresses of legs
	Engine  EngineImage
	Legs    []LegImage
	Last    bool // of its kind, for now
}

// How many legs are in a message: so many have as many descriptors as the kernel takes at once; and so that the new process need not wait for
// the first images until the last ones are written down.
const (
	socketsEach = 125
	imagesEach  = 25
)

// Giving is a hand-over of an engine's legs to another process, seen from the old one.  Nothing is the other process's before it has said so, in a way
// that is not the concern of this: until then the engine is left as it is, but for a pause.  Used by one goroutine.
type Giving struct {
	engine *Engine
	line   *handover.Line
	sent   map[*Leg]bool // its sockets are with the other process
	buffer bytes.Buffer
	coder  *gob.Encoder
}

// Give begins a hand-over on a line.
func (e *Engine) Give(line *handover.Line) *Giving {
	g := &Giving{engine: e, line: line, sent: make(map[*Leg]bool)}
	g.coder = gob.NewEncoder(&g.buffer)
	return g
}

// Sockets sends the sockets of all legs that there are, while the mixing goes on.  The sockets of later ones go with State.
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

// State sends what the engine and all its open legs are at this moment.  The engine must be paused.  If the other process takes over then, Abandon
// lets go of what was sent here; else Resume has everything go on.
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
	if err := g.sockets(); err != nil {
		return err
	}
	if err := g.send(kindEngine, &parcel{Engine: g.engine.Save()}); err != nil {
		return err
	}
	p := parcel{Legs: make([]LegImage, 0, imagesEach)}
	for _, leg := range g.engine.all(nil) {
		n := len(p.Legs)
		if !g.sent[leg] || !leg.saveTo(&p.Legs[:n+1][n]) {
			continue
		}
		leg.given.Store(true)
		if p.Legs = p.Legs[:n+1]; n+1 == imagesEach {
			if err := g.send(kindLegs, &p); err != nil {
				return err
			}
			p.Legs = p.Legs[:0] // their memory is used again
		}
	}
	p.Last = true
	return g.send(kindLegs, &p)
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
