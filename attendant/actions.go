package attendant

import (
	"slices"
	"time"

	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/rooms/menu"
)

// explained is what the help says of each action.
var explained = map[menu.Action]prompts.Name{
	menu.Invite: prompts.MenuInvite, menu.Mute: prompts.MenuMute, menu.Count: prompts.MenuCount,
	menu.HearSofter: prompts.MenuHearSofter, menu.HearLouder: prompts.MenuHearLouder,
	menu.SpeakSofter: prompts.MenuTalkSofter, menu.SpeakLouder: prompts.MenuTalkLouder,
	menu.Consult: prompts.MenuConsult, menu.Lock: prompts.MenuLock, menu.Help: prompts.MenuHelp, menu.Drop: prompts.MenuDrop,
	menu.Missing: prompts.MenuMissing, menu.Result: prompts.MenuResult, menu.MuteAll: prompts.MenuMuteAll, menu.Kick: prompts.MenuRemoveLast,
	menu.Record: prompts.MenuRecord,
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

// toggleMute is about his own mute.  He is told that of a host as well, which he cannot undo.
func (a *attendant) toggleMute() {
	muted, silenced := a.p.ToggleMute()
	switch {
	case muted && silenced:
		a.say(prompts.Muted, prompts.MutedByHost)
	case muted:
		a.say(prompts.Muted)
	case silenced:
		a.say(prompts.MutedByHost)
	default:
		a.say(prompts.Unmuted)
	}
}

// count says how many are here, and who.
func (a *attendant) count() {
	shot, ok := a.office.cfg.Rooms.Look(a.room)
	if !ok {
		return // the room is gone, and so will he be
	}
	here, who := 0, []prompts.Part{}
	for _, p := range shot.Participants {
		if p.Waiting || p.Link {
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
	if a.office.wished(a, menu.Lock) {
		return // he hears that it is done
	}
	locked := !a.office.cfg.Rooms.Locked(a.room)
	a.office.cfg.Rooms.Lock(a.room, locked)
	name := prompts.Unlocked
	if locked {
		name = prompts.Locked
	}
	a.office.cfg.Rooms.Announce(a.room, rooms.Door, a.toAll(name))
}

// muteAll mutes everybody who is no host, and who comes in later, or nobody any more.
func (a *attendant) muteAll() {
	if a.office.wished(a, menu.MuteAll) {
		return // he hears that it is done
	}
	shot, ok := a.office.cfg.Rooms.Look(a.room)
	if !ok {
		return
	}
	name := prompts.AllMuted
	if shot.Silenced {
		name = prompts.AllUnmuted
	}
	a.office.cfg.Rooms.Silence(a.room, !shot.Silenced, a.toAll(name))
}

// toAll is what is said to the whole room.
func (a *attendant) toAll(parts ...prompts.Part) rooms.Sound {
	a.log.Debug("announces", "said", prompts.Phrase(parts))
	return a.office.sound(a.office.cfg.Language(a.room, ""), parts...)
}

// Removed is why somebody has left whom a host has sent away.
const Removed = "removed by the host"

// kickLast hangs up who came last and is no host, and no link, which would only be dialled again.  If he is being hung up already, it is the one
// before.
func (a *attendant) kickLast() {
	if a.office.wished(a, menu.Kick) {
		a.say(prompts.Dropped) // he whom both of them mean, and not also who came before him
		return
	}
	shot, _ := a.office.cfg.Rooms.Look(a.room)
	for _, last := range slices.Backward(shot.Participants) {
		if last.ID == a.call.ID() || last.Waiting || last.Host || last.Link {
			continue
		}
		if again := a.office.cfg.Rooms.Dismiss(a.room, last.ID, Removed); !again {
			a.say(prompts.Digits(last.Number), prompts.Dropped)
			return
		}
	}
	a.say(prompts.NobodyToDrop)
}

// drop hangs up whom he has invited last.
func (a *attendant) drop() {
	g := a.invited
	a.invited = nil
	if g == nil || !g.here() {
		a.say(prompts.NobodyToDrop)
		return
	}
	g.call.Hangup("dropped by the inviter")
	if g.keys.forsake(prompts.Dropped) != a {
		a.say(prompts.Dropped)
	}
}

// toggleConsult takes him and whom he has invited last out of the talk, to be alone, or back.
func (a *attendant) toggleConsult() {
	if a.part() {
		return
	}
	g := a.invited
	switch {
	case g == nil || !g.here():
		a.say(prompts.NobodyInvited)
	case !a.pair(g.keys):
		a.say(prompts.Busy)
	default:
		a.say(prompts.AsideWith(g.number))
		g.keys.say(prompts.AsideWith(a.number))
		if !g.here() { // he has hung up meanwhile, and perhaps before they were mates
			g.keys.forsake(prompts.Left(g.number))
		}
	}
}
