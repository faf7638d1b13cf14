package main

import (
	"context"
	"errors"

	"github.com/sipconf/sipconf/attendant"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/groups"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/rooms/menu"
)

// openOffice makes what serves those who are in the rooms and brings others in: prompts, dialler, groups and office. It
// begins to probe the trunks; all else stands still until start.
func (s *server) openOffice(cfg *Config, left *legacy) error {
	said, log := s.said, s.log
	dialling := cfg.dialling()
	s.inviter = &inviter{ua: s.ua, name: cfg.Dialout.Name, ending: s.ending, reads: s.reads, ringing: &s.ringing,
		dialable: func(room string) string { return dialable(s.plan, room, "") }}
	dialling.Inviter, dialling.Present, dialling.Log = s.inviter, s.numbersIn, log
	dialling.Reserve, dialling.OnChange = s.reserve, s.rosters.dialled
	will := left.heritage
	if will != nil {
		dialling.Saved, dialling.Call = &will.Affairs.Dialer, restored[dialout.Call](s)
		s.inviter.takeUp(will.Affairs.Dialer.Dials)
	}
	var err error
	if s.dialer, err = dialout.New(dialling); err != nil {
		return err
	}
	called := dialout.GroupsConfig{
		Dialer: s.dialer, Store: groupLists{s.groups, s.metrics},
		Receive: func(ctx context.Context, guest dialout.Guest) dialout.State { return s.office.Receive(ctx, guest) },
		Ring:    cfg.Groups.Ring, NextAfter: cfg.Groups.NextAfter, Wait: cfg.Groups.Wait, EndsWithCaller: cfg.Groups.EndsWithCaller,
		OnChange: s.metrics.memberChanged, Log: log,
	}
	if will != nil {
		called.Saved = &will.Affairs.Groups
	}
	s.called = dialout.NewGroups(called)
	participant, err := menu.New(cfg.Menus.Participant)
	if err != nil {
		return err
	}
	host, err := menu.New(cfg.Menus.Host)
	if err != nil {
		return err
	}
	oc := attendant.Config{
		Rooms: s.rooms, Prompts: said, Groups: s.called, Menu: participant, Host: host,
		Hosts: s.isHost, Language: cfg.Prompts.languageFor(), Announce: cfg.Rooms.Announce,
		Tape: cfg.Recordings.tapes(), ReleaseUnknown: cfg.Groups.Unknown == groupRelease,
		MaxDigits: cfg.Dialout.Rules.MaxDigits, First: cfg.Menus.DialTone, Pause: cfg.Menus.Pause, Accept: cfg.Dialout.Accept, Log: log,
	}
	if len(cfg.Trunks) > 0 {
		oc.Dialer = s.dialer
	}
	s.office = attendant.New(oc)
	lines := links.Config{Links: cfg.Links, Lines: cfg.Lines, Dialer: s.dialer, Connect: s.office.Connect, Tell: s.office.TellLine, Log: log}
	if will != nil {
		lines.Saved, lines.Call = &will.Affairs.Links, restored[links.Call](s)
	}
	s.links = links.New(lines)
	return nil
}

// closeOffice calls nobody any more, and gives up whom it is calling.
func (s *server) closeOffice() {
	s.end()
	s.called.Close()
	s.dialer.Close() // before the links, which else would wait for the far sides that they are leaving
	s.links.Close()
}

// numbersIn are the numbers of the people who are in a room. A link's is not among them: it is the line's, behind which anybody may be, and that the
// line is not dialled a second time is seen to by the claim that its call holds.
func (s *server) numbersIn(room string) (numbers []string) {
	shot, _ := s.rooms.Look(room)
	for _, p := range shot.Participants {
		if !p.Waiting && !p.Link {
			numbers = append(numbers, p.Number)
		}
	}
	return numbers
}

// reserve keeps a seat for somebody who is to be called.
func (s *server) reserve(room dialout.Room, whose dialout.Sitter) (dialout.Seat, error) {
	reserve := s.rooms.ReserveInvited
	switch whose {
	case dialout.Line:
		reserve = s.rooms.ReserveLink
	case dialout.Successor:
		reserve = s.rooms.ReserveSuccessor
	}
	seat, err := reserve(room.Number, room.Incarnation)
	switch {
	case errors.Is(err, rooms.ErrDeserted), errors.Is(err, rooms.ErrClosed):
		return nil, dialout.ErrRoomEnded
	case err != nil:
		return nil, err
	}
	return seat, nil
}

// hostsOf makes the function that says who is a host.
func hostsOf(patterns []string) func(number string) bool {
	return func(number string) bool { return matchesAny(patterns, number) }
}

// groupLists is the store of the groups in the words of package dialout.
type groupLists struct {
	groups.Store
	metrics *metrics
}

// Members is who is in a group.
func (l groupLists) Members(ctx context.Context, group string) ([]dialout.Member, error) {
	list, err := l.Store.Members(ctx, group)
	if ctx.Err() == nil { // else whoever asked has hung up, and that says nothing of the store
		l.metrics.lookups.WithLabelValues(lookupOutcome(err)).Inc()
	}
	switch {
	case errors.Is(err, groups.ErrUnknown):
		return nil, dialout.ErrNoGroup
	case err != nil:
		return nil, err
	}
	members := make([]dialout.Member, len(list))
	for i, m := range list {
		members[i] = dialout.Member(m)
	}
	return members, nil
}

// lookupOutcome is what a lookup is counted as.
func lookupOutcome(err error) string {
	switch {
	case err == nil:
		return lookupGood
	case errors.Is(err, groups.ErrUnknown):
		return lookupUnknown
	case errors.Is(err, context.DeadlineExceeded):
		return lookupSlow
	}
	return lookupFailed
}

// hear takes what happens in the rooms to the office, and to the telephones that watch them.
func (s *server) hear(e rooms.Event) {
	<-s.wired
	s.office.Hear(e)
	s.rosters.hear(e)
}
