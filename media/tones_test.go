package media

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/sipconf/sipconf/codec"
)

// milli is so many samples in a millisecond.
const milli = toneRate / 1000

// allKeys are the keys that there are.
const allKeys = "0123456789*#ABCD"

// line is what a phone line carries, and where in it the keys are.
type line struct {
	sound  []float64
	random *rand.Rand
	keys   []Window
}

// newLine begins with 20 ms of silence, and so many samples more.
func newLine(alignment int) *line {
	return &line{sound: make([]float64, toneFrame+alignment), random: rand.New(rand.NewPCG(uint64(alignment), 2))}
}

// sine is a tone that a phone sends.
type sine struct {
	hertz, dBm0 float64
}

// sends adds tones for a while, and silence.
func (l *line) sends(ms, pause float64, tones ...sine) {
	from := len(l.sound)
	l.sound = append(l.sound, make([]float64, int((ms+pause)*milli))...)
	for _, t := range tones {
		l.add(from, int(ms*milli), t)
	}
	l.keys = append(l.keys, Window{int64(from), int64(from + int(ms*milli))})
}

// add adds a tone to n samples.  A sine at full scale is 3.14 dBm0 in A-law (ITU-T G.711), and nearly so in the other.
func (l *line) add(from, n int, t sine) {
	peak := 32768 * math.Pow(10, (t.dBm0-3.14)/20)
	phase := 2 * math.Pi * l.random.Float64()
	for i := range n {
		l.sound[from+i] += peak * math.Sin(phase+2*math.Pi*t.hertz*float64(i)/toneRate)
	}
}

// pair are the tones of a key at those levels, off their frequencies by such a part.
func pair(key byte, row, col, offRow, offCol float64) []sine {
	for r, keys := range toneKeys {
		for c := range keys {
			if keys[c] == key {
				return []sine{{toneHertz[r] * (1 + offRow), row}, {toneHertz[4+c] * (1 + offCol), col}}
			}
		}
	}
	panic("no such key")
}

// noise lays noise of that level over everything.
func (l *line) noise(dBm0 float64) {
	level := 32768 / math.Sqrt2 * math.Pow(10, (dBm0-3.14)/20)
	for i := range l.sound {
		l.sound[i] += level * l.random.NormFloat64()
	}
}

// outcome is what was found on a line.
type outcome struct {
	keys  string
	after float64   // ms from the beginning of the last tone to the end of the frame in which the last key became certain
	leaks []float64 // ms of each tone that were let through
	muted float64   // ms, of all
	torn  int       // frames that begin heard after one that ended muted, and are muted again
	tones Tones
}

// listen plays the line, with half a second of silence at its end, through the codec to Tones.
func (l *line) listen(law *codec.Codec) (o outcome) {
	pcm := make([]int16, (len(l.sound)+toneRate/2)/toneFrame*toneFrame)
	for i, s := range l.sound {
		pcm[i] = int16(max(math.MinInt16, min(math.Round(s), math.MaxInt16)))
	}
	words := make([]byte, len(pcm))
	law.Encode(words, pcm)
	law.Decode(pcm, words)
	o.leaks = make([]float64, len(l.keys))
	for at := 0; at < len(pcm); at += toneFrame {
		muted := o.tones.Muted
		key, from := o.tones.frame(pcm[at:at+toneFrame], true)
		if key != 0 {
			o.keys += string(key)
			o.after = float64(int64(at+toneFrame)-l.keys[len(l.keys)-1].From) / milli
		}
		if muted && from > 0 && from < toneFrame {
			o.torn++
		}
		o.muted += float64(toneFrame-from) / milli
		for i, w := range l.keys {
			o.leaks[i] += float64(max(0, min(w.To, int64(at+from))-max(w.From, int64(at)))) / milli
		}
	}
	return o
}

// alignments are how a key may lie to the frames: a seventh of the 160.
func alignments(yield func(int) bool) {
	for at := 0; at < toneFrame; at += 7 {
		if !yield(at) {
			return
		}
	}
}

