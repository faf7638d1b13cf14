package attendant

import (
	"time"

	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms/menu"
)

// explained is what the help says of each action.
var explained = map[menu.Action]prompts.Name{
	menu.Invite: prompts.MenuInvite, menu.Mute: prompts.MenuMute, menu.Count: prompts.MenuCount,
	menu.HearSofter: prompts.MenuHearSofter, menu.HearLouder: prompts.MenuHearLouder,
	menu.SpeakSofter: prompts.MenuTalkSofter, menu.SpeakLouder: prompts.MenuTalkLouder,
	menu.Consult: prompts.MenuConsult, menu.Lock: prompts.MenuLock, menu.Help: prompts.MenuHelp, menu.Drop: prompts.MenuDrop,
	menu.Missing: prompts.MenuMissing, menu.Result: prompts.MenuResult, menu.MuteAll: prompts.MenuMuteAll, menu.Kick: prompts.MenuRemoveLast,
}

// help is his menu, to be read out.
func (a *attendant) help() (keys []prompts.Key) {
	for _, sequence := range a.menu().Sequences() {
		if does, ok := explained[a.menu().Action(sequence)]; ok {
			keys = append(keys, prompts.Key{Keys: sequence, Does: does})
		}
	}
	return keys
}

func (a *attendant) toggleMute() {
	if a.muted = !a.muted; a.muted {
		a.p.Mute()
		a.say(prompts.Muted)
		return
	}
	a.p.Unmute()
	a.say(prompts.Unmuted)
}

// count says how many are here, and who.
func (a *attendant) count() {
	shot, ok := a.office.cfg.Rooms.Look(a.room)
	if !ok {
		return // the room is gone, and so will he be
	}
	here, who := 0, []prompts.Part{}
	for _, p := range shot.Participants {
		if p.Waiting {
			continue
		}
		here++
		if p.ID != a.call.ID() && p.Number != "" {
			who = append(who, prompts.Digits(p.Number), prompts.Pause(300*time.Millisecond))
		}
	}
	a.say(append([]prompts.Part{prompts.Here(here)}, who...)...)
}

// toggleLock locks the room, or opens it, and all hear that.
func (a *attendant) toggleLock() {
	locked := !a.office.cfg.Rooms.Locked(a.room)
	a.office.cfg.Rooms.Lock(a.room, locked)
	name := prompts.Unlocked
	if locked {
		name = prompts.Locked
	}
	a.p.Announce(a.office.sound(a.lang, name))
}

// muteAll mutes everybody but him, or nobody any more.
func (a *attendant) muteAll() {
	others := a.office.in(a.room)
	muted := false
	for _, o := range others {
		muted = muted || o != a && o.silenced.Load()
	}
	for _, o := range others {
		if o == a {
			continue
		}
		if o.silenced.Store(!muted); muted {
			o.p.Unmute()
		} else {
			o.p.Mute()
		}
	}
	name := prompts.AllMuted
	if muted {
		name = prompts.AllUnmuted
	}
	a.p.Announce(a.office.sound(a.lang, name))
}

// kickLast hangs up who came last.
func (a *attendant) kickLast() {
	shot, _ := a.office.cfg.Rooms.Look(a.room)
	for i := len(shot.Participants) - 1; i >= 0; i-- {
		last := shot.Participants[i]
		if last.ID == a.call.ID() || last.Waiting {
			continue
		}
		for _, o := range a.office.in(a.room) {
			if o.call.ID() == last.ID {
				o.call.Hangup("removed by the host")
				a.say(prompts.Removed)
				return
			}
		}
	}
	a.say(prompts.Alone)
}

// drop hangs up whom he has invited last.
func (a *attendant) drop() {
	g := a.invited
	if g == nil || !g.here() {
		a.say(prompts.NobodyToDrop)
		return
	}
	g.call.Hangup("dropped by the inviter")
	a.invited = nil
	a.say(prompts.Dropped)
}

// toggleConsult takes him and whom he has invited last out of the talk, to be alone, or back.
func (a *attendant) toggleConsult() {
	g := a.invited
	switch {
	case a.talks:
		a.talks = false
		if g != nil {
			g.p.Return()
		}
		a.p.Return()
	case g == nil || !g.here():
		a.say(prompts.NobodyInvited)
	default:
		a.talks = true
		a.p.StepAside(g.p)
		g.p.StepAside(a.p)
		a.say(prompts.AsideWith(g.number))
	}
}
