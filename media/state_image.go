package media

// StateImage is a LegState, written down.  What a leg has no use for, as most have not for keys, is nil: then it costs nothing.
type StateImage struct {
	Agreed    Agreed
	Sender    Sender
	Keying    *Keying
	Latch     Latch
	Source    Source
	Presses   *Presses
	Echoes    *Echoes
	Muting    *Muting
	Tones     *Tones
	Playout   JitterState
	Music     *Music
	Stillness *Stillness
	Levelling *Levelling
	Figures   Figures
}

// saveTo saves all but the playout, which the jitter buffer has, and what a draft has.
func (s *LegState) saveTo(im *StateImage) {
	im.Sender, im.Source, im.Figures = s.Sender, s.Source, s.Figures
	im.Keying, im.Presses, im.Echoes, im.Muting, im.Tones = used(&s.Keying), used(&s.Presses), used(&s.Echoes), used(&s.Muting), used(&s.Tones)
	im.Music, im.Stillness, im.Levelling = used(&s.Music), used(&s.Stillness), used(&s.Levelling)
}

// restore is the opposite of saveTo; the state is zero before.
func (s *LegState) restore(im *StateImage) {
	s.Agreed, s.Sender, s.Latch, s.Source, s.Figures = im.Agreed, im.Sender, im.Latch, im.Source, im.Figures
	reuse(&s.Keying, im.Keying)
	reuse(&s.Presses, im.Presses)
	reuse(&s.Echoes, im.Echoes)
	reuse(&s.Muting, im.Muting)
	reuse(&s.Tones, im.Tones)
	reuse(&s.Music, im.Music)
	reuse(&s.Stillness, im.Stillness)
	reuse(&s.Levelling, im.Levelling)
}

// used is a copy of what is not zero.
func used[T comparable](of *T) *T {
	var zero T
	if *of == zero {
		return nil
	}
	copied := *of
	return &copied
}

func reuse[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}
