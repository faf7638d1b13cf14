package media

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/media/mediatest/quality"
)

// watched is what becomes of sound that a leg watches for music.
type watched struct {
	seconds, muted float64
	begins         int
	first          float64 // when the first music began; 0: never
}

// watch plays sound through the playout to the watcher, as a leg does.
func watch(pcm []int16) (w watched) {
	l := &Leg{}
	l.mutesMusic = true
	l.jitter.setUp(160, 0)
	l.frame = make([]int16, 160)
	for at := 0; at+160 <= len(pcm); at += 160 {
		l.jitter.put(int64(at), pcm[at:at+160], 80)
		was := l.PlaysMusic()
		l.heard, l.level = l.jitter.pop(l.frame), levelUnknown
		l.watchMusic()
		w.seconds += 0.02
		if !l.PlaysMusic() {
			continue
		}
		w.muted += 0.02
		if !was {
			w.begins++
		}
		if w.first == 0 {
			w.first = w.seconds
		}
	}
	return w
}

// long are the texts for minutes of speech.
var long = []struct{ name, text, voices string }{
	{"English", "The north wind and the sun were disputing which was the stronger, when a traveler came along wrapped in a warm cloak. They agreed that the one who first succeeded in making the traveler take his cloak off should be considered stronger than the other. ", "en-us en-us+f3 en-gb+m3"},
	{"German", "Einst stritten sich Nordwind und Sonne, wer von ihnen beiden wohl der Stärkere wäre, als ein Wanderer, der in einen warmen Mantel gehüllt war, des Weges daherkam. ", "de de+f2"},
	{"Russian", "Однажды северный ветер и солнце заспорили кто из них сильнее. Как раз в это время они заметили закутанного в плащ путника, продвигающегося по дороге. ", "ru ru+f2"},
}

// Nobody who speaks is taken for music, alone, breathlessly, with noise around him, or three at once on one phone.
func TestE2ESpeechIsNoMusic(t *testing.T) {
	var all watched
	judge := func(name string, pcm []int16) {
		w := watch(pcm)
		all.seconds, all.muted, all.begins = all.seconds+w.seconds, all.muted+w.muted, all.begins+w.begins
		if w.begins > 0 {
			t.Errorf("%s: taken for music %d times in %.0f s, after %.1f s at first", name, w.begins, w.seconds, w.first)
		}
	}
	var voices [][]int16
	for _, l := range long {
		for _, voice := range strings.Fields(l.voices) {
			pcm := quality.Speech(t, voice, strings.Repeat(l.text, 6))
			voices = append(voices, pcm)
			judge(voice, pcm)
			judge(voice+", breathless", quality.Speech(t, voice, strings.NewReplacer(",", "", ".", "").Replace(strings.Repeat(l.text, 3))))
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	noisy := append([]int16(nil), voices[0]...)
	for i := range noisy {
		noisy[i] += int16(100 * random.NormFloat64())
	}
	judge("noise at -50 dBFS", noisy)
	t.Logf("%.0f s of speech: %.1f s muted in %d pieces", all.seconds, all.muted, all.begins)

	three := make([]int16, min(len(voices[0]), len(voices[3]), len(voices[5])))
	for i := range three {
		three[i] = voices[0][i]/2 + voices[3][i]/2 + voices[5][i]/2
	}
	w := watch(three)
	t.Logf("three at once, all the time: %.0f s, %.1f s muted in %d pieces", w.seconds, w.muted, w.begins)
}

// melody is an instrument that plays slowly, with rests: each note fades by 12 dB in a second, and is damped then.
func melody(seconds int) []int16 {
	pcm := make([]int16, seconds*8000)
	const note, rest = 6400, 2400
	for i := range pcm {
		n, at := i/(note+rest), i%(note+rest)
		if at >= note {
			continue
		}
		hz := 220 * math.Exp2(float64(n*5%12)/12)
		sound := 0.0
		for overtone := 1.0; overtone <= 4; overtone++ {
			sound += math.Sin(2*math.Pi*hz*overtone*float64(at)/8000) / overtone
		}
		pcm[i] = int16(3000 * sound * math.Pow(10, -0.6*float64(at)/8000))
	}
	return pcm
}

// Music with rests, in which there are as many gaps as in speech, is told by its notes.
func TestSlowMusicIsMusic(t *testing.T) {
	w := watch(melody(60))
	if w.first == 0 || w.first > 12 || w.muted < 40 || w.begins > 2 {
		t.Errorf("music with rests is noticed after %.1f s, and kept out for %.0f of %.0f s, %d times", w.first, w.muted, w.seconds, w.begins)
	}
}

// Who comes back from music with rests is heard again after 4 s at most, and is not kept out any more.
func TestE2ESpeechAfterSlowMusic(t *testing.T) {
	const music = 20
	w := watch(append(melody(music), quality.Speech(t, "en-us", strings.Repeat(long[0].text, 3))...))
	if over := w.muted - (music - w.first); w.first == 0 || over > 4 || w.begins > 1 {
		t.Errorf("music begins %d times, after %.1f s at first, and goes on for %.1f s of the speech", w.begins, w.first, over)
	}
}

// Who comes back from music without a rest is heard again within three seconds, however steady its notes were.
func TestE2ESpeechAfterMusic(t *testing.T) {
	chord := make([]int16, 20*8000)
	for i := range chord {
		for _, hz := range []float64{220, 277, 330} {
			chord[i] += int16(2000 * math.Sin(2*math.Pi*hz*float64(i)/8000))
		}
	}
	w := watch(append(chord, quality.Speech(t, "en-us", strings.Repeat(long[0].text, 3))...))
	if over := w.muted - (20 - w.first); w.first == 0 || over > 3 || w.begins > 1 {
		t.Errorf("music begins %d times, after %.1f s at first, and goes on for %.1f s of the speech", w.begins, w.first, over)
	}
}

// Who hesitates holds a vowel, and a hum in the background a pitch; neither is music.
func TestE2EHesitationIsNoMusic(t *testing.T) {
	pcm := quality.Speech(t, "en-us", strings.Repeat("Well, erm, I, uhm, think that, uh, we should, erm, have a, uhm, look at it again. Aaaah, mmmm, yes. ", 10))
	if w := watch(pcm); w.begins > 0 {
		t.Errorf("hesitation is taken for music %d times in %.0f s, after %.1f s at first", w.begins, w.seconds, w.first)
	}
	for _, hz := range []float64{50, 60, 100, 120} {
		for _, peak := range []float64{116, 300, 500} { // -49, -41 and -36 dBFS
			spoken := quality.Speech(t, "de", strings.Repeat(long[1].text, 4))
			for i := range spoken {
				spoken[i] += int16(peak * math.Sin(2*math.Pi*hz*float64(i)/8000))
			}
			if w := watch(spoken); w.begins > 0 {
				t.Errorf("a hum of %.0f Hz and %.0f behind a voice is taken for music %d times in %.0f s, after %.1f s at first", hz, peak, w.begins, w.seconds, w.first)
			}
		}
	}
}

// Noise is not music: nobody has put anything on hold.
func TestNoiseIsNoMusic(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]int16, 60*8000)
	for i := range noise {
		noise[i] = int16(1000 * random.NormFloat64())
	}
	if w := watch(noise); w.begins > 0 {
		t.Errorf("noise is taken for music after %.1f s", w.first)
	}
}

