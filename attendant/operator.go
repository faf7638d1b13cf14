package attendant

import (
	"cmp"

	"github.com/sipconf/sipconf/prompts"
)

// Silence keeps the room from hearing one call, as a host keeps it from hearing all, or lets it hear it again: for an operator, who is more than a host.
// He is told, unless he is out of the talk: then he is when he is back. was, muted and ok are as of rooms.Directory.SilenceOne.
func (o *Office) Silence(room, id string, silent bool) (was, muted, ok bool) {
	w := o.worker(serving, nil)
	w.begin()
	defer w.end()
	was, muted, ok = o.cfg.Rooms.SilenceOne(room, id, silent)
	if !ok || was == silent {
		return was, muted, ok
	}
	o.mu.Lock()
	a := o.serves[id]
	o.mu.Unlock()
	if a == nil || a.isAside() {
		return was, muted, ok
	}
	_, number := a.call.Caller()
	lang := o.cfg.Language(room, cmp.Or(a.dialled, number)) // a.lang is of his goroutine
	said := prompts.Unmuted
	switch {
	case silent:
		said = prompts.MutedByHost
	case muted:
		said = prompts.Muted
	}
	a.sayIn(lang, said)
	return was, muted, ok
}

// isAside says whether he is out of the talk.
func (a *attendant) isAside() (aside bool) {
	a.office.arrange(func() { aside = a.away || a.mate != nil })
	return aside
}
