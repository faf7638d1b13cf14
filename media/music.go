package media

import (
	"math/bits"
	"slices"
)

// How music is told from speech.  A voice has gaps: between words, between sounds, for breath.  Of what a PBX plays to those who wait, most
// has none for seconds.  Noise has none either, but no pitch.  Slow music has gaps as well, but it has notes: a sound that is still the
// same 40 ms later, which a voice, whose melody never stands still, has not for long.
const (
	musicEvery  = 5    // ticks from one look to the next: 100 ms
	musicLooks  = 50   // looked back on: 5 s
	musicGap    = 15   // dB below the loud tenth of the looks; what is quieter is a gap
	musicGaps   = 2    // so many gaps at most are in music
	musicTonal  = 12   // so many looks at least find a pitch in it
	musicAlike  = 0.5  // how alike two periods are in a sound with a pitch, 1 is the same
	musicFloor  = -50  // dBov; what is never louder is nobody's music
	slowGaps    = 15   // so many gaps at most are in slow music
	slowNotes   = 27   // and in so many looks at least it has a note
	noteAlike   = 0.72 // how alike two parts of a note are, 1 is the same
	noteHolds   = 3    // so many notes within speechLooks, and it is not speech that is back
	speechGaps  = 4    // gaps within
	speechLooks = 10   // so many looks, 1 s, that tell that speech is back
	speechPause = 3    // gaps in a row that do
)

// Music watches one leg for music that nobody in the room wants to hear: that of a PBX whose user has put the conference on hold, and which does not
// say so.  Plain data; the zero value has heard nothing.  Owned by the leg's owner.
type Music struct {
	Playing bool             // music, until speech comes back
	Levels  [musicLooks]int8 // dBov, of the last looks, the newest at Looks-1
	Tonal   uint64           // which of them had a pitch, the newest is bit 0
	Notes   uint64           // which of them had a note, likewise
	Looks   int              // since the last silence
	Ticks   int              // since the last look
	Loud    int              // dBov: what a tenth of the looks exceed
}

// frame takes the level of the next frame that is heard; tonal is asked, now and then, whether the sound has a pitch, and note, whether it is one.
func (m *Music) frame(level int, tonal, note func() bool) {
	if m.Ticks++; m.Ticks < musicEvery {
		return
	}
	m.Ticks = 0
	copy(m.Levels[:], m.Levels[1:])
	m.Levels[musicLooks-1] = int8(level)
	m.Tonal, m.Notes = m.Tonal<<1, m.Notes<<1
	m.Looks++
	m.Loud = m.loud()
	known, gaps := m.Looks >= musicLooks, m.gaps(musicLooks)
	if (!known || level >= m.Loud-musicGap) && note() {
		m.Notes |= 1
	}
	if (!known || !m.Playing && gaps <= 2*musicGaps) && tonal() { // else it will not be needed
		m.Tonal |= 1
	}
	switch {
	case !known:
	case m.Playing:
		m.Playing = !m.speaks()
	case m.Loud > musicFloor:
		m.Playing = gaps <= musicGaps && within(m.Tonal, musicLooks) >= musicTonal || gaps <= slowGaps && within(m.Notes, musicLooks) >= slowNotes
	}
}

// within counts those of the last looks.
func within(which uint64, looks int) int { return bits.OnesCount64(which & (1<<looks - 1)) }

// silent says that nothing came: whatever it was, it is over.
func (m *Music) silent() {
	if m.Looks > 0 {
		*m = Music{}
	}
}

// loud is what a tenth of the looks exceed.
func (m *Music) loud() int {
	sorted := m.Levels
	slices.Sort(sorted[:])
	return int(sorted[musicLooks*9/10])
}

// gaps counts those of the last looks that were quiet.
func (m *Music) gaps(looks int) (n int) {
	for _, level := range m.Levels[musicLooks-looks:] {
		if int(level) < m.Loud-musicGap {
			n++
		}
	}
	return n
}

// speaks says whether the gaps are back, and not between notes.
func (m *Music) speaks() bool {
	return (m.gaps(speechLooks) >= speechGaps || m.gaps(speechPause) == speechPause) && within(m.Notes, speechLooks) < noteHolds
}

// watchMusic keeps music out of the mix, if it is to be.
func (l *Leg) watchMusic() {
	switch m := &l.state.Music; {
	case !l.cfg.MuteMusic:
	case !l.jitter.Playing:
		m.silent()
	case l.heard:
		m.frame(l.Level(), l.tonal, l.note)
		l.heard = !m.Playing
	}
}

// tonal says whether what was played last has a pitch.
func (l *Leg) tonal() bool {
	frame := l.jitter.Frame
	return l.likeBefore(frame/2, pitchMin(frame), pitchMax(frame)) > musicAlike
}

// note says whether the last 16 ms are the same as at some time 32 to 48 ms before, whatever the pitch of that, or of the chord.
func (l *Leg) note() bool {
	frame := l.jitter.Frame
	return l.likeBefore(frame*4/5, frame*8/5, frame*12/5) > noteAlike
}

// likeBefore is how alike the last window samples are to the same number from least to most samples before; 0: so much is not known.
func (l *Leg) likeBefore(window, least, most int) float64 {
	n := most + window
	if l.jitter.History < int64(n) {
		return 0
	}
	var known [4 * pitchSize]int16
	l.jitter.ring.read(known[:n], l.jitter.Next-int64(n))
	_, alike := pitch(known[:n], window, least)
	return alike
}

// PlaysMusic says that the peer plays music and is not heard for it (LegConfig.MuteMusic).  Owner only, after Pull.
func (l *Leg) PlaysMusic() bool { return l.state.Music.Playing }
