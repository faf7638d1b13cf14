package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sipconf/sipconf/attendant"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/rooms/roster"
	"github.com/sipconf/sipconf/sip"
)

// rosters tell telephones who is in the rooms and who is being called there (the event package conference), and light their lamps (the event
// package dialog).
type rosters struct {
	server *server
	title  string // of a room, with ${ROOM}
	most   int    // people in a room

	mu     sync.Mutex
	former map[dialout.Room][]formerly
}

// formerly is somebody who has left, or could not be reached. He is shown for a while, so that one sees why he is not there.
type formerly struct {
	roster.User
	number string
	at     time.Time
}

const (
	formerTime = 10 * time.Second
	mostFormer = 50 // of one room
)

// The event packages.
const (
	conferenceEvent = "conference"
	dialogEvent     = "dialog"
)

func newRosters(s *server, cfg *Config) *rosters {
	return &rosters{server: s, title: cfg.Dialout.Name, most: cfg.Rooms.MaxParticipants, former: make(map[dialout.Room][]formerly)}
}

// packages are what they serve.
func (b *rosters) packages() []sip.Package {
	return []sip.Package{
		{Event: conferenceEvent, Type: roster.ConferenceType, Admits: b.admits, Find: b.findConference, Document: b.conference},
		{Event: dialogEvent, Type: roster.LampType, Find: b.findLamp, Document: b.lamp, Lasting: true},
	}
}

// admits says whether somebody may be told of a conference: in his call, if he is in the room, which the far side of a link never is; outside of
// one, if he could call it.
func (b *rosters) admits(who sip.Subscriber) bool {
	<-b.server.wired
	if who.Call != "" {
		_, _, served := b.server.office.Whereabouts(who.Call)
		return served && !b.server.office.Outside(who.Call)
	}
	room, exists := b.server.conferenceOf("", who.Number, who.Caller.Number)
	return !exists || !b.server.rooms.Locked(room.Number)
}

// findConference finds the conference that somebody wants to be told of: that in which his call is, or the one under the number that he has
// asked.
func (b *rosters) findConference(who sip.Subscriber) (resource string, exists bool) {
	room, exists := b.server.conferenceOf(who.Call, who.Number, who.Caller.Number)
	return conferenceKey(room), exists
}

// findLamp finds the room of a lamp, which need not be there yet.
func (b *rosters) findLamp(who sip.Subscriber) (resource string, exists bool) {
	target, ok := b.server.plan.Route(who.Number, who.Caller.Number)
	return target.Room, ok && !target.Factory
}

// conferenceKey names a conference for package sip.
func conferenceKey(room dialout.Room) string {
	return room.Number + " " + strconv.FormatUint(room.Incarnation, 10)
}

// conferenceNamed is the conference of that key.
func conferenceNamed(key string) (room dialout.Room) {
	number, incarnation, _ := strings.Cut(key, " ")
	room.Number = number
	room.Incarnation, _ = strconv.ParseUint(incarnation, 10, 64)
	return room
}

// conference writes who is in a conference.
func (b *rosters) conference(q sip.Inquiry) (document []byte, exists bool) {
	s, room := b.server, conferenceNamed(q.Resource)
	shot, ok := s.rooms.Look(room.Number)
	if !ok || shot.Incarnation != room.Incarnation {
		return nil, false
	}
	v := view{
		shot: shot, underway: s.dialer.Underway(room), groups: s.called.States(room), former: b.formerIn(room), key: s.dialer.Rules().Key,
		called: func(call string) bool {
			_, dialled, _ := s.office.Whereabouts(call)
			return dialled != ""
		},
		uri: func(number string) string { return uriBeside(number, q.Focus) },
	}
	c := roster.Conference{
		URI: q.Focus, Name: strings.ReplaceAll(b.title, roomVariable, room.Number), Version: q.Version,
		Most: b.most, Locked: s.rooms.Locked(room.Number), Users: v.users(),
	}
	return c.Document(q.Most), true
}

// uriBeside is the URI of a number on the host of another URI.
func uriBeside(number, focus string) string {
	_, host, _ := strings.Cut(focus, "@")
	host, _, _ = strings.Cut(host, ";")
	uri, err := sip.NumberAt(number, "sip:"+host, "")
	if err != nil {
		return focus // it is no number; and cannot be
	}
	return uri
}

