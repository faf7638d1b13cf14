package phone

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// nine is three seconds of what is heard in a room of ten: nine tones, each of which went through G.711, mixed, and through it again. change
// may do something to what one of them says on its way in, or to the whole.
func nine(random *rand.Rand, change func(one int, pcm []int16) []int16) (pcm []int16, tones []float64) {
	const length = 3 * Rate
	line := float64(Rate) / 8192
	first := 308 + 8*random.IntN(40)
	var mix []int32
	for one := range 9 {
		hz := line * float64(first+one*400%3000)
		if one == 8 {
			hz = line * float64(first+4*8) // the tones of a room begin anew at the bottom of the band
		}
		tones = append(tones, hz)
		said := make([]int16, length)
		tone := Tone(hz, -23)
		tone.Fill(make([]int16, random.IntN(Rate))) // anywhere in its period
		tone.Fill(said)
		law := []Codec{PCMA, PCMU}[one%2]
		law.decode(said, law.Encode(said))
		said = change(one, said)
		if mix == nil {
			mix = make([]int32, length-Rate)
		}
		for i := range mix {
			mix[i] += int32(said[i])
		}
	}
	for _, v := range mix {
		pcm = append(pcm, int16(max(-32768, min(32767, v))))
	}
	pcm = change(-1, pcm)
	PCMA.decode(pcm, PCMA.Encode(pcm))
	return pcm, tones
}

func TestBreaks(t *testing.T) {
	const at = 8100
	for _, tc := range []struct {
		what   string
		breaks int
		change func(one int, pcm []int16) []int16
	}{
		{"nothing has happened", 0, func(_ int, pcm []int16) []int16 { return pcm }},
		{"a sample of all is lost", 1, func(one int, pcm []int16) []int16 {
			if one >= 0 {
				return pcm
			}
			return slices.Delete(pcm, at, at+1)
		}},
		{"a packet of all is lost", 1, func(one int, pcm []int16) []int16 {
			if one >= 0 {
				return pcm
			}
			return slices.Delete(pcm, at, at+160)
		}},
		{"a packet is heard twice", 1, func(one int, pcm []int16) []int16 {
			if one >= 0 {
				return pcm
			}
			return slices.Insert(pcm, at+160, slices.Clone(pcm[at:at+160])...)
		}},
		{"a packet is silent", 1, func(one int, pcm []int16) []int16 {
			if one < 0 {
				clear(pcm[at : at+160])
			}
			return pcm
		}},
		{"a packet of one of them is silent", 1, func(one int, pcm []int16) []int16 {
			if one == 3 {
				clear(pcm[at : at+160])
			}
			return pcm
		}},
		{"four samples of one of them are lost", 1, func(one int, pcm []int16) []int16 {
			if one == 2 {
				return slices.Delete(pcm, at, at+4)
			}
			return pcm
		}},
		{"all are 2 dB softer", 1, func(one int, pcm []int16) []int16 {
			for i := at; one < 0 && i < len(pcm); i++ {
				pcm[i] = int16(float64(pcm[i]) * 0.8)
			}
			return pcm
		}},
		{"it breaks twice", 2, func(one int, pcm []int16) []int16 {
			if one < 0 {
				clear(pcm[at : at+160])
				clear(pcm[at+4000 : at+4160])
			}
			return pcm
		}},
	} {
		t.Run(tc.what, func(t *testing.T) {
			for seed := range uint64(40) {
				pcm, tones := nine(rand.New(rand.NewPCG(seed, 7)), tc.change)
				got := Breaks(pcm, tones)
				if len(got) != tc.breaks {
					t.Errorf("%d: breaks at %v", seed, got)
				} else if tc.breaks > 0 && (got[0] < at-2*breakBlock || got[0] > at+3*160) {
					t.Errorf("%d: the break at %d is found at %d", seed, at, got[0])
				}
			}
		})
	}
}

func TestHistogramSince(t *testing.T) {
	var h Histogram
	h.Add(30 * time.Millisecond)
	h.Add(20 * time.Millisecond)
	before := h
	h.Add(20 * time.Millisecond)
	h.Add(25 * time.Millisecond)
	since := h.Since(&before)
	if since.Count != 2 || since.Max != 25*time.Millisecond+histogramStep || since.Quantile(0.5) != 20*time.Millisecond+histogramStep {
		t.Errorf("%d gaps, half of them to %v, the longest %v", since.Count, since.Quantile(0.5), since.Max)
	}
	before = h
	h.Add(time.Second)
	if since := h.Since(&before); since.Count != 1 || since.Max != time.Second {
		t.Errorf("%d gaps, the longest %v", since.Count, since.Max)
	}
}

// TestBetween: what was heard between two marks, as long as it is kept; and sound that was left out is counted.
func TestBetween(t *testing.T) {
	c := &Call{line: &line{ear: newEar(time.Second)}}
	say := func(n, ts int) {
		payload := make([]byte, 160)
		for i := range payload {
			payload[i] = PCMA.Encode([]int16{int16(1000 * n)})[0]
		}
		packet := append([]byte{0x80, uint8(PCMA), 0, byte(n), 0, 0, byte(ts >> 8), byte(ts), 0, 0, 0, 7}, payload...)
		c.line.ear.receive(packet, netip.AddrPort{}, time.Unix(0, int64(n)*20e6))
	}
	say(1, 160)
	var gaps Histogram
	from := c.Mark(&gaps)
	say(2, 320)
	say(3, 480)
	to := c.Mark(&gaps)
	say(4, 800)
	pcm := c.Between(from, to)
	if len(pcm) != 320 || pcm[0] < 1900 || pcm[0] > 2100 || pcm[319] < 2900 || pcm[319] > 3100 {
		t.Errorf("%d samples: %v", len(pcm), pcm)
	}
	if gaps.Count != 2 {
		t.Errorf("%d gaps until the second mark", gaps.Count)
	}
	if all := c.Between(-100, to+1e6); len(all) != 5*160 {
		t.Errorf("%d samples in all", len(all))
	}
	if h := c.Heard(); h.TSJumps != 1 || h.Unsent != 160 {
		t.Errorf("%d jumps over %d samples", h.TSJumps, h.Unsent)
	}
}
