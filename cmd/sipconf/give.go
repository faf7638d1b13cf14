package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/handover"
)

const (
	readTime  = 20 * time.Second // how long the new process may take to read its configuration, prompts and groups, and the sockets: others wait who want to upgrade
	pauseTime = 2 * time.Second  // how long each part of the server may take to stand still, but for the dialling, which has until ctx ends
	mediaTime = time.Second      // likewise the media
	takeTime  = 2 * time.Second  // how long the new process may take to read what it is sent before the media stand still
)

// part is a part of the server that can stand still.
type part struct {
	name   string
	pause  func(context.Context) error
	resume func()
	waits  bool // for people and other exchanges
}

// parts are all that do something by themselves, but for the media, in the order in which they are paused: who gives work to others goes before them.
func (s *server) parts() []part {
	return []part{
		{"the dialler", s.dialer.Pause, s.dialer.Resume, true},
		{"the links", s.links.Pause, s.links.Resume, true},
		{"the operator's commands", s.door.Pause, s.door.Resume, false},
		{"the manager interface", s.managers.pause, s.managers.resume, false},
		{"the signalling", s.ua.Pause, s.ua.Resume, false},
		{"the attendants", s.office.Pause, s.office.Resume, false},
		{"the groups", s.called.Pause, s.called.Resume, false}, // behind whoever receives their members
		{"the recordings", s.rooms.Pause, s.rooms.Resume, false},
		{"the metrics", s.monitor.pause, s.monitor.resume, false}, // last, for somebody may be watching whether the server lives
	}
}

// again is how long everything goes on at least before the next try to have it stand still.
const again = 250 * time.Millisecond

// pause has all of them but the media stand still; it tries until ctx ends. After an error all go on. It is that of the last try that ctx has not cut short, if
// there is one, for of the other nobody knows what it would have been.
func (s *server) pause(ctx context.Context) error {
	end, _ := ctx.Deadline()
	half := time.Now().Add(time.Until(end) / 2)
	var why error
	for {
		began := time.Now()
		err := s.pauseAll(ctx, began.After(half))
		if err == nil {
			s.still = true
			return nil
		}
		if errors.Is(err, errPanicked) { // it would do so again
			return err
		}
		if why == nil || ctx.Err() == nil {
			why = err
		}
		s.log.Debug("not everything comes to rest", "err", err)
		select {
		case <-time.After(min(max(again, time.Since(began)), pauseTime)): // as long as it was kept from going on
		case <-ctx.Done():
			return why
		}
	}
}

func (s *server) pauseAll(ctx context.Context, patient bool) error {
	for i, p := range s.parts() {
		if err := s.pausePart(ctx, p, patient); err != nil {
			s.resumeFirst(i)
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if err := s.flush(pauseTime); err != nil {
		s.resumeFirst(len(s.parts()))
		return err
	}
	return nil
}

// flush returns when the rooms have told everything that has happened in them.
func (s *server) flush(most time.Duration) error {
	err := s.within(most, func() error { s.rooms.Flush(); return nil })
	if errors.Is(err, errTooLong) {
		return fmt.Errorf("what has happened in the rooms is not told within %v", most)
	}
	return err
}

// pausePart does so with one. Whom others wait for has little time at first, and all that is left when half of it is over: an upgrade may have to wait for
// somebody whose phone rings, and until it succeeds nobody else is to wait long for that.
func (s *server) pausePart(ctx context.Context, p part, patient bool) error {
	if !p.waits || !patient {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, pauseTime)
		defer cancel()
	}
	end, _ := ctx.Deadline()
	return s.within(time.Until(end)+stillTime, func() error {
		if err := step("pauses "+p.name, nil); err != nil {
			return err
		}
		err := p.pause(ctx)
		if err == nil && ctx.Err() != nil { // nobody waits any more
			p.resume()
			err = ctx.Err()
		}
		return err
	})
}

// resume ends a pause, also of the media. A server that is not paused is left alone.
func (s *server) resume() {
	if s.still {
		s.still = false
		s.pace.again()
		s.engine.Resume()
		s.collect()
		s.resumeFirst(len(s.parts()))
	}
}

// resumeFirst has the first n parts go on, the last of them first.
func (s *server) resumeFirst(n int) {
	parts := s.parts()
	for n--; n >= 0; n-- {
		parts[n].resume()
	}
}

// giving is a hand-over, seen from the old process.
type giving struct {
	*server
	*speaker
	*reader
	media *media.Giving
	calls int         // how many there are
	over  atomic.Bool // everything goes on again, whatever is still on its way
}

// give hands everything over to the new process, which is at the other end of the line, and says how many calls that is. When the error is nil, the
// server stands still and all is with that process, which need not be there yet: whoever has called ends this one when it is, and calls resume when
// it is dead. After an error all goes on here.
func (s *server) give(ctx context.Context, line *handover.Line) (calls int, err error) {
	g := &giving{server: s, speaker: newSpeaker(line), reader: newReader(line), media: s.engine.Give(line)}
	line.SetDeadline(time.Now().Add(readTime))
	if err := g.prepare(); err != nil {
		return 0, slow(ctx, err, readTime)
	}
	if err := s.pause(ctx); err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			g.over.Store(true)
			s.resume()
		}
	}()
	s.collect = uncollected()
	line.SetDeadline(time.Now().Add(takeTime))
	if err = s.within(takeTime+stillTime, g.giveAffairs); err != nil {
		return 0, slow(ctx, err, takeTime)
	}
	s.pace = ownPace()
	line.SetDeadline(time.Now().Add(stillTime))
	err = s.within(mediaTime+stillTime, g.giveSound) // what it waits for may be waiting for the media
	if err == nil {
		s.pace.set(0) // the new process goes first
	}
	return g.calls, slow(ctx, err, stillTime)
}

