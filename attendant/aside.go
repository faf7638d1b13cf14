package attendant

import "github.com/sipconf/sipconf/prompts"

// Who is out of the talk: an attendant's participant is in it, or away, as while he dials, or with his mate, who is alone
// with him. Two mates are mates of each other; either ends it for both, also by hanging up. What the rooms are asked to do with
// it is asked under the same lock that decides it, or two who press a key at once would leave one of them out.

// arrange changes who is aside, which nobody else does meanwhile.
func (o *Office) arrange(f func()) {
	o.asides.Lock()
	defer o.asides.Unlock() // also when f panics, which costs one call and not all
	f()
}

// goAway takes him out of the talk, to be with nobody. A mate of his goes back.
func (a *attendant) goAway() {
	var mate *attendant
	a.office.arrange(func() {
		if mate = a.unpair(); mate != nil {
			mate.p.Return()
		}
		a.away = true
		a.p.StepAside(nil)
	})
	if mate != nil {
		mate.tellBack()
	}
}

// comeBack ends that.
func (a *attendant) comeBack() {
	a.office.arrange(func() {
		a.away = false
		a.p.Return()
	})
	a.tellBack()
}

// tellBack tells somebody something who is in the talk again, and that he is not heard there if that is so.
func (a *attendant) tellBack(said ...prompts.Part) {
	if a.p.Silenced() {
		said = append(said, prompts.MutedByHost)
	}
	if len(said) > 0 {
		a.say(said...)
	}
}

// pair takes both out of the talk, to be with each other. False when either cannot be.
func (a *attendant) pair(b *attendant) bool {
	a.office.asides.Lock()
	defer a.office.asides.Unlock()
	if a == b || a.away || b.away || a.mate != nil || b.mate != nil {
		return false
	}
	a.mate, b.mate = b, a
	a.p.StepAside(b.p)
	b.p.StepAside(a.p)
	return true
}

// part brings both back. False when he was with nobody.
func (a *attendant) part() bool {
	var mate *attendant
	a.office.arrange(func() {
		if mate = a.unpair(); mate != nil {
			a.p.Return()
			mate.p.Return()
		}
	})
	if mate == nil {
		return false
	}
	a.tellBack()
	mate.tellBack()
	return true
}

// forsake brings his mate back, if he has one, and tells him why; his own call is over, or is about to be, so that he stays where he is.
func (a *attendant) forsake(why prompts.Part) (mate *attendant) {
	a.office.arrange(func() {
		if mate = a.unpair(); mate != nil {
			mate.p.Return()
		}
	})
	if mate != nil {
		mate.tellBack(why)
	}
	return mate
}

// unpair ends that they are mates. asides is held.
func (a *attendant) unpair() (mate *attendant) {
	if mate = a.mate; mate != nil {
		a.mate, mate.mate = nil, nil
	}
	return mate
}
