package phone

import (
	"math"
	"math/bits"
	"math/cmplx"
	"sync"
	"time"
)

// Floor is the level that is returned for "nothing at all", in dBFS.
const Floor = -120.0

// dBFS turns the peak of a sine into its level.
func dBFS(peak float64) float64 {
	if peak <= 0 {
		return Floor
	}
	return max(Floor, 20*math.Log10(peak/32767))
}

// ToneLevel is the level in dBFS of the sine of hz within pcm, by Goertzel's algorithm under a Hann window. The window
// is what keeps a loud neighbour out: with 400 ms a tone 20 Hz away is more than 60 dB down, with no window
// only 27 dB. A level within 0.05 dB needs hz to be right to a tenth of 1/duration.
func ToneLevel(pcm []int16, hz float64) float64 {
	if len(pcm) == 0 {
		return Floor
	}
	w := 2 * math.Pi * hz / Rate
	coefficient := 2 * math.Cos(w)
	var s1, s2, weight float64
	for i, v := range pcm {
		h := hann(i, len(pcm))
		weight += h
		s1, s2 = float64(v)*h+coefficient*s1-s2, s1
	}
	power := s1*s1 + s2*s2 - coefficient*s1*s2
	return dBFS(2 * math.Sqrt(max(0, power)) / weight)
}

func hann(i, n int) float64 { return 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(n)) }

// PeakLevel is the level of the largest sample of pcm in dBFS.
func PeakLevel(pcm []int16) float64 {
	peak := int32(0)
	for _, v := range pcm {
		peak = max(peak, int32(v), -int32(v))
	}
	return dBFS(float64(peak))
}

// Spectrum is the levels of all frequencies of a piece of sound at once; one of 8192 samples tells tones apart that are
// 8 Hz from each other. Use it where many tones are looked for.
type Spectrum struct{ peaks []float64 } // of the sines, squared

// NewSpectrum takes the last power of two of samples of pcm under a Hann window.
func NewSpectrum(pcm []int16) *Spectrum {
	if len(pcm) < 2 {
		return &Spectrum{peaks: []float64{0}}
	}
	n := 1 << (bits.Len(uint(len(pcm))) - 1)
	pcm = pcm[len(pcm)-n:]
	w := hannOf(n)
	// Two real samples make a complex one: a transform of half the length, of which each line and its mirror image
	// give the line of the even and of the odd samples.
	half := n / 2
	x := make([]complex128, half)
	for i := range x {
		x[i] = complex(float64(pcm[2*i])*w.h[2*i], float64(pcm[2*i+1])*w.h[2*i+1])
	}
	fft(x)
	s := &Spectrum{peaks: make([]float64, half+1)}
	scale := 2 / w.sum
	turns := turnsOf(n)
	for i := range s.peaks {
		a, b := x[i%half], cmplx.Conj(x[(half-i)%half])
		even, odd, turn := (a+b)/2, (a-b)/2, complex(-1, 0)
		if i < half {
			turn = turns[i]
		}
		line := even + turn*complex(imag(odd), -real(odd))
		re, im := real(line)*scale, imag(line)*scale
		s.peaks[i] = re*re + im*im
	}
	return s
}

// hannWindow is the window of one length, computed once.
type hannWindow struct {
	h   []float64
	sum float64
}

var hannWindows sync.Map // of *hannWindow by length

func hannOf(n int) *hannWindow {
	if w, ok := hannWindows.Load(n); ok {
		return w.(*hannWindow)
	}
	w := &hannWindow{h: make([]float64, n)}
	for i := range w.h {
		w.h[i] = hann(i, n)
		w.sum += w.h[i]
	}
	hannWindows.Store(n, w)
	return w
}

// Step is the distance between two lines of the spectrum in Hz. Tones on multiples of it are read exactly.
func (s *Spectrum) Step() float64 { return Rate / 2 / float64(max(1, len(s.peaks)-1)) }

// Level is the level in dBFS at the line nearest to hz.
func (s *Spectrum) Level(hz float64) float64 {
	i := int(math.Round(hz / s.Step()))
	return dBFS(math.Sqrt(s.peaks[max(0, min(i, len(s.peaks)-1))]))
}

// fft is the radix-2 transform of Cooley and Tukey in place; len(x) is a power of two.
func fft(x []complex128) {
	n := len(x)
	shift := 64 - bits.Len(uint(n-1))
	for i := range x {
		if j := int(bits.Reverse64(uint64(i)) >> shift); j > i {
			x[i], x[j] = x[j], x[i]
		}
	}
	turns := turnsOf(n)
	for size := 2; size <= n; size *= 2 {
		step := n / size
		for start := 0; start < n; start += size {
			low, high := x[start:start+size/2], x[start+size/2:start+size]
			for k := range low {
				a, b := low[k], high[k]*turns[k*step]
				low[k], high[k] = a+b, a-b
			}
		}
	}
}

var turnTables sync.Map // of []complex128 by length

// turnsOf is the first half of the n-th roots of one, computed once.
func turnsOf(n int) []complex128 {
	if t, ok := turnTables.Load(n); ok {
		return t.([]complex128)
	}
	t := make([]complex128, n/2)
	for i := range t {
		t[i] = cmplx.Rect(1, -2*math.Pi*float64(i)/float64(n))
	}
	turnTables.Store(n, t)
	return t
}

// samplesIn is the number of samples of a duration.
func samplesIn(d time.Duration) int { return int(d * Rate / time.Second) }
