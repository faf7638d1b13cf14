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

var losses = []loss{{"1 %", 0.01, 1}, {"3 %", 0.03, 1}, {"5 %", 0.05, 1}, {"10 %", 0.10, 1},
	{"1 %, three in a row", 0.01, 3}, {"3 %, three in a row", 0.03, 3}, {"5 %, three in a row", 0.05, 3}, {"10 %, three in a row", 0.10, 3}}

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

// segmentalSNR is the signal-to-noise ratio of one packet in dB, held between -10 and 35 as is usual.
func segmentalSNR(pcm, heard []int16, packet int) float64 {
	var signal, noise float64
	for i := 160 * packet; i < 160*packet+160; i++ {
		s, d := float64(pcm[i]), float64(pcm[i])-float64(heard[i])
		signal, noise = signal+s*s, noise+d*d
	}
	return max(-10, min(35, 10*math.Log10((signal+1)/(noise+1))))
}

// logSpectralDistance is the distance of the two spectra of one packet in dB, each bin no lower than 50 dB below the loudest one that was said.
func logSpectralDistance(pcm, heard []int16, packet int) float64 {
	a, b := spectrum(pcm, 160*packet), spectrum(heard, 160*packet)
	floor := 0.0
	for _, p := range a {
		floor = max(floor, p*1e-5)
	}
	var square float64
	for i := range a {
		d := 10 * math.Log10(max(a[i], floor)/max(b[i], floor))
		square += d * d
	}
	return math.Sqrt(square / float64(len(a)))
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

// The ways to fill a gap, as indices of a comparison.
const (
	silence = iota
	standard
	ours
	ways
)

// figures are a measure of each packet, for one way.
type figures []float64

func (f figures) mean() (mean float64) {
	for _, x := range f {
		mean += x / float64(len(f))
	}
	return mean
}

// over is how much greater f is than another way's in the mean, packet by packet, and the half of the interval in which that lies 19 times of 20.
func (f figures) over(other figures) (mean, within float64) {
	mean = f.mean() - other.mean()
	var square float64
	for i := range f {
		d := f[i] - other[i] - mean
		square += d * d
	}
	n := float64(len(f))
	return mean, 1.96 * math.Sqrt(square/(n-1)/n)
}

// comparison is the measures of one loss: of what was lost, of the packets after that, and of all.
type comparison struct {
	snr, dist, tail, all [ways]figures
}

// compare judges one voice with one pattern of loss.
func (c *comparison) compare(pcm []int16, lost []bool) {
	gone := active(pcm, len(lost), func(i int) bool { return lost[i] })
	after := active(pcm, len(lost), func(i int) bool { return !lost[i] && lost[i-1] })
	all := active(pcm, len(lost), func(int) bool { return true })
	for way, heard := range [ways][]int16{zeroed(pcm, lost), appendixI(pcm, lost), through(pcm, lost)} {
		for _, f := range gone {
			c.snr[way] = append(c.snr[way], segmentalSNR(pcm, heard, f))
			c.dist[way] = append(c.dist[way], logSpectralDistance(pcm, heard, f))
		}
		for _, f := range after {
			c.tail[way] = append(c.tail[way], logSpectralDistance(pcm, heard, f))
		}
		for _, f := range all {
			c.all[way] = append(c.all[way], segmentalSNR(pcm, heard, f))
		}
	}
}

// row is the line of the table.
func (c *comparison) row(name string) string {
	more, within := c.snr[ours].over(c.snr[silence])
	better, certain := c.snr[ours].over(c.snr[standard])
	return fmt.Sprintf("| %s | %d | %.1f | %.1f | %.1f | %.1f ± %.1f | %.1f ± %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f, %.1f, %.1f |\n", name, len(c.snr[ours]),
		c.snr[silence].mean(), c.snr[standard].mean(), c.snr[ours].mean(), more, within, better, certain,
		c.dist[silence].mean(), c.dist[standard].mean(), c.dist[ours].mean(), c.tail[standard].mean(), c.tail[ours].mean(),
		c.all[silence].mean(), c.all[standard].mean(), c.all[ours].mean())
}

// What is made up for lost packets is nearer to what was said than silence is, by both measures, and not by chance; and nearer than what G.711
// Appendix I makes up.  The table is that of docs/quality.md; QUALITY=1 writes it there.
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
		if far, silent := c.dist[ours].mean(), c.dist[silence].mean(); far > silent-8 {
			t.Errorf("%s: the spectrum is %.1f dB off, silence is %.1f", l.name, far, silent)
		}
		least := 0.5 // dB
		if l.burst > 1 {
			least = -1 // that of the last two of three is a matter of luck
		}
		if more, within := c.snr[ours].over(c.snr[silence]); more-within < least {
			t.Errorf("%s: the segmental SNR is %.1f ± %.1f dB more than that of silence, want %.1f at least", l.name, more, within, least)
		}
		if more, within := c.snr[ours].over(c.snr[standard]); more-within < 0 {
			t.Errorf("%s: the segmental SNR is %.1f ± %.1f dB more than that of Appendix I", l.name, more, within)
		}
	}
	t.Logf("\n%s", table.String())
	if os.Getenv("QUALITY") != "" {
		quality.WriteTable(t, "../docs/quality.md", "concealment", table.String())
	}
}