// Every key that a phone may send is found, once, by both laws and wherever it begins in a frame, and not 5 ms of it are heard.
func TestKeysAsTones(t *testing.T) {
	tests := []struct {
		name           string
		row, col       float64 // dBm0
		offRow, offCol float64
		held           float64 // ms
		noise          float64 // dBm0
	}{
		{"as it should be", -10, -10, 0, 0, 50, -70},
		{"as short as can be", -10, -10, 0, 0, 40, -70},
		{"soft", -25, -25, 0, 0, 40, -70},
		{"as loud as can be, which is cut off", 0, 0, 0, 0, 40, -70},
		{"the row 8 dB louder", -10, -18, 0, 0, 40, -70},
		{"the column 4 dB louder", -14, -10, 0, 0, 40, -70},
		{"the column 8 dB louder", -18, -10, 0, 0, 40, -70},
		{"1.5 % too high", -10, -10, 0.015, 0.015, 40, -70},
		{"1.5 % too low", -10, -10, -0.015, -0.015, 40, -70},
		{"one too high, one too low", -10, -14, 0.015, -0.015, 40, -70},
		{"all that at once", -12, -20, -0.015, 0.015, 40, -70},
		{"soft, in noise 20 dB softer", -20, -20, 0, 0, 50, -37},
	}
	for _, tt := range tests {
		var sum, worst float64
		n := 0
		for i, key := range []byte(allKeys) {
			for at := range alignments {
				law := []*codec.Codec{codec.PCMA, codec.PCMU}[(i+at)%2]
				l := newLine(at)
				l.sends(tt.held, 100, pair(key, tt.row, tt.col, tt.offRow, tt.offCol)...)
				l.noise(tt.noise)
				o := l.listen(law)
				if o.keys != string(key) || o.after < 25 || o.after > 60 {
					t.Errorf("%s: %s, %c at %d: got %q after %.0f ms, want it after 25 to 60", tt.name, law, key, at, o.keys, o.after)
				}
				sum, worst, n = sum+o.leaks[0], max(worst, o.leaks[0]), n+1
			}
		}
		t.Logf("%s: %.1f ms are heard at most, %.2f in the mean", tt.name, worst, sum/float64(n))
		if worst > 5 || sum/float64(n) > 0.6 {
			t.Errorf("%s: %.1f ms of a key are heard, and %.2f in the mean, want 5 and 0.6 at most", tt.name, worst, sum/float64(n))
		}
	}
}

// What is no key is not taken for one, and is let through again: not a tenth of it is muted.
func TestTonesThatAreNoKeys(t *testing.T) {
	tests := []struct {
		name  string
		ms    float64
		tones []sine
	}{
		{"row 3.5 % too high", 500, pair('1', -10, -10, 0.035, 0)},
		{"row 3.5 % too low", 500, pair('D', -10, -10, -0.035, 0)},
		{"column 3.5 % too high", 500, pair('1', -10, -10, 0, 0.035)},
		{"column 3.5 % too low", 500, pair('D', -10, -10, 0, -0.035)},
		{"softer column 3.5 % too high", 500, pair('C', -10, -18, 0, 0.035)},
		{"softer row 3.5 % too low", 500, pair('*', -18, -10, -0.035, 0)},
		{"softer column 5 % too high", 500, pair('A', -10, -18, 0, 0.05)},
		{"the column 12 dB softer", 500, pair('5', -10, -22, 0, 0)},
		{"the row 12 dB softer", 500, pair('5', -22, -10, 0, 0)},
		{"both far too soft", 500, pair('5', -32, -32, 0, 0)},
		{"a row alone", 500, []sine{{770, -10}}},
		{"a column alone", 500, []sine{{1336, -10}}},
		{"two rows", 500, []sine{{770, -10}, {941, -10}}},
		{"two columns", 500, []sine{{1209, -10}, {1477, -10}}},
		{"a key with another row", 500, append(pair('5', -10, -10, 0, 0), sine{941, -10})},
		{"a key with its second harmonics", 500, append(pair('5', -10, -10, 0, 0), sine{1540, -13}, sine{2672, -13})},
		{"a key with a whistle", 2000, append(pair('5', -10, -10, 0, 0), sine{2500, -13})},
		{"between rows and columns", 500, []sine{{1075, -10}}},
		{"1000 Hz", 500, []sine{{1000, -10}}},
		{"dial tone", 500, []sine{{350, -13}, {440, -13}}},
		{"dial tone of Europe", 500, []sine{{425, -10}}},
		{"ringback", 500, []sine{{440, -13}, {480, -13}}},
		{"busy", 500, []sine{{480, -13}, {620, -13}}},
		{"no such number", 330, []sine{{1400, -10}}},
		{"a fax", 500, []sine{{1100, -10}}},
		{"a modem", 500, []sine{{1300, -10}, {2100, -10}}},
	}
	for _, tt := range tests {
		for at := range alignments {
			l := newLine(at)
			l.sends(tt.ms, 100, tt.tones...)
			l.noise(-70)
			if o := l.listen(codec.PCMA); o.keys != "" || o.muted > tt.ms/10 || o.torn > 0 || o.tones != (Tones{}) {
				t.Errorf("%s at %d: got %q, %.0f ms muted, %d torn, and then %+v", tt.name, at, o.keys, o.muted, o.torn, o.tones)
			}
		}
	}
}

