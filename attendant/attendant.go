package attendant

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/rooms/menu"
)

// Call is what an attendant needs of a call; *sip.Call is one.
type Call interface {
	rooms.Call
	Renamed() <-chan struct{} // receives when Caller may have changed
}

// attendant serves one participant.  All of it belongs to the goroutine that serves; only keys is written by others.
type attendant struct {
	office *Office
	call   Call
	p      *rooms.Participant
	room   string
	number string
	host   bool
	lang   string
	log    *slog.Logger
	keys   chan byte

	typed    menu.State
	muted    bool
	silenced atomic.Bool // by a host
	talks    bool        // aside with the guest invited last
	invited  *guest      // last; nil: nobody
}

// mostKeys is how many keys wait for an attendant who is busy.
const mostKeys = 32

// Serve serves the participant until his call is over.  group, unless it is empty, is called together for him first.
func (o *Office) Serve(ctx context.Context, call Call, p *rooms.Participant, room, group string) {
	a := o.hire(call, p, room)
	a.host = a.host || group != ""
	o.enrol(a)
	defer o.dismiss(a)
	if group != "" {
		a.callGroup(ctx, group)
	}
	a.serve(ctx)
}

func (o *Office) hire(call Call, p *rooms.Participant, room string) *attendant {
	_, number := call.Caller()
	return &attendant{office: o, call: call, p: p, room: room, number: number, host: o.cfg.Hosts(number), lang: o.cfg.Language(number),
		log: o.cfg.Log.With("call", call.ID(), "room", room), keys: make(chan byte, mostKeys)}
}

// serve carries out what is asked for, one thing after the other.
func (a *attendant) serve(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	pause.Stop()
	for {
		select {
		case <-a.call.Done():
			return
		case <-a.call.Renamed():
			name, number := a.call.Caller()
			a.number = number
			a.p.Rename(name, number)
		case key := <-a.keys:
			action, outcome := a.menu().Press(&a.typed, key)
			pause.Stop()
			if outcome == menu.Waiting {
				pause.Reset(a.office.cfg.Pause)
			}
			a.turn(ctx, action, outcome)
		case <-pause.C:
			action, outcome := a.menu().Pause(&a.typed)
			a.turn(ctx, action, outcome)
		}
	}
}

func (a *attendant) menu() *menu.Menu {
	if a.host {
		return a.office.cfg.Host
	}
	return a.office.cfg.Menu
}

// turn does what keys have led to.
func (a *attendant) turn(ctx context.Context, action menu.Action, outcome menu.Outcome) {
	switch outcome {
	case menu.Unknown:
		a.p.Play(rooms.Refused, true)
	case menu.Chosen:
		a.log.Info("asked for", "action", action.String())
		a.do(ctx, action)
	}
}

// do carries an action out.
func (a *attendant) do(ctx context.Context, action menu.Action) {
	switch action {
	case menu.Invite:
		a.invite(ctx)
	case menu.Mute:
		a.toggleMute()
	case menu.Count:
		a.count()
	case menu.HearSofter:
		a.p.HearLouder(-1)
		a.say(prompts.Softer)
	case menu.HearLouder:
		a.p.HearLouder(1)
		a.say(prompts.Louder)
	case menu.SpeakSofter:
		a.p.SpeakLouder(-1)
		a.say(prompts.Softer)
	case menu.SpeakLouder:
		a.p.SpeakLouder(1)
		a.say(prompts.Louder)
	case menu.Consult:
		a.toggleConsult()
	case menu.Lock:
		a.toggleLock()
	case menu.Help:
		a.say(prompts.Help(a.help()))
	case menu.Drop:
		a.drop()
	case menu.Missing:
		a.callMissing(ctx)
	case menu.Result:
		a.result()
	case menu.MuteAll:
		a.muteAll()
	case menu.Kick:
		a.kickLast()
	}
}

// key is the next key that he presses; false when none comes in that time, or the call is over.
func (a *attendant) key(within time.Duration) (byte, bool) {
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case key := <-a.keys:
		return key, true
	case <-late.C:
		return 0, false
	case <-a.call.Done():
		return 0, false
	}
}

// say says something to him alone; a key ends it.
func (a *attendant) say(parts ...prompts.Part) time.Duration {
	sound := a.office.sound(a.lang, parts...)
	a.p.Play(sound, true)
	return sound.Length()
}

// sound is what is to be said.
func (o *Office) sound(lang string, parts ...prompts.Part) rooms.Sound {
	return rooms.NewSound(o.cfg.Prompts.Say(lang, parts...)...)
}
