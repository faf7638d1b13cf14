package media

import (
	"math/bits"
	"slices"
)

// How music is told from speech.  A voice has gaps: between words, between sounds, for breath.  Of what a PBX plays to those who wait, most
// has none for seconds.  Noise has none either, but no pitch.
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

// Music watches one leg for music that nobody in the room wants to hear: that of a PBX whose user has put the conference on hold, and which does not
// say so.  Plain data; the zero value has heard nothing.  Owned by the leg's owner.
type Music struct {
	Levels  [musicLooks]int8 // dBov, of the last looks, the newest at Looks-1
	Tonal   uint64           // which of them had a pitch, the newest is bit 0
	Looks   int              // since the last silence
	Ticks   int              // since the last look
	Loud    int              // dBov: what a tenth of the looks exceed
	Playing bool             // music, until speech comes back
}

// frame takes the level of the next frame that is heard; tonal is asked, now and then, whether the sound has a pitch.
func (m *Music) frame(level int, tonal func() bool) {
	if m.Ticks++; m.Ticks < musicEvery {
		return
	}
	m.Ticks = 0
	copy(m.Levels[:], m.Levels[1:])
	m.Levels[musicLooks-1] = int8(level)
	m.Tonal <<= 1
	if m.Looks++; m.Looks < musicLooks {
		m.pitch(tonal)
		return
	}
	m.Loud = m.loud()
	switch gaps := m.gaps(musicLooks); {
	case m.Playing:
		m.Playing = !m.speaks()
	case gaps <= musicGaps && m.Loud > musicFloor:
		m.pitch(tonal)
		m.Playing = bits.OnesCount64(m.Tonal&(1<<musicLooks-1)) >= musicTonal
	case gaps <= 2*musicGaps: // may become music
		m.pitch(tonal)
	}
}

// silent says that nothing came: whatever it was, it is over.
func (m *Music) silent() {
	if m.Looks > 0 {
		*m = Music{}
	}
}

func (m *Music) pitch(tonal func() bool) {
	if tonal() {
		m.Tonal |= 1
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
	case !l.cfg.MuteMusic:
	case !l.jitter.Playing:
		m.silent()
	case l.heard:
		m.frame(l.Level(), l.tonal)
		l.heard = !m.Playing
	}
}

// tonal says whether what was played last has a pitch.
func (l *Leg) tonal() bool {
	frame := l.jitter.Frame
	n := pitchMax(frame) + frame/2
	if l.jitter.History < int64(n) {
		return false
	}
	var known [2 * pitchSize]int16
	l.jitter.ring.read(known[:n], l.jitter.Next-int64(n))
	_, alike := pitch(known[:n], frame/2, pitchMin(frame))
	return alike > musicAlike
}

// PlaysMusic says that the peer plays music and is not heard for it (LegConfig.MuteMusic).  Owner only, after Pull.
func (l *Leg) PlaysMusic() bool { return l.cfg.MuteMusic && l.state.Music.Playing }