// lamp writes whether anybody is in a room.
func (b *rosters) lamp(q sip.Inquiry) (document []byte, exists bool) {
	l := roster.Lamp{URI: q.Focus, ID: q.Resource, Version: q.Version - 1} // RFC 4235 section 4.1.1: the first has 0
	l.Lit = len(b.server.numbersIn(q.Resource)) > 0
	return l.Document(), true
}

// hear takes note of what has happened in a room, and has it told.
func (b *rosters) hear(e rooms.Event) {
	room, ua := dialout.Room{Number: e.Room, Incarnation: e.Incarnation}, b.server.ua
	switch e.Kind {
	case rooms.Left:
		ended := roster.Departed
		if e.Reason == attendant.Removed {
			ended = roster.Booted
			ua.Expelled(conferenceEvent, conferenceKey(room), e.Call)
		}
		b.remember(room, e.Number, roster.User{Name: e.Name, Endpoint: roster.Endpoint{ID: endpointID(e.Call), Status: roster.Disconnected, Ended: ended}})
	case rooms.Deserted, rooms.RoomGone:
		b.mu.Lock()
		delete(b.former, room)
		b.mu.Unlock()
		ua.Gone(conferenceEvent, conferenceKey(room))
		ua.Changed(dialogEvent, room.Number)
		return
	case rooms.Joined:
	case rooms.Renamed, rooms.Changed, rooms.Replaced:
		ua.Changed(conferenceEvent, conferenceKey(room))
		return
	default:
		return
	}
	ua.Changed(conferenceEvent, conferenceKey(room))
	ua.Changed(dialogEvent, room.Number)
}

// dialled takes note of how far somebody has come who is called. Who has answered is told of when he is in.
func (b *rosters) dialled(c dialout.Calling) {
	switch {
	case c.State == dialout.Answered:
		return
	case !c.State.UnderWay():
		b.remember(c.Room, c.Number, roster.User{Endpoint: missing(c.Outcome)})
	}
	b.server.ua.Changed(conferenceEvent, conferenceKey(c.Room))
}