// What is as short as a syllable's beginning is no key, by ITU-T Q.24: 23 ms at most.  In between it may be or not.
func TestShortTonesAreNoKeys(t *testing.T) {
	for _, ms := range []float64{5, 10, 15, 20, 23} {
		for _, key := range []byte(allKeys) {
			for at := range alignments {
				l := newLine(at)
				l.sends(ms, 100, pair(key, -10, -10, 0, 0)...)
				if o := l.listen(codec.PCMA); o.keys != "" || o.tones != (Tones{}) {
					t.Errorf("%v ms of %c at %d: got %q", ms, key, at, o.keys)
				}
			}
		}
	}
}

// A key that is interrupted for 10 ms is one, and pressed again after 30 ms it is another one.
func TestPausesBetweenKeys(t *testing.T) {
	for _, tt := range []struct {
		pause float64
		want  string
	}{{2, "7"}, {5, "7"}, {10, "7"}, {30, "77"}, {40, "77"}, {50, "77"}} {
		for at := range alignments {
			l := newLine(at)
			l.sends(60, tt.pause, pair('7', -10, -12, 0, 0)...)
			l.sends(60, 100, pair('7', -10, -12, 0, 0)...)
			l.noise(-60)
			if o := l.listen(codec.PCMU); o.keys != tt.want {
				t.Errorf("a pause of %v ms at %d: got %q, want %q", tt.pause, at, o.keys, tt.want)
			}
		}
	}
}

// A phone that dials by itself is as fast as can be, and all that is heard of its keys is less than 5 ms of each.
func TestFastKeysAsTones(t *testing.T) {
	for _, ms := range []float64{40, 45, 50, 65} {
		for _, number := range []string{allKeys, "1111111111", "1*1*1*"} {
			for at := range alignments {
				l := newLine(at)
				for _, key := range []byte(number) {
					l.sends(ms, ms, pair(key, -10, -10, 0, 0)...)
				}
				l.noise(-60)
				o := l.listen(codec.PCMA)
				if o.keys != number {
					t.Errorf("%v ms at %d: got %q, want %q", ms, at, o.keys, number)
				}
				for i, leak := range o.leaks {
					if leak > 5 {
						t.Errorf("%v ms at %d: %.1f ms of the key number %d are heard", ms, at, leak, i)
					}
				}
			}
		}
	}
}

func TestALongToneIsOneKey(t *testing.T) {
	for at := range alignments {
		l := newLine(at)
		l.sends(5000, 100, pair('#', -10, -10, 0.01, -0.01)...)
		l.noise(-30)
		if o := l.listen(codec.PCMA); o.keys != "#" || o.leaks[0] > 5 || o.muted > 5060 {
			t.Errorf("5 s of # at %d: got %q, %.1f ms are heard, %.0f muted", at, o.keys, o.leaks[0], o.muted)
		}
	}
}

// A dial tone that the keys do not end, 10 dB softer than they are.
func TestKeysOverADialTone(t *testing.T) {
	for _, key := range []byte(allKeys) {
		for at := range alignments {
			l := newLine(at)
			l.sound = append(l.sound, make([]float64, 40*milli)...)
			l.sends(50, 100, pair(key, -10, -10, 0, 0)...)
			l.add(0, len(l.sound), sine{350, -20})
			l.add(0, len(l.sound), sine{440, -20})
			if o := l.listen(codec.PCMA); o.keys != string(key) || o.leaks[0] > 9 {
				t.Errorf("%c at %d: got %q, %.1f ms are heard", key, at, o.keys, o.leaks[0])
			}
		}
	}
}