// slow says of an error that the new process has taken too long, where it is that one and this process has not waited as long as it could.
func slow(ctx context.Context, err error, most time.Duration) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
		return fmt.Errorf("the new process has not read within %v what it was sent", most)
	}
	return err
}

// prepare sends what can be sent while everything goes on.
func (g *giving) prepare() error {
	var reads int
	if _, err := g.expect(kindReads, &reads); err != nil {
		return err
	}
	if reads != heritageVersion {
		return fmt.Errorf("the new sipconf reads calls that are written down in version %d, and this one writes version %d: "+
			"this one has to end, by \"sipconf ctl drain\" for instance, before that one is started", reads, heritageVersion)
	}
	if err := g.tell(kindSpecimen, new(heritage)); err != nil {
		return err
	}
	if err := step("sends sockets", g.speaker.line); err != nil {
		return err
	}
	if err := g.media.Sockets(); err != nil {
		return err
	}
	_, err := g.expect(kindStop, nil)
	return err
}

// giveAffairs sends what stands still before the media do.
func (g *giving) giveAffairs() error {
	a := affairs{Calls: *g.ua.Save(), Dialer: *g.dialer.Save(), Groups: *g.called.Save(), Links: *g.links.Save(), Former: g.rosters.save(), Counts: g.metrics.save()}
	descriptors := g.ua.Descriptors()
	defer handover.Discard(descriptors)
	g.calls = len(a.Calls.Calls)
	if err := g.media.MoreSockets(); err != nil { // no call gets any more
		return err
	}
	if err := g.tell(kindAffairs, &a, descriptors...); err != nil {
		return err
	}
	if err := g.media.Drafts(); err != nil {
		return err
	}
	_, err := g.expect(kindSilence, nil)
	return err
}

// giveSound has the media stand still, and sends the rest.
func (g *giving) giveSound() error {
	if err := step("pauses the media", g.speaker.line); err != nil {
		return err
	}
	if err := g.media.Stop(mediaTime); err != nil {
		return err
	}
	if g.over.Load() { // and nobody else would
		g.engine.Resume()
		return errTooLong
	}
	return g.givePlaces()
}

// givePlaces sends the rest, piece by piece: while the new process reads one, the next is written.
func (g *giving) givePlaces() error {
	if err := step("sends legs", g.speaker.line); err != nil {
		return err
	}
	if err := g.media.State(); err != nil {
		return err
	}
	if err := g.flush(stillTime); err != nil { // the keys of the last tick
		return err
	}
	if g.over.Load() {
		return errTooLong
	}
	if err := g.tell(kindRooms, &places{Rooms: *g.server.rooms.Save()}); err != nil {
		return err
	}
	return g.tell(kindOffice, &places{Office: *g.office.Save(), Still: g.media.Still()})
}
