package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/sipconf/sipconf/attendant"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/sip"
)

// Whoever sends a REFER to a room (RFC 4579 section 5) asks it to call somebody, to take a call over, or to send somebody away.

// The outcomes by which REFERs are counted.
const (
	referralDone    = "done"
	referralFailed  = "failed"
	referralRefused = "refused"
)

// refer does what a REFER asks for.
func (s *server) refer(ctx context.Context, r *sip.Referral) {
	<-s.wired
	f, call, ok := s.referralOf(ctx, r)
	if !ok {
		f.refuse(404, "No Such Conference")
		return
	}
	switch {
	case f.who != nil && f.who.Link:
		f.refuse(403, "Not From Another Conference") // what is asked for over there is nobody's command
	case f.who != nil && f.who.Waiting, call != "" && s.office.Outside(call):
		f.refuse(403, "Not In The Conference") // he has yet to be let in himself
	case r.To.Method == "BYE" && r.To.Replaces == "":
		f.remove()
	case r.To.Method == "INVITE":
		f.invite(ctx)
	default:
		f.refuse(403, "Only INVITE And BYE")
	}
}

// referralOf finds out about whom and which conference it is; false: there is no such conference. call is the ID of the call in which it has come; empty:
// it has come in none.
func (s *server) referralOf(ctx context.Context, r *sip.Referral) (f *referral, call string, ok bool) {
	f = &referral{Referral: r, server: s, caller: r.Caller.Number}
	if c := r.Call(); c != nil {
		_, f.caller = c.Caller() // who he was when he came, or was renamed to; a REFER says only whose dialog it is
		call = c.ID()
		s.office.Await(ctx, call)
	}
	f.log = s.log.With("call", r.ID(), "from", f.caller, "to", r.To.URI, "referred_by", r.ReferredBy)
	room, ok := s.conferenceOf(call, r.Number, f.caller)
	if !ok {
		return f, call, false
	}
	f.room, f.log = room, f.log.With("room", room.Number)
	f.shot, _ = s.rooms.Look(room.Number)
	if at := slices.IndexFunc(f.shot.Participants, func(p rooms.ParticipantSnapshot) bool { return p.ID == call }); call != "" && at >= 0 {
		f.who = &f.shot.Participants[at]
	}
	return f, call, true
}

// referOn carries out what the process before has accepted, and not ended, from where it was.
func (s *server) referOn(ctx context.Context, r *sip.Referral) {
	f, _, ok := s.referralOf(ctx, r)
	if r.To.Method == "BYE" {
		f.removed(f.meant())
		return
	}
	begun := r.Final() != 0
	if !begun {
		_, begun = s.office.BringOn(ctx, f.asker())
	}
	switch {
	case begun:
		f.leave()
	case !ok:
		f.end(487, "Request Terminated", "why", "the conference has ended while another process took over")
	default: // nothing was sent
		f.bring(ctx, f.request())
	}
}

// conferenceOf is the conference that somebody means: that in which his call is, else the one under a number; false: there is none.
func (s *server) conferenceOf(call, number, caller string) (dialout.Room, bool) {
	<-s.wired
	if call != "" {
		if room, _, ok := s.office.Whereabouts(call); ok {
			return room, true
		}
	}
	target, ok := s.plan.Route(number, caller)
	if !ok {
		return dialout.Room{}, false
	}
	incarnation, exists := s.rooms.Incarnation(target.Room)
	return dialout.Room{Number: target.Room, Incarnation: incarnation}, exists
}

// referral is a REFER that is being seen to.
type referral struct {
	*sip.Referral
	server *server
	log    *slog.Logger
	caller string       // the number of who asks
	room   dialout.Room // to which it was sent
	shot   rooms.RoomSnapshot
	who    *rooms.ParticipantSnapshot // who asks, if he does it in his call with the room; nil: from outside
}

func (f *referral) refuse(code int, reason string) {
	f.server.metrics.referrals.WithLabelValues(referralRefused).Inc()
	f.log.Info("REFER refused", "status", code, "reason", reason)
	f.Refuse(code, reason)
}

