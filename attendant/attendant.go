package attendant

import (
	"context"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/rooms/menu"
)

// Call is what an attendant needs of a call; *sip.Call is one.
type Call interface {
	rooms.Call
	Renamed() <-chan struct{} // receives when Caller may have changed
	Reason() string           // how it ended, for the log; empty before that
}

// attendant serves one participant.  All of it belongs to the goroutine that serves, but for keys, which others write, and what another
// lock guards.
type attendant struct {
	office *Office
	call   *line
	p      *rooms.Participant
	room   string
	first  string // the number with which he came: under another one it is somebody else who is on the call
	number string // now
	host   bool
	lang   string
	log    logbook
	keys   *inbox[byte]
	works  *worker // of the goroutine that serves him now; nil: none does yet

	dialled  string // the number by which he was brought in; empty: he has called
	known    string // the number by which he who was brought in is judged; empty: by none
	convenes bool   // he has called a group together

	typed    menu.State
	forgiven bool      // what is typed has ended something, so that it need not be more than that
	hashes   bool      // a # may come that ends a number, although the number has ended without it
	until    time.Time // when what is typed is all
	doing    doing     // besides
	invited  *guest    // last; nil: nobody

	served  bool        // he is in the room, and his keys are heard; guarded by Office.mu, and so are the next four
	heir    *Succession // who is about to take his call's place; nil: nobody is
	outside bool        // he was dialled, and is in the ante-room
	waited  bool        // he was restored, and nobody has asked for him yet: see Office.receiveAgain
	ours    bool        // it is a goroutine of the office that serves him, or will; else that of his call

	away bool       // out of the talk, alone or with somebody whom he is bringing in; guarded by Office.asides
	mate *attendant // who is out of the talk with him; guarded by Office.asides
}

// mostKeys is how many keys wait for an attendant who is busy.
const mostKeys = 32

// Serve serves the participant until his call is over, or another has taken its place (Succeed).  group, unless it is empty, is called together for him first.
func (o *Office) Serve(ctx context.Context, call Call, p *rooms.Participant, room, group string) {
	a := o.hire(call, p, room, "")
	a.convenes = group != ""
	defer a.begin(o.worker(serving, call))()
	o.enrol(a)
	defer o.dismiss(a)
	if group != "" {
		a.callGroup(ctx, group)
	}
	a.serve(ctx)
}

// begin has somebody be served by this goroutine from now on, until it calls end.
func (a *attendant) begin(w *worker) (end func()) {
	w.begin()
	a.works = w
	return w.end
}

func (o *Office) hire(call Call, p *rooms.Participant, room, dialled string) *attendant {
	_, number := call.Caller()
	a := &attendant{office: o, call: newLine(call), p: p, room: room, first: number, dialled: dialled, outside: dialled != "", keys: newInbox[byte](mostKeys)}
	a.log.open(o.cfg.Log, call, room)
	return a
}

// conference is the one that he is in.
func (a *attendant) conference() dialout.Room {
	return dialout.Room{Number: a.room, Incarnation: a.p.Incarnation()}
}

// caller is he who calls a group.
func (a *attendant) caller() dialout.Caller {
	return dialout.Caller{Number: a.number, Call: a.call.ID()}
}

// serve carries out what is asked for, one thing after the other.
func (a *attendant) serve(ctx context.Context) {
	a.office.beginService(a)
	a.tellBack() // that a host has silenced the room; that it is recorded the room itself tells him
	a.listen(ctx)
}

// listen carries out what he asks for.
func (a *attendant) listen(ctx context.Context) {
	late := false
	for !a.over() {
		key, pressed := a.keys.take()
		switch {
		case pressed:
			late = false
			a.lookWhoItIs()
			a.press(ctx, key)
			a.until = time.Now().Add(a.office.cfg.Pause)
		case late:
			late = false
			a.lookWhoItIs()
			if a.typed.Typed != "" {
				a.rest(ctx)
			}
		default:
			late = a.idle()
		}
	}
}

// idle waits until there may be something to do. late: what is typed is all.
func (a *attendant) idle() (late bool) {
	var pause <-chan time.Time
	if a.typed.Typed != "" {
		timer := time.NewTimer(time.Until(a.until))
		defer timer.Stop()
		pause = timer.C
	}
	renamed := false
	a.works.rest(func() {
		select {
		case <-a.keys.came:
		case <-a.call.Renamed():
			renamed = true
		case <-a.call.Done():
		case <-pause:
			late = true
		}
	})
	if renamed {
		a.renamed()
	}
	return late
}

func (a *attendant) menu() *menu.Menu {
	if a.host {
		return a.office.cfg.Host
	}
	return a.office.cfg.Menu
}

// press takes the next key.
func (a *attendant) press(ctx context.Context, key byte) {
	if a.forgiven && key == a.typed.Typed[0] { // after the * that cancels there comes a *1, which is no **1
		a.typed = menu.State{}
	}
	a.forgiven = false
	action, outcome := a.menu().Press(&a.typed, key)
	a.turn(ctx, action, outcome)
}

// rest says that no key has followed.
func (a *attendant) rest(ctx context.Context) {
	if a.forgiven {
		a.typed, a.forgiven = menu.State{}, false
		return
	}
	action, outcome := a.menu().Pause(&a.typed)
	a.turn(ctx, action, outcome)
}

// interrupt takes a key that has ended something.  The * of a *1 does that and is to be the beginning of *1 all the same.
func (a *attendant) interrupt(key byte) {
	_, outcome := a.menu().Press(&a.typed, key)
	a.forgiven = outcome == menu.Waiting
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
	case menu.Record:
		a.toggleRecording()
	}
}

// key is the next key that he presses; false when none comes before that time, or the call is over.
func (a *attendant) key(until time.Time) (byte, bool) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	for late := false; ; {
		if key, pressed := a.keys.take(); pressed {
			return key, true
		}
		if late || a.over() {
			return 0, false
		}
		a.works.rest(func() {
			select {
			case <-a.keys.came:
			case <-a.call.Done():
			case <-timer.C:
				late = true
			}
		})
	}
}

// over says whether his call is.
func (a *attendant) over() bool {
	select {
	case <-a.call.Done():
		return true
	default:
		return false
	}
}

// heardOut waits until he has heard what he is told; a key ends it, and then it is false.
func (a *attendant) heardOut() bool {
	key, pressed := a.key(a.doing.until)
	if pressed {
		a.interrupt(key)
	}
	return !pressed
}

// say says something to him alone; a key ends it.
func (a *attendant) say(parts ...prompts.Part) time.Duration { return a.sayIn(a.lang, parts...) }

// sayIn is say in a language, from any goroutine.
func (a *attendant) sayIn(lang string, parts ...prompts.Part) time.Duration {
	a.log.Debug("says", "said", prompts.Phrase(parts))
	sound := a.office.sound(lang, parts...)
	a.p.Play(sound, true)
	return sound.Length()
}

// sound is what is to be said.
func (o *Office) sound(lang string, parts ...prompts.Part) rooms.Sound {
	return rooms.NewSound(o.cfg.Prompts.Say(lang, parts...)...)
}
