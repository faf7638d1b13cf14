package media

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/media/mediatest/quality"
)

// loss decides which packets get lost.
type loss struct {
	name  string
	share float64
	burst int
}

var losses = []loss{{"1 %", 0.01, 1}, {"3 %", 0.03, 1}, {"5 %", 0.05, 1}, {"10 %", 0.10, 1}, {"5 %, three in a row", 0.05, 3}}

// packets says which of n get lost, another lot for each turn.
func (l loss) packets(n, turn int) []bool {
	random := rand.New(rand.NewPCG(uint64(turn), uint64(1000*l.share)+uint64(l.burst)))
	lost := make([]bool, n)
	for i := 20; i < n-l.burst; i++ {
		if random.Float64() < l.share/float64(l.burst) {
			for k := range l.burst {
				lost[i+k] = true
			}
			i += l.burst
		}
	}
	return lost
}

// through plays sound of which some packets get lost, and returns what is heard, in the place of what was said.
func through(pcm []int16, lost []bool) []int16 {
	var j jitter
	j.setUp(160, 0)
	heard := make([]int16, len(pcm)+160*64)
	frame := make([]int16, 160)
	for i := range lost {
		if !lost[i] {
			j.put(int64(160*i), pcm[160*i:160*i+160], 80)
		}
		j.pop(frame)
		if at := j.Next - 160; at >= 0 && int(at)+160 <= len(heard) {
			copy(heard[at:], frame)
		}
	}
	return heard[:len(pcm)]
}

// zeroed is the sound with silence in the place of what is lost.
func zeroed(pcm []int16, lost []bool) []int16 {
	out := append([]int16(nil), pcm...)
	for i, gone := range lost {
		if gone {
			clear(out[160*i : 160*i+160])
		}
	}
	return out
}

// active are those packets of the wanted kind in which somebody speaks.
func active(pcm []int16, packets int, wanted func(i int) bool) (frames []int) {
	for i := 1; i < packets; i++ {
		if wanted(i) && decibels(meanSquare(pcm[160*i:160*i+160])) > -45 {
			frames = append(frames, i)
		}
	}
	return frames
}

// segmentalSNR is the sum over the packets of the signal-to-noise ratio of each, held between -10 and 35 dB as is usual.
func segmentalSNR(pcm, heard []int16, frames []int) float64 {
	var sum float64
	for _, f := range frames {
		var signal, noise float64
		for i := 160 * f; i < 160*f+160; i++ {
			s, d := float64(pcm[i]), float64(pcm[i])-float64(heard[i])
			signal, noise = signal+s*s, noise+d*d
		}
		sum += max(-10, min(35, 10*math.Log10((signal+1)/(noise+1))))
	}
	return sum
}

// logSpectralDistance is the sum over the packets of the distance of the two spectra in dB, each bin no lower than 50 dB below the
// loudest one that was said.
func logSpectralDistance(pcm, heard []int16, frames []int) float64 {
	var sum float64
	for _, f := range frames {
		a, b := spectrum(pcm, 160*f), spectrum(heard, 160*f)
		floor := 0.0
		for _, p := range a {
			floor = max(floor, p*1e-5)
		}
		var square float64
		for i := range a {
			d := 10 * math.Log10(max(a[i], floor)/max(b[i], floor))
			square += d * d
		}
		sum += math.Sqrt(square / float64(len(a)))
	}
	return sum
}

// spectrum is the power of 160 samples in 80 bins, with a Hann window.
func spectrum(pcm []int16, at int) *[80]float64 {
	var power [80]float64
	var sound [160]float64
	for i := range sound {
		sound[i] = float64(pcm[at+i])
	}
	for k := range power {
		var re, im float64
		wave := &waves[k]
		for i, s := range &sound {
			re += s * wave[i][0]
			im += s * wave[i][1]
		}
		power[k] = re*re + im*im
	}
	return &power
}

// waves are the bins, windowed.
var waves = func() (w [80][160][2]float64) {
	for k := range w {
		for i := range w[k] {
			hann := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/160)
			sin, cos := math.Sincos(2 * math.Pi * float64(i*k) / 160)
			w[k][i] = [2]float64{hann * cos, hann * sin}
		}
	}
	return w
}()

// comparison is the measures of one loss, as sums over packets: of silence in the place of what is lost, and of what is made up.
type comparison struct {
	lost, after     int // packets
	snr, dist, tail [2]float64
}

// compare judges one voice with one pattern of loss.
func (c *comparison) compare(pcm []int16, lost []bool) {
	gone := active(pcm, len(lost), func(i int) bool { return lost[i] })
	after := active(pcm, len(lost), func(i int) bool { return !lost[i] && lost[i-1] })
	c.lost, c.after = c.lost+len(gone), c.after+len(after)
	for i, heard := range [][]int16{zeroed(pcm, lost), through(pcm, lost)} {
		c.snr[i] += segmentalSNR(pcm, heard, gone)
		c.dist[i] += logSpectralDistance(pcm, heard, gone)
		c.tail[i] += logSpectralDistance(pcm, heard, after)
	}
}

// row is the line of the table.
func (c *comparison) row(name string) string {
	n, m := float64(c.lost), float64(c.after)
	return fmt.Sprintf("| %s | %d | %.1f | %.1f | %.1f | %.1f | %.1f |\n", name, c.lost,
		c.snr[0]/n, c.snr[1]/n, c.dist[0]/n, c.dist[1]/n, c.tail[1]/m)
}

// What is made up for lost packets is nearer to what was said than silence is, by both measures, and clearly so by the spectrum.  The
// table is that of docs/quality.md; QUALITY=1 writes it there.
func TestE2EConcealmentOnSpeech(t *testing.T) {
	var voices [][]int16
	for _, s := range said {
		voices = append(voices, quality.Speech(t, s.voice, s.text))
	}
	var table strings.Builder
	for _, l := range losses {
		var c comparison
		for _, pcm := range voices {
			for turn := range 10 {
				c.compare(pcm, l.packets(len(pcm)/160, turn))
			}
		}
		table.WriteString(c.row(l.name))
		n := float64(c.lost)
		if c.dist[1]/n > c.dist[0]/n-8 {
			t.Errorf("%s: the spectrum is %.1f dB off, silence is %.1f", l.name, c.dist[1]/n, c.dist[0]/n)
		}
		if l.burst == 1 && c.snr[1]/n < 1 || c.snr[1]/n < -0.5 {
			t.Errorf("%s: the segmental SNR is %.1f dB, with silence it is 0", l.name, c.snr[1]/n)
		}
	}
	t.Logf("\n%s", table.String())
	if os.Getenv("QUALITY") != "" {
		quality.WriteTable(t, "../docs/quality.md", "concealment", table.String())
	}
}
