package main

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/sipconf/sipconf/attendant"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/handover"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/sip"
)

// legacy is what a server begins with: what the process before has left, or nothing but an engine.
type legacy struct {
	engine      *media.Engine // nil: that comes with the places
	legs        map[netip.AddrPort]*media.Leg
	descriptors []int
	*heritage   // nil: there was no process before

	pace   pace
	says   *speaker
	hears  *reader
	taking *media.Taking
}

// takenMemory is about what is allocated, in bytes, for each leg from the stop on until people hear each other again.
const takenMemory = 48 << 10

// take takes over from the process at the other end of the line what stands still before the media do.
func take(line *handover.Line, cfg media.Config, pace pace) (left *legacy, err error) {
	left = &legacy{pace: pace, heritage: new(heritage), says: newSpeaker(line), hears: newReader(line), taking: media.Take(cfg, line)}
	defer func() {
		if err != nil {
			left.taking.Close()
			handover.Discard(left.descriptors)
		}
	}()
	if err := left.says.tell(kindReads, heritageVersion); err != nil {
		return left, err
	}
	if _, err := left.hears.expect(kindSpecimen, new(heritage)); err != nil {
		return left, err
	}
	if err := left.taking.Sockets(); err != nil {
		return left, err
	}
	if err := step("has sockets", line); err != nil {
		return left, err
	}
	growHeap(left.taking.Legs() * takenMemory)
	if err := left.says.tell(kindStop, nil); err != nil {
		return left, err
	}
	if err := left.taking.MoreSockets(); err != nil {
		return left, err
	}
	if left.descriptors, err = left.hears.expect(kindAffairs, &left.Affairs); err != nil {
		return left, fmt.Errorf("take the calls over: %w", err)
	}
	return left, nil
}

// takePlaces takes the rest but for the attendants, for which nobody hears anything: as little as can be is done between here and the end.
func (l *legacy) takePlaces() (err error) {
	defer l.taking.Close()
	if err := l.taking.Drafts(); err != nil {
		return err
	}
	l.pace.again()
	if err := l.says.tell(kindSilence, nil); err != nil {
		return err
	}
	if l.engine, l.legs, err = l.taking.State(); err != nil {
		return err
	}
	if err := step("has legs", l.says.line); err != nil {
		return err
	}
	if _, err := l.hears.expect(kindRooms, &l.Places); err != nil {
		return fmt.Errorf("take the rooms over: %w", err)
	}
	return nil
}

// takeOffice takes the last piece.
func (l *legacy) takeOffice() error {
	if _, err := l.hears.expect(kindOffice, &l.Places); err != nil {
		return fmt.Errorf("take the attendants over: %w", err)
	}
	return nil
}

// calls are those of the process before.
func (l *legacy) calls() *sip.Image {
	if l.heritage == nil {
		return nil
	}
	return &l.Affairs.Calls
}

// leg is the one that receives RTP there; nil: there is none.
func (l *legacy) leg(local netip.AddrPort) *media.Leg {
	if l.taking == nil {
		return nil
	}
	return l.taking.Leg(local)
}

// late is an engine that is there before anybody needs it.
type late struct{ server *server }

func (l late) Open(local netip.Addr) (*media.Leg, error) { return l.server.engine.Open(local) }
func (l late) Loop() *media.Loop                         { return l.server.engine.Loop() }
func (l late) Numbered(number int) *media.Loop           { return l.server.engine.Numbered(number) }
func (l late) Relief(from *media.Loop, legs int) *media.Loop {
	return l.server.engine.Relief(from, legs)
}

// restored finds a call of the process before by its ID, as whoever asks knows calls; nil: there is none.
func restored[T any](s *server) func(id string) T {
	return func(id string) (call T) {
		if c := s.before(id); c != nil {
			call, _ = any(c).(T)
		}
		return call
	}
}

// before is the call of that ID that the process before had, or was making: its sound may be heard before it is answered; nil: it is over.
func (s *server) before(id string) *sip.Call {
	if call := s.restored[id]; call != nil {
		return call
	}
	if b := s.inviter.before[id]; b != nil {
		select {
		case <-b.attempt.Done(): // nobody has answered
		default:
			return b.attempt.Call()
		}
	}
	return nil
}

// restore takes over what is left, and puts everybody where he was.
func (s *server) restore(cfg *Config, left *legacy) (err error) {
	if left.heritage == nil {
		return nil
	}
	if err := left.takePlaces(); err != nil {
		return err
	}
	s.engine = left.engine
	for _, call := range s.restored {
		if leg := call.Leg(); leg != nil && left.legs[leg.LocalAddr()] != leg {
			call.Hangup("no media") // it was being closed
		}
	}
	if s.people, err = s.rooms.Restore(&left.Places.Rooms, restored[rooms.Call](s), cfg.Recordings.goesOn); err != nil {
		return fmt.Errorf("restore the rooms: %w", err)
	}
	if err := left.takeOffice(); err != nil {
		return err
	}
	s.office.Restore(&left.Places.Office, restored[attendant.Call](s), func(id string) *rooms.Participant { return s.people[id] })
	s.rosters.restore(left.Affairs.Former)
	s.metrics.restore(left.Affairs.Counts)
	s.silent = left.Places.Still
	return nil
}

// resumeRestored has what was restored go on that nobody else sees to. When nothing was, it does nothing.
func (s *server) resumeRestored() {
	for id, call := range s.restored {
		if !call.Incoming() && s.people[id] == nil && !s.inviter.has(id) {
			call.Hangup("the room has ended while another process took over") // nobody else has this call
		}
	}
	for _, attempt := range s.ua.RestoredAttempts() {
		if !s.inviter.has(attempt.ID()) {
			attempt.Cancel("") // given up before
		}
	}
	for _, r := range s.ua.RestoredReferrals() {
		s.referring.Go(func() { // ends with the dial-out; Close waits
			r.SeeThrough(func() { s.referOn(untilClosed{context.Background(), s.ending}, r) })
		})
	}
}

// untilClosed is a context that is over when a channel is closed, and takes no goroutine for that.
type untilClosed struct {
	context.Context
	closed <-chan struct{}
}

func (u untilClosed) Done() <-chan struct{} { return u.closed }

func (u untilClosed) Err() error {
	select {
	case <-u.closed:
		return context.Canceled
	default:
		return nil
	}
}

// goOn has a call that the process before had brought into a room stay there until it is over; false: it had brought it into none yet.
func (s *server) goOn(ctx context.Context, call *sip.Call) bool {
	p := s.people[call.ID()]
	switch {
	case p != nil:
	case s.inviter.answers[call.ID()]: // he has picked up for another, and is the dialler's
		<-call.Done()
		return true
	default:
		return false
	}
	defer func() { p.LeaveWith(call.ID(), call.Reason()) }()
	if s.office.Continue(ctx, call, p) {
		return true
	}
	if room, _, expected := s.office.Whereabouts(call.ID()); expected { // he had just come in
		_, number := call.Caller()
		target, _ := s.plan.Route(call.Number(), number)
		s.office.Serve(ctx, call, p, room.Number, target.Group)
		return true
	}
	<-call.Done() // the line of another conference
	return true
}
