package media

import (
	"math"

	"github.com/sipconf/sipconf/media/mixer"
)

// What a key is, and what may become one.  A share is how much of the energy of the sound the two tones of a key have.  Of vowels that
// sound like a key for 30 ms none had more than 0.84 in a block (docs/quality.md); a key in noise that is 10 dB softer has 0.89.
const (
	toneLeast = 2 * (1 << 30) * 0.00025 // square of the least amplitude of each tone: -36 dBov, or -30 dBm0
	toneTwist = 10                      // times the power of the other that one may have: 10 dB
	toneOff   = 0.027                   // how far a tone may be from its frequency: 1.5 % has to pass, and 3.5 % must not
	toneFirst = 0.65                    // share in the last 5 ms of a frame in which a key may have begun
	toneRise  = 8                       // times the power that they have of the first half of the frame: 9 dB
	toneShare = 0.7                     // share in a block of what may be a key
	toneClear = 0.88                    // share in two blocks of what is one
	toneStays = 0.4                     // share in a block of a key that is known: it may have begun or ended there
	toneSure  = 3                       // blocks that a key lasts: all that lasts 40 ms has three whole ones
	toneGap   = 2                       // blocks without it after which it is over: 10 ms never have two, 30 ms always do
	toneAway  = 20                      // blocks of which nothing has come after which it is over: 200 ms, as for an event
	toneWary  = 25                      // frames after a doubt in which there is none again: half a second
	toneDoubt = 10                      // blocks after which what is no key yet is none
)

// Tones finds the keys of a phone that has not agreed to send them as events: as tones in its sound, with the frequencies, levels and times of ITU-T
// Q.23 and Q.24.  And it keeps them from being heard.  That cannot wait until they are certain, for nothing is held back:
//
//	 a frame of 20 ms, which is two blocks
//	+-------------------+-------------------+-------------------+-------------------+-------------------+
//	| speech        key | key key key key k | key key key k     |                   | speech            |
//	+-------------------+-------------------+-------------------+-------------------+-------------------+
//	               |                        |                                       |
//	               may be one: muted        certain: reported                       two blocks without it: over
//
// A key may have begun when the last block of a frame is two tones of one, or its last 5 ms are mostly that and much louder than
// the sound before.  What leaks is the beginning of a key that begins so shortly before the end of a frame that this cannot be seen
// yet: 3 or 4 ms, and some 10 when somebody talks at the same time.  If it was none, sound is let through from the next frame on.
//
// What was lost and is made up is neither heard as a key nor as its end: it belongs to the key if that goes on behind it.
//
// Plain data; the zero value has heard nothing.  Pure; owned by the leg's owner.
type Tones struct {
	Key    byte // that sounds, or may; 0: none
	Sure   bool // it does, and was reported
	Muted  bool // the end of the last frame was
	Clear  int  // blocks of the key in which there was nothing else
	Length int  // blocks from its first to its last
	Gap    int  // blocks that came since
	Away   int  // the same with those that did not come
	Wary   int  // frames for which only what is clear is muted before it is certain
}

// idle says that there is no key, and nothing that may be one.
func (t *Tones) idle() bool { return t.Key == 0 && !t.Muted }

// missing says whether something did not come that belongs to the key, or comes behind it.
func (t *Tones) missing() bool { return t.Away > t.Gap }

// frame takes the next frame, which has come or is made up.  It returns the key that is certain now, else 0, and from which sample
// on the frame must not be heard: toneFrame when all of it may be.
func (t *Tones) frame(pcm []int16, came bool) (key byte, from int) {
	t.Wary = max(0, t.Wary-1)
	switch {
	case came:
		return t.listen(pcm)
	case t.idle():
		return 0, toneFrame
	}
	muted := t.Muted
	t.block(look{}, false)
	t.block(look{}, false)
	if muted {
		return 0, 0
	}
	return 0, toneFrame
}

