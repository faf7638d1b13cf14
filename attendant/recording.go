package attendant

import (
	"errors"

	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/rooms/menu"
)

// notices are what he is told by himself who has not heard when all were told.
func (o *Office) notices(lang string) *rooms.Notices {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.told[lang]
	if n == nil {
		n = &rooms.Notices{On: o.sound(lang, prompts.RecordingOn), Off: o.sound(lang, prompts.RecordingOff)}
		o.told[lang] = n
	}
	return n
}

// TellTape has somebody whom no attendant serves, the line that another conference has made, told if its room is recorded, as all others are.
func (o *Office) TellTape(p *rooms.Participant, room string) {
	p.SetNotices(o.notices(o.cfg.Language(room, "")))
}

// toggleRecording records the room, or does so no more, and all hear that.
func (a *attendant) toggleRecording() {
	if a.office.wished(a, menu.Record) {
		return // he hears that it is done
	}
	if rec := a.office.cfg.Rooms.Recording(a.room); rec != nil {
		rec.Stop() // before the words, so that they are not in it
		a.log.Info("ends the recording", "number", a.number, "file", rec.State().File)
		a.office.cfg.Rooms.AnnounceTape(a.room, false, a.toAll(prompts.RecordingOff))
		return
	}
	if a.office.cfg.Tape == nil {
		a.log.Info("nobody records here: there is no folder for it", "number", a.number)
		a.say(prompts.NoRecording)
		return
	}
	rec, err := a.office.cfg.Rooms.Record(a.room, func() (rooms.Tape, error) { return a.office.cfg.Tape(a.room) })
	switch {
	case errors.Is(err, rooms.ErrRecorded), errors.Is(err, rooms.ErrNoRoom): // another host was faster, or the last one has left
	case err != nil:
		a.log.Warn("the room cannot be recorded", "number", a.number, "err", err)
		a.say(prompts.NoRecording)
	default:
		a.log.Info("records the room", "number", a.number, "file", rec.State().File)
		a.office.cfg.Rooms.AnnounceTape(a.room, true, a.toAll(prompts.RecordingOn)) // is in it, as a proof that they were told
	}
}