// others is the sound of others: WAV files of 8 kHz, 16 bit, in the folder that a variable names; else the test is skipped.
func others(t *testing.T, variable string) (names []string, pcms [][]int16) {
	names, _ = filepath.Glob(filepath.Join(os.Getenv(variable), "*.wav"))
	if os.Getenv(variable) == "" || len(names) == 0 {
		t.Skipf("%s names no folder with WAV files", variable)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]int16, (len(b)-44)/2)
		for i := range pcm {
			pcm[i] = int16(binary.LittleEndian.Uint16(b[44+2*i:]))
		}
		pcms = append(pcms, pcm)
	}
	return names, pcms
}

// TestMusicOfOthers judges real music on hold, such as that of Debian's asterisk-moh-opsound-wav, in the folder that MUSIC names. The rows are those
// of docs/quality.md.
func TestMusicOfOthers(t *testing.T) {
	names, pcms := others(t, "MUSIC")
	for i, pcm := range pcms {
		w := watch(pcm)
		fmt.Printf("| %s | %.0f s | %.1f s | %.0f %% | %d |\n", filepath.Base(names[i]), w.seconds, w.first, 100*w.muted/w.seconds, w.begins)
	}
}

// TestSpeechOfOthers judges real speech, such as that of Debian's asterisk-core-sounds-en-wav, in the folder that SPEECH names, file after file.
func TestSpeechOfOthers(t *testing.T) {
	_, pcms := others(t, "SPEECH")
	w := watch(slices.Concat(pcms...))
	fmt.Printf("%.0f s of speech: %.1f s muted in %d pieces\n", w.seconds, w.muted, w.begins)
}

func TestWatchingForMusicAllocatesNothing(t *testing.T) {
	l := &Leg{}
	l.mutesMusic = true
	l.jitter.setUp(160, 0)
	l.frame = make([]int16, 160)
	at := int64(0)
	pcm := make([]int16, 160)
	if n := testing.AllocsPerRun(1000, func() {
		tone(pcm, at)
		l.jitter.put(at, pcm, 80)
		at += 160
		l.heard, l.level = l.jitter.pop(l.frame), levelUnknown
		l.watchMusic()
	}); n != 0 {
		t.Errorf("%v allocations per tick", n)
	}
	if !l.PlaysMusic() {
		t.Error("20 s of a tone are not taken for music")
	}
}

// BenchmarkMusic is what a tick costs to watch for music.
func BenchmarkMusic(b *testing.B) {
	l := &Leg{}
	l.mutesMusic = true
	l.jitter.setUp(160, 0)
	l.frame = make([]int16, 160)
	pcm := melody(20)
	for at := 0; at+160 <= len(pcm); at += 160 {
		l.jitter.put(int64(at), pcm[at:at+160], 80)
		l.heard, l.level = l.jitter.pop(l.frame), levelUnknown
	}
	for b.Loop() {
		l.heard, l.level = true, -23
		l.watchMusic()
	}
}