// end says how it has ended.
func (f *referral) end(code int, reason string, why ...any) {
	outcome := referralDone
	if code >= 300 {
		outcome = referralFailed
	}
	f.server.metrics.referrals.WithLabelValues(outcome).Inc()
	f.log.Info("REFER", append([]any{"status", code, "reason", reason}, why...)...)
	f.Finish(code, reason)
}

// invite calls somebody into the room, by the dialler and its rules; or takes over the call that somebody is on with another. Where it has
// come in the dialog of somebody who does not know what a conference is, a PBX whose dialplan transfers him, he is to be replaced by the one
// who is called: he goes when that one is in, and stays if nobody comes.
func (f *referral) invite(ctx context.Context) {
	s, req := f.server, f.request()
	if f.who == nil && s.rooms.Locked(f.room.Number) {
		f.refuse(403, "Room Locked") // as his call would be
		return
	}
	if len(s.trunks) == 0 {
		f.refuse(403, "There Is No Trunk")
		return
	}
	if _, cause := s.dialer.Rules().Check(req.Number); cause != "" {
		f.refuse(403, "Not Allowed: "+string(cause))
		return
	}
	if f.Accept() {
		f.bring(ctx, req)
	}
}

// request is the dial-out that it asks for.
func (f *referral) request() dialout.Request {
	req := dialout.Request{Room: f.room, Caller: f.caller, Number: f.To.Number, Trunk: f.server.trunkAt(f.To.URI), Replaces: f.To.Replaces, Absent: f.who == nil}
	if req.Replaces != "" {
		req.Policy = dialout.Straight // he is talking to somebody who wants him here
		if req.Number == "" {
			req.Number = f.caller // a PBX finds the call by its dialog, and wants some number that it knows
		}
	}
	req.Moves = f.who != nil && req.Replaces == "" && !f.Confers
	return req
}

// bring brings him in, says how that has ended, and hangs up whom he replaces.
func (f *referral) bring(ctx context.Context, req dialout.Request) {
	f.server.office.Bring(ctx, req, f.asker())
	f.leave()
}

// asker is who asks, for the office. A second REFER of his for the same one is refused while the first is seen to, for that number is dialled already.
func (f *referral) asker() attendant.Asker {
	return attendant.Asker{
		ID: strings.Join([]string{f.ID(), f.To.URI, f.To.Replaces}, " "),
		Watch: func(c dialout.Change) {
			if c.State == dialout.Ringing {
				f.Progress(180, "Ringing")
			}
		},
		Told: func(outcome dialout.Outcome) {
			code, reason := sipStatus(outcome)
			f.end(code, reason, "outcome", outcome.String(), "moves", f.moves(code))
		},
	}
}

// moves says whether he who asks is hung up when it has ended with that status: he has meant to be replaced.
func (f *referral) moves(code int) bool {
	return code == 200 && f.Call() != nil && f.To.Replaces == "" && !f.Confers
}

// leave hangs up whom the one replaces who has come. He may do so himself: in Asterisk the news and our BYE take different ways to the channel, and a BYE that
// is there first has its dialplan know of no success.
func (f *referral) leave() {
	if f.moves(f.Final()) {
		f.awaitTold()
		f.Call().Release("transferred", ownBye)
	}
}

const (
	lastNotify = 2 * time.Second        // how long somebody has to answer that he was moved, or removed, before he is hung up
	ownBye     = 500 * time.Millisecond // and then, to hang up himself when he was moved
)

// awaitTold waits until he who has asked knows how it has ended.
func (f *referral) awaitTold() {
	late := time.NewTimer(lastNotify)
	defer late.Stop()
	select {
	case <-f.Told():
	case <-late.C:
	}
}

// byHost says whether a host asks. In a call that is one who is a host in the room: what the far side of a call that we have made says it is
// gives no rights. Outside of a call it is told by the number.
func (f *referral) byHost() bool {
	if f.Call() != nil {
		return f.who != nil && f.who.Host
	}
	return f.server.isHost(f.caller) ||
		slices.ContainsFunc(f.shot.Participants, func(p rooms.ParticipantSnapshot) bool { return p.Host && p.Number == f.caller })
}

