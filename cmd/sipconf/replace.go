package main

import (
	"context"
	"log/slog"

	"github.com/sipconf/sipconf/rooms/plan"
	"github.com/sipconf/sipconf/sip"
)

// replace is what happens to a call that is to take the place of another (RFC 3891): it comes into the room where that one is, wherever
// the number leads that it was sent to. If it cannot, the other one goes on.
func (s *server) replace(ctx context.Context, call, old *sip.Call) {
	name, number := call.Caller()
	log := s.log.With("call", call.ID(), "before", old.ID(), "name", name, "number", number)
	if s.ringing.rings(old.ID()) {
		s.pickUp(ctx, call, old, log)
		return
	}
	s.office.Await(ctx, old.ID())
	place, ok := s.office.Succeed(old.ID())
	if !ok {
		s.count(outcomeNoPlace)
		log.Info("a call cannot take the place of another: that one is in no room, or not yet, or is being replaced already")
		call.Reject(480, "Temporarily Unavailable")
		return
	}
	defer place.Release()
	defer s.office.Expect(call.ID(), place)()
	s.setFocus(call, plan.Target{Room: place.Room()})
	if !s.accept(ctx, call, log) {
		return
	}
	if !place.Serve(ctx, call) {
		log.Info("the call whose place another was to take has ended meanwhile", "room", place.Room())
	}
}

// pickUp has a call answer one of ours that still rings somewhere else. Then it is the dialler's.
func (s *server) pickUp(ctx context.Context, call, old *sip.Call, log *slog.Logger) {
	if !s.accept(ctx, call, log) {
		return
	}
	if !s.ringing.pickUp(old.ID(), call) {
		log.Info("the call that another was to answer has been answered, or is over")
		return
	}
	<-call.Done()
}

// accept answers a call that takes the place of another.
func (s *server) accept(ctx context.Context, call *sip.Call, log *slog.Logger) bool {
	if err := call.Answer(ctx); err != nil {
		s.count(outcomeUnanswered)
		log.Log(ctx, unansweredLevel(err), "a call that is to take the place of another was not answered", "err", err)
		return false
	}
	s.count(outcomeReplaced)
	return true
}