// remember shows somebody for a while who is not there.
func (b *rosters) remember(room dialout.Room, number string, who roster.User) {
	if now, exists := b.server.rooms.Incarnation(room.Number); !exists || now != room.Incarnation {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.former[room]
	b.former[room] = append(list[max(0, len(list)-mostFormer+1):len(list):len(list)], formerly{who, number, time.Now()})
	time.AfterFunc(formerTime, func() { b.forget(room) })
}

// forget forgets those who have been shown for long enough.
func (b *rosters) forget(room dialout.Room) {
	b.mu.Lock()
	list := b.former[room]
	for len(list) > 0 && time.Since(list[0].at) >= formerTime {
		list = list[1:]
	}
	if b.former[room] = list; len(list) == 0 {
		delete(b.former, room)
	}
	b.mu.Unlock()
	b.server.ua.Changed(conferenceEvent, conferenceKey(room))
}

// formerImage is somebody who has left a conference, written down.
type formerImage struct {
	Room   dialout.Room
	User   roster.User
	Number string
	At     time.Time
}

// save writes down who is shown although he is not there.
func (b *rosters) save() (all []formerImage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for room, list := range b.former {
		for _, f := range list {
			all = append(all, formerImage{room, f.User, f.number, f.at})
		}
	}
	return all
}

// restore shows them again, for as long as is left of it.
func (b *rosters) restore(all []formerImage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range all {
		b.former[f.Room] = append(b.former[f.Room], formerly{f.User, f.Number, f.At})
		time.AfterFunc(time.Until(f.At.Add(formerTime)), func() { b.forget(f.Room) })
	}
}

// formerIn are those who are shown in a room although they are not there.
func (b *rosters) formerIn(room dialout.Room) []formerly {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.former[room]
}

// endpointID tells the telephones of one number apart, without giving away their Call-IDs.
func endpointID(call string) string {
	sum := sha256.Sum256([]byte(call))
	return hex.EncodeToString(sum[:8])
}

// view is what a roster is made from.
type view struct {
	shot     rooms.RoomSnapshot
	underway []dialout.Calling
	groups   []dialout.GroupState
	former   []formerly
	called   func(call string) bool // whether the call was made by us
	key      func(number string) dialout.Key
	uri      func(number string) string

	list    []roster.User
	shown   map[dialout.Key]bool
	ringing map[dialout.Key]bool // who is being called
	names   map[dialout.Key]string
}

// users are those who are there, those who are called, those of the groups who are missing, and who is not there any more. Nobody is shown
// twice, unless he is there twice.
func (v *view) users() []roster.User {
	v.shown, v.ringing, v.names = make(map[dialout.Key]bool), make(map[dialout.Key]bool), make(map[dialout.Key]string)
	for _, c := range v.underway {
		v.ringing[v.key(c.Number)] = true
	}
	for _, g := range v.groups {
		for _, m := range g.Members {
			for _, number := range m.Numbers() {
				v.names[v.key(number)] = m.Name
			}
		}
	}
	for i := range v.shot.Participants {
		v.participant(&v.shot.Participants[i])
	}
	for _, c := range v.underway {
		v.add(c.Number, roster.User{Name: v.names[v.key(c.Number)], Endpoint: underway(c.State)})
	}
	for _, g := range v.groups {
		for _, m := range g.Members {
			v.member(m)
		}
	}
	for _, f := range v.former {
		v.add(f.number, f.User)
	}
	return v.list
}

// participant shows somebody who is in the room or in its ante-room. Who is heard there before he has answered is still being called.
func (v *view) participant(p *rooms.ParticipantSnapshot) {
	key := v.key(p.Number)
	if p.Waiting && v.ringing[key] {
		return
	}
	v.shown[key] = true
	uri := fmt.Sprintf("sip:anonymous-%s@anonymous.invalid", endpointID(p.ID)) // RFC 4575 section 5.6.1
	if p.Number != "" {
		uri = v.uri(p.Number)
	}
	v.list = append(v.list, roster.User{URI: uri, Name: p.Name, Host: p.Host, Line: p.Link, Endpoint: roster.Endpoint{ID: endpointID(p.ID), Status: statusOf(p), Called: v.called(p.ID)}})
}

// add shows somebody who is not in the room, unless he is shown already.
func (v *view) add(number string, u roster.User) {
	key := v.key(number)
	if number == "" || v.shown[key] {
		return
	}
	v.shown[key] = true
	u.URI = v.uri(number)
	v.list = append(v.list, u)
}

// member shows a member of a group who is missing, by his first number.
func (v *view) member(m dialout.MemberState) {
	for _, number := range m.Numbers() {
		if v.shown[v.key(number)] {
			return
		}
	}
	switch {
	case m.State == dialout.NotCalled, m.State == dialout.In, m.State == dialout.Answered:
	case m.State.UnderWay():
		v.add(m.First(), roster.User{Name: m.Name, Endpoint: underway(m.State)})
	default:
		v.add(m.First(), roster.User{Name: m.Name, Endpoint: missing(m.Outcome)})
	}
}

// statusOf is how a participant is there.
func statusOf(p *rooms.ParticipantSnapshot) roster.Status {
	switch {
	case p.Waiting:
		return roster.Pending
	case p.Held:
		return roster.OnHold
	case p.Muted, p.Silenced, p.Aside:
		return roster.Muted
	}
	return roster.Connected
}

// underway is somebody who is being called.
func underway(s dialout.State) roster.Endpoint {
	if s == dialout.Ringing {
		return roster.Endpoint{Status: roster.Alerting}
	}
	return roster.Endpoint{Status: roster.DialingOut}
}

// missing is somebody who was called and is not there.
func missing(o dialout.Outcome) roster.Endpoint {
	e := roster.Endpoint{Status: roster.Disconnected, Ended: roster.Failed, Why: o.String()}
	switch o.State {
	case dialout.Busy:
		e.Ended, e.Why = roster.Busy, ""
	case dialout.Left:
		e.Ended, e.Why = roster.Departed, ""
	}
	return e
}