// listen is frame for what came.  In nearly all of them a look at the last 10 ms is enough, or at their level.
func (t *Tones) listen(pcm []int16) (key byte, from int) {
	last := pcm[3*toneChord : toneFrame]
	if t.idle() && float32(mixer.Energy(last)) < toneLeast*toneChord/2 {
		return 0, toneFrame
	}
	var chords [4]chord
	chords[2].of(pcm[2*toneChord:])
	chords[3].of(last)
	begins := !t.Sure && rises(pcm, &chords[3])
	second := glance(&chords[2], &chords[3])
	if t.idle() && !begins && !second.likely {
		return 0, toneFrame
	}
	chords[0].of(pcm)
	chords[1].of(pcm[toneChord:])
	first := glance(&chords[0], &chords[1])

	sure := t.Sure
	key = max(t.block(first, true), t.block(second, true))
	switch {
	case sure || t.Sure:
		from, t.Wary = 0, 0
	case !t.suspects(begins, first, second):
		from = toneFrame
	default:
		from = t.doubt(first, second)
	}
	t.Muted = from < toneFrame
	return key, from
}

// suspects says whether a key that is not certain yet is to be muted.  After a doubt that is left to what is clear, so that music and vowels
// are not muted all the time.
func (t *Tones) suspects(begins bool, first, second look) bool {
	switch {
	case t.Length > toneDoubt:
		return false
	case t.Wary > 0 && !t.Muted:
		return second.clear
	}
	return begins || first.likely || second.likely
}

// doubt is from where on a frame with what may be a key is muted: where it may begin.
func (t *Tones) doubt(first, second look) (from int) {
	if !t.Muted {
		t.Wary = toneWary
	}
	switch {
	case t.Muted || first.likely:
		return 0
	case second.likely:
		return toneHalf
	}
	return toneBlock
}

// block takes what the next 10 ms look like, if they came, and returns the key that is certain with them, else 0.
func (t *Tones) block(l look, came bool) byte {
	t.Away++
	switch {
	case !came:
		if t.Away >= toneAway {
			t.begin(look{})
		}
		return 0
	case l.key == t.Key && (l.likely || t.Sure) && t.Key != 0:
		t.Length, t.Gap, t.Away = t.Length+t.Away, 0, 0
		t.count(l)
	default:
		if t.Gap++; !t.Sure || t.Gap >= toneGap {
			t.begin(l)
		}
	}
	if t.Sure || t.Clear < 2 || t.Length < toneSure {
		return 0
	}
	t.Sure = true
	return t.Key
}

// begin starts anew, with a key if the block looks like one.
func (t *Tones) begin(l look) {
	*t = Tones{Muted: t.Muted, Wary: t.Wary}
	if l.likely {
		t.Key, t.Length = l.key, 1
		t.count(l)
	}
}

func (t *Tones) count(l look) {
	if l.clear {
		t.Clear++
	}
}

// look is what 10 ms look like.
type look struct {
	key    byte // of which they have most; 0: none
	likely bool // it may be one
	clear  bool // there is nothing else in them
}

// glance looks at a block of two chords.
func glance(a, b *chord) (l look) {
	var c chord
	c.join(a, b)
	r, k, about := c.strongest(toneBlock)
	if c.energy < toneLeast*toneBlock/2 || about < 0.6*toneStays*c.energy {
		return look{} // nearly always
	}
	d := blockMetrics[r][k].solve(&c, r, k)
	if d.energy < toneStays*c.energy || !d.equal() {
		return look{}
	}
	l.key = d.key()
	row, col := d.drift(a, b)
	if math.Abs(row) > toneWaves[d.r].off || math.Abs(col) > toneWaves[4+d.c].off {
		return l
	}
	share := (d.energy + d.missed(row, col)) / c.energy
	l.likely, l.clear = share >= toneShare, share >= toneClear
	return l
}

// missed is the energy of the two tones in a block that was not found, because they are off their frequencies by so many radians in a chord: of a sum
// of waves that turn away from each other sin(x)/x is left, the square of which is 1 - x*x/3 nearly.
func (d *duet) missed(row, col float64) float32 {
	return (power(d.row)*float32(row*row) + power(d.col)*float32(col*col)) * toneBlock / 2 / 3
}

// rises says whether a key may begin with the last chord of a frame.
func rises(pcm []int16, last *chord) bool {
	if before := float32(mixer.Energy(pcm[:toneBlock])); last.energy*(toneBlock/toneChord) < toneRise*before {
		return false
	}
	d := last.duet()
	return d.energy >= toneFirst*last.energy && d.equal()
}