// meant are the calls that are to be removed: one, if the URI has the name that it has in our rosters; else those of the number. All are
// meant by the number of the room, unless somebody there has it as his own: a room may have the number of who has opened it.
func (f *referral) meant() (out []string) {
	key, endpoint := f.server.dialer.Rules().Key, endpointIn(f.To.URI)
	var all []string
	own := false
	for _, p := range f.shot.Participants {
		if p.Link {
			continue
		}
		his := p.Number != "" && key(p.Number) == key(f.To.Number)
		own = own || his
		if p.Waiting {
			continue
		}
		all = append(all, p.ID)
		if endpoint != "" && endpoint == endpointID(p.ID) || endpoint == "" && his {
			out = append(out, p.ID)
		}
	}
	if endpoint == "" && !own && f.To.Number == f.room.Number {
		return all
	}
	return out
}

// remove sends somebody away, or all, if the room itself is meant. That is for hosts.
func (f *referral) remove() {
	if !f.byHost() {
		f.refuse(403, "Only For Hosts")
		return
	}
	out := f.meant()
	if len(out) == 0 || f.shot.Incarnation != f.room.Incarnation {
		f.refuse(404, "Not In The Conference")
		return
	}
	if f.Accept() {
		f.removed(out)
	}
}

// removed sends those calls away.
func (f *referral) removed(out []string) {
	s := f.server
	if f.Final() == 0 {
		f.end(200, "OK", "removed", len(out))
	}
	own := false
	for _, call := range out {
		if f.Call() != nil && call == f.Call().ID() {
			own = true
			continue
		}
		s.rooms.Dismiss(f.room.Number, call, attendant.Removed)
	}
	if own { // he is told first
		f.awaitTold()
		s.rooms.Dismiss(f.room.Number, f.Call().ID(), attendant.Removed)
	}
}

// endpointIn is the parameter by which our rosters tell the telephones of one user apart; empty: there is none.
func endpointIn(uri string) string {
	_, params, _ := strings.Cut(uri, ";")
	for param := range strings.SplitSeq(params, ";") {
		if id, ok := strings.CutPrefix(param, "gr="); ok {
			return id
		}
	}
	return ""
}

// trunkAt is the name of the trunk that a URI leads to; empty: to none, and then its host says nothing.
func (s *server) trunkAt(uri string) string {
	for i := range s.trunks {
		if own, err := trunkURI("", &s.trunks[i]); err == nil && sip.SameHost(own, uri) {
			return s.trunks[i].Name
		}
	}
	return ""
}

// sipStatus is how an INVITE has ended, for who has asked for it.
func sipStatus(o dialout.Outcome) (code int, reason string) {
	switch o.State {
	case dialout.In:
		return 200, "OK"
	case dialout.Busy:
		return 486, "Busy Here"
	case dialout.Declined, dialout.NoAccept:
		return 603, "Decline"
	case dialout.NoAnswer:
		return 480, "Temporarily Unavailable"
	case dialout.Unreachable:
		return 408, "Request Timeout"
	case dialout.Cancelled:
		return 487, "Request Terminated"
	}
	switch o.Cause {
	case dialout.NotAllowed, dialout.Loop, dialout.RoomDaily, dialout.CallerDaily, dialout.TrunkDaily:
		return 403, "Forbidden"
	case dialout.BadNumber, dialout.TooLong, dialout.NoTrunk:
		return 404, "Not Found"
	case dialout.AlreadyIn, dialout.AlreadyCalled, dialout.RoomFull, dialout.RoomAtOnce, dialout.CallerAtOnce:
		return 486, "Busy Here"
	case dialout.NoLine, dialout.TrunkDown, dialout.Congestion, dialout.ShuttingDown:
		return 503, "Service Unavailable"
	}
	if o.Code >= 300 && o.Code < 700 {
		return o.Code, "Refused"
	}
	return 500, "Server Internal Error"
}
