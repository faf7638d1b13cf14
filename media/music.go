package media

import (
	"math"
	"math/bits"
	"slices"
)

// How music is told from speech, in one of two ways.  A voice has gaps: between words, between sounds, for breath.  Of what a PBX plays to those who
// wait, most has none for seconds.  Noise has none either, but no pitch.  And a voice's pitch is never at rest, while an instrument holds a note:
// so music that has rests is told.
const (
	musicEvery  = 5   // ticks from one look to the next: 100 ms
	musicLooks  = 50  // looked back on: 5 s
	musicGap    = 15  // dB below the loud tenth of the looks; what is quieter is a gap
	musicGaps   = 2   // so many gaps at most are in music
	musicTonal  = 12  // so many looks at least find a pitch in it
	musicAlike  = 0.5 // how alike two periods are in a sound with a pitch, 1 is the same
	musicFloor  = -50 // dBov; what is never louder is nobody's music
	speechGaps  = 4   // gaps within
	speechLooks = 10  // so many looks, 1 s, that tell that speech is back
	speechPause = 3   // gaps in a row that do
)

// What a note is.
const (
	noteAlike  = 0.6      // how alike two periods are in it
	noteSlide  = 0.01     // by how much a period may differ from the one a look before: a sixth of a semitone
	noteLeast  = 3        // so many looks in a row with one pitch make a note
	noteLoud   = musicGap // dB below the loud looks that it may be: what is softer is a gap, whatever hums there
	noteLooks  = 100      // looked back on for notes: 10 s
	musicNotes = 18       // so many of these looks are in notes in music; docs/quality.md says how many in speech
	recentLook = 25       // while music plays that was told by its notes, it goes on, whatever the gaps, if of so many looks
	recentNote = 3        // so many are in notes
)

// Music watches one leg for music that nobody in the room wants to hear: that of a PBX whose user has put the conference on hold, and which does not
// say so.  Plain data; the zero value has heard nothing.  Owned by the leg's owner.
type Music struct {
	Levels  [musicLooks]int8 // dBov, of the last looks, the newest at Looks-1
	Tonal   uint64           // which of them had a pitch, the newest is bit 0
	Looks   int              // since the last silence
	Ticks   int              // since the last look
	Loud    int              // dBov: what a tenth of the looks exceed
	Notes   [2]uint64        // which of the last looks were in notes, the newest is bit 0 of the first
	Period  float32          // of the last look's pitch, in samples; 0: it had none
	Held    uint8            // looks in a row, up to noteLeast, with about that pitch
	ByNotes bool             // what plays has rests, and was told by its notes
	Playing bool             // music, until speech comes back
}

// frame takes the level of the next frame that is heard; pitch is asked, now and then, for the period of the sound, in samples, and how alike two
// of them are.
func (m *Music) frame(level int, pitch func() (period, alike float64)) {
	if m.Ticks++; m.Ticks < musicEvery {
		return
	}
	m.Ticks = 0
	m.look(level, pitch)
	if m.Looks = min(m.Looks+1, musicLooks); m.Looks < musicLooks {
		return
	}
	m.Loud = m.loud()
	switch {
	case m.Playing && m.speaks() && !(m.ByNotes && m.notes(recentLook) >= recentNote):
		m.Playing, m.ByNotes, m.Notes = false, false, [2]uint64{}
	case m.Loud <= musicFloor:
	case m.gaps(musicLooks) <= musicGaps && bits.OnesCount64(m.Tonal&(1<<musicLooks-1)) >= musicTonal:
		m.Playing, m.ByNotes = true, false
	case !m.Playing && m.notes(noteLooks) >= musicNotes:
		m.Playing, m.ByNotes = true, true
	}
}

// look takes note of what the sound is like now.
func (m *Music) look(level int, pitch func() (period, alike float64)) {
	copy(m.Levels[:], m.Levels[1:])
	m.Levels[musicLooks-1] = int8(level)
	m.Tonal <<= 1
	m.Notes[1], m.Notes[0] = m.Notes[1]<<1|m.Notes[0]>>63, m.Notes[0]<<1
	known := m.Looks >= musicLooks         // how loud the loud ones are
	if known && level <= m.Loud-noteLoud { // too soft for a note, and to look for a pitch costs
		m.Period, m.Held = 0, 0
		return
	}
	period, alike := pitch()
	if alike > musicAlike {
		m.Tonal |= 1
	}
	if !known || alike <= noteAlike || period == 0 {
		m.Period, m.Held = 0, 0
		return
	}
	if before := float64(m.Period); math.Abs(period-before) >= noteSlide*before {
		m.Held = 0
	}
	m.Period = float32(period)
	if m.Held = min(m.Held+1, noteLeast); m.Held == noteLeast {
		m.Notes[0] |= 1<<noteLeast - 1
	}
}

// notes counts those of the last looks that were in notes.
func (m *Music) notes(looks int) int {
	return bits.OnesCount64(m.Notes[0]&(1<<min(looks, 64)-1)) + bits.OnesCount64(m.Notes[1]&(1<<max(0, looks-64)-1))
}

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

// speaks says whether the gaps are back.
func (m *Music) speaks() bool {
	return m.gaps(speechLooks) >= speechGaps || m.gaps(speechPause) == speechPause
}

// watchMusic keeps music out of the mix, if it is to be.
func (l *Leg) watchMusic() {
	switch m := &l.state.Music; {
	case !l.mutesMusic:
	case !l.jitter.Playing:
		m.silent()
	case l.heard:
		m.frame(l.Level(), l.pitch)
		l.heard = !m.Playing
	}
}

// pitch is that of what was played last: its period in samples, and how alike two of them are; 0: it is not known.
func (l *Leg) pitch() (period, alike float64) {
	frame := l.jitter.Frame
	window := frame / 2
	n := pitchMax(frame) + window
	if l.jitter.History < int64(n) {
		return 0, 0
	}
	var known [2 * pitchSize]int16
	l.jitter.ring.read(known[:n], l.jitter.Next-int64(n))
	whole, alike := pitch(known[:n], window, pitchMin(frame))
	if whole == pitchMin(frame) || whole == pitchMax(frame) {
		return 0, alike // the nearest to it that was looked for: the border would be a pitch that never moves
	}
	return between(known[:n], window, whole), alike
}

// PlaysMusic says that the peer plays music and is not heard for it (LegConfig.MuteMusic).  Owner only, after Pull.
func (l *Leg) PlaysMusic() bool { return l.mutesMusic && l.state.Music.Playing }