// Whatever numbers are dialled, by whatever phone within the limits, they are found as they are.
func TestAnyNumberAsTones(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		between := func(name string, least, most int) float64 { return float64(rapid.IntRange(least, most).Draw(t, name)) }
		l := newLine(rapid.IntRange(0, toneFrame-1).Draw(t, "alignment"))
		row := between("row, dBm0", -20, -5)
		col := row + between("twist, dB", -8, 4)
		offRow, offCol := between("row off, 1/1000", -15, 15)/1000, between("column off, 1/1000", -15, 15)/1000
		number := rapid.StringOfN(rapid.RuneFrom([]rune(allKeys)), 1, 12, -1).Draw(t, "number")
		for _, key := range []byte(number) {
			l.sends(between("held, ms", 40, 200), between("pause, ms", 40, 200), pair(key, row, col, offRow, offCol)...)
		}
		l.noise(min(row, col) - 25)
		law := rapid.SampledFrom([]*codec.Codec{codec.PCMA, codec.PCMU}).Draw(t, "law")
		if o := l.listen(law); o.keys != number || o.tones != (Tones{}) {
			t.Fatalf("%q was dialled, got %q, and then %+v", number, o.keys, o.tones)
		}
	})
}

// FuzzTones: whatever comes, or does not, a key is certain only in a frame that has come, and is muted then; frames are muted from a place within
// them on, and silence ends it all.
func FuzzTones(f *testing.F) {
	f.Add([]byte{0, 0, 3, 1, 0xff, 2, 7})
	f.Add([]byte("15#"))
	f.Fuzz(func(t *testing.T, steps []byte) {
		var tones Tones
		var pcm [toneFrame]int16
		l := &line{random: rand.New(rand.NewPCG(uint64(len(steps)), 1))}
		for i, step := range steps {
			key := allKeys[step&15]
			l.sound = make([]float64, toneFrame)
			begin := int(step) * 37 % toneFrame
			for _, tone := range pair(key, -10-float64(step%7), -10-float64(i%11), float64(step%5)/100, float64(i%5)/100) {
				if step < 128 {
					l.add(begin, toneFrame-begin, tone)
				}
			}
			for s := range pcm {
				pcm[s] = int16(l.sound[s]) + int16(int(step>>5)*s*i%256)
			}
			came := i%5 != 4
			key, from := tones.frame(pcm[:], came)
			switch {
			case from < 0 || from > toneFrame:
				t.Fatalf("step %d: muted from %d on", i, from)
			case key != 0 && (from != 0 || !tones.Sure && tones.Key != 0 || !came):
				t.Fatalf("step %d: %c, muted from %d on, %+v", i, key, from, tones)
			case tones.Sure && (tones.Key == 0 || !tones.Muted):
				t.Fatalf("step %d: %+v", i, tones)
			}
		}
		for range toneWary {
			tones.frame(make([]int16, toneFrame), true)
		}
		if tones != (Tones{}) {
			t.Fatalf("after silence: %+v", tones)
		}
	})
}

// The worst that a phone can do is to go on as a key begins.
func TestListeningForTonesAllocatesNothing(t *testing.T) {
	l := newLine(0)
	l.sends(100, 100, pair('5', -10, -10, 0, 0)...)
	var pcm [toneFrame]int16
	var tones Tones
	at, keys := 0, 0
	if n := testing.AllocsPerRun(1000, func() {
		for i := range pcm {
			pcm[i] = int16(l.sound[at+i])
		}
		if key, _ := tones.frame(pcm[:], true); key != 0 {
			keys++
		}
		at = (at + toneFrame) % (len(l.sound) - toneFrame)
	}); n != 0 || keys < 90 {
		t.Errorf("%v allocations in a frame, %d keys", n, keys)
	}
}

// BenchmarkTones is what a frame costs: silence, a sound that is no key, and a key.
func BenchmarkTones(b *testing.B) {
	for _, bb := range []struct {
		name  string
		tones []sine
	}{{"silence", nil}, {"sound", []sine{{440, -10}, {1000, -10}, {2300, -12}}}, {"key", pair('5', -10, -10, 0, 0)}} {
		b.Run(bb.name, func(b *testing.B) {
			l := newLine(0)
			l.sends(1000, 0, bb.tones...)
			pcm := make([]int16, len(l.sound))
			for i, s := range l.sound {
				pcm[i] = int16(s)
			}
			var tones Tones
			at := toneFrame
			b.ReportAllocs()
			for b.Loop() {
				tones.frame(pcm[at:], true)
				if at += toneFrame; at == len(pcm) {
					at = toneFrame
				}
			}
		})
	}
}
