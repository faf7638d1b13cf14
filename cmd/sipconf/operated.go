package main

import (
	"context"
	"os"
	"time"

	"github.com/sipconf/sipconf/control"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/rooms"
)

// operated is a server as an operator sees it: a control.Operated.
type operated struct{ *server }

// Status is how it does.
func (o operated) Status() control.Status {
	inside, ticks, dialling := o.rooms.Stats(), o.engine.Stats(), o.dialer.Stats()
	s := control.Status{
		Version: ownVersion(), PID: os.Getpid(), Since: moment(o.began), Uptime: time.Since(o.began).Seconds(), Ending: o.monitor.draining.Load(),
		Rooms: inside.Rooms, Participants: inside.Seats, Calls: o.ua.Calls(), Recordings: inside.Recordings,
		Dialouts: dialling.Dials, DialoutsWaiting: dialling.Waiting,
		Ticks: ticks.Ticks, TicksLate: ticks.LateTicks, TicksSkipped: ticks.Skipped, Panics: o.panics(),
	}
	for _, l := range o.listeners {
		s.Listeners = append(s.Listeners, l.String())
	}
	for _, t := range dialling.Trunks {
		s.Trunks = append(s.Trunks, trunkSeen(t))
	}
	for _, l := range o.links.Status() {
		s.Links++
		if l.State == links.Up || l.State == links.Met {
			s.LinksUp++
		}
	}
	return s
}

func trunkSeen(t dialout.TrunkStats) control.Trunk {
	seen := control.Trunk{
		Name: t.Name, Up: t.Up, Since: moment(t.Since), Calls: t.Calls, MaxCalls: t.MaxCalls, Today: t.Today, MaxDaily: t.MaxDaily,
		Attempts: t.Attempts, Answered: t.Answered, Failovers: t.Failovers, LastError: t.LastError,
	}
	if t.Rests.After(time.Now()) {
		seen.Rests = moment(t.Rests)
	}
	return seen
}

// Rooms are those that exist.
func (o operated) Rooms() []control.Room {
	var all []control.Room
	for _, shot := range o.rooms.Snapshot() {
		room := control.Room{
			Room: shot.Number, Since: moment(shot.Since), Silenced: shot.Silenced, Locked: o.rooms.Locked(shot.Number),
		}
		if rec := o.rooms.Recording(shot.Number); rec != nil {
			room.Recording = rec.State().File
		}
		for _, p := range shot.Participants {
			room.Participants = append(room.Participants, participantSeen(p))
		}
		all = append(all, room)
	}
	return all
}

func participantSeen(p rooms.ParticipantSnapshot) control.Participant {
	seen := control.Participant{
		Call: p.ID, Name: p.Name, Number: p.Number, Since: moment(p.Since), Role: control.RoleParticipant, State: control.StateIn,
		Muted: p.Muted, Silenced: p.Silenced, Deaf: p.Deaf, Held: p.Held, Talking: p.Talking, Level: p.Level, Codec: p.Codec,
		Lost: p.Stats.Lost, Jitter: p.Stats.Jitter.Seconds(), PeerLost: p.Stats.PeerLost, Trip: p.Stats.RoundTrip.Round(10 * time.Microsecond).Seconds(),
	}
	switch {
	case p.Link:
		seen.Role = control.RoleLink
	case p.Host:
		seen.Role = control.RoleHost
	}
	switch {
	case p.Waiting:
		seen.State = control.StateWaiting
	case p.Aside:
		seen.State = control.StateAside
	}
	return seen
}

// Links are those of the configuration.
func (o operated) Links() (all []control.Link) {
	for _, l := range o.links.Status() {
		all = append(all, linkSeen(l))
	}
	return all
}

func linkSeen(l links.Status) control.Link {
	return control.Link{
		Room: l.Room, Number: l.Number, Trunk: l.Trunk, Line: l.Line, State: l.State.String(), Since: moment(l.Since), Until: moment(l.Until),
		Cause: l.Cause, Call: l.Call, Attempts: l.Attempts, Connected: l.Connected, Lost: l.Lost,
	}
}

// Kick hangs up a call that is in a room.
func (o operated) Kick(room, call string) (again bool) {
	o.log.Info("the operator hangs up a call", "room", room, "call", call)
	return o.rooms.Dismiss(room, call, "removed by the operator")
}

// Silence keeps a room from hearing a call, or lets it hear it again.
func (o operated) Silence(room, call string, silent bool) (control.Silenced, bool) {
	was, muted, ok := o.office.Silence(room, call, silent)
	if ok && was != silent {
		o.log.Info("the operator mutes a call, or lets it be heard", "room", room, "call", call, "muted", silent)
	}
	return control.Silenced{Already: was == silent, Muted: muted}, ok
}

// Upgrade has another process take over.
func (o operated) Upgrade(wait bool) (control.Upgraded, error) {
	if wait {
		return o.upgrade(context.Background())
	}
	if err := o.own.stays(); err != nil {
		return control.Upgraded{From: ownVersion()}, err
	}
	go o.upgrade(context.Background()) // ends with the new process or within upgradeTime; serve waits for it
	return control.Upgraded{From: ownVersion(), Calls: o.ua.Calls()}, nil
}

// Drain ends the server with its last call.
func (o operated) Drain(within time.Duration) control.Draining { return o.drain(within) }

// panics are all that were survived.
func (s *server) panics() uint64 {
	return s.engine.Stats().Panics + s.ua.Counters.Panics.Load() + s.rooms.Stats().Panics + s.office.Panics() + s.dialer.Stats().Panics +
		s.links.Panics() + s.door.Panics() + s.managers.panicked.Load() + s.panicked.Load()
}

// moment is a time as it is shown: in UTC, to the millisecond.
func moment(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Millisecond)
}
